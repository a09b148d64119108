"""What the service answers, in GoTrue's names, for its OpenAPI document.

The routes build their answers themselves (`models.py`, `access_tokens.py`); the tests hold every
answer against these models, which take no member that they do not name.
"""

import datetime as dt
import uuid
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

JsonObject = dict[str, Any]
Absent = Annotated[None, SkipJsonSchema()]
"""A member that is left out instead of being null."""


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Nothing(Answer):
    """An empty object: it is done, and there is nothing to say."""


class Health(Answer):
    """The process answers."""

    version: str
    name: Literal["GoTrue"]
    description: str


class Settings(Answer):
    """What a sign-in form needs to know."""

    external: dict[str, bool]
    disable_signup: bool
    mailer_autoconfirm: bool
    phone_autoconfirm: bool
    sms_provider: str
    saml_enabled: bool
    saml_private_key_next_configured: bool
    passkeys_enabled: bool


class KeySet(Answer):
    """JSON Web Key Set (RFC 7517)."""

    keys: list[JsonObject]


class Identity(Answer):
    """How a user is known to a provider."""

    identity_id: uuid.UUID
    id: str
    user_id: uuid.UUID
    identity_data: JsonObject
    provider: str
    last_sign_in_at: dt.datetime | Absent = None
    created_at: dt.datetime
    updated_at: dt.datetime
    email: str | Absent = None


class Factor(Answer):
    """A second factor, without its secret."""

    id: uuid.UUID
    created_at: dt.datetime
    updated_at: dt.datetime
    status: Literal["verified", "unverified"]
    friendly_name: str | Absent = None
    factor_type: str
    phone: str
    last_challenged_at: dt.datetime | Absent = None


class User(Answer):
    """A user. A member that is not set is left out; `identities` is null in lists."""

    id: uuid.UUID
    aud: str
    role: str
    email: str
    email_confirmed_at: dt.datetime | Absent = None
    invited_at: dt.datetime | Absent = None
    phone: str
    phone_confirmed_at: dt.datetime | Absent = None
    confirmation_sent_at: dt.datetime | Absent = None
    confirmed_at: dt.datetime | Absent = None
    recovery_sent_at: dt.datetime | Absent = None
    new_email: str | Absent = None
    email_change_sent_at: dt.datetime | Absent = None
    new_phone: str | Absent = None
    phone_change_sent_at: dt.datetime | Absent = None
    reauthentication_sent_at: dt.datetime | Absent = None
    last_sign_in_at: dt.datetime | Absent = None
    app_metadata: JsonObject
    user_metadata: JsonObject
    factors: list[Factor] | Absent = None
    identities: list[Identity] | None
    created_at: dt.datetime
    updated_at: dt.datetime
    banned_until: dt.datetime | Absent = None
    deleted_at: dt.datetime | Absent = None
    is_anonymous: bool


class GeneratedLink(User):
    """A user, with a link and a code for the administrator to hand out."""

    action_link: str
    email_otp: str
    hashed_token: str
    verification_type: str
    redirect_to: str


class Users(Answer):
    """One page of users."""

    users: list[User]
    aud: str


class WeakPassword(Answer):
    """Why a password would not be accepted today."""

    message: str
    reasons: list[str]


class Session(Answer):
    """Tokens and the user whom they sign in. `expires_at` counts seconds since 1970."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    expires_at: int
    refresh_token: str
    user: User
    weak_password: WeakPassword | None = None


class HalfConfirmed(Answer):
    """One of two addresses has confirmed a change."""

    code: Literal["200"]
    msg: str


class TotpSecret(Answer):
    """What an authenticator needs: an SVG image as data URI, base32 text, an otpauth URI."""

    qr_code: str
    secret: str
    uri: str


class ProviderAddress(Answer):
    """Where the browser goes to sign in at a provider."""

    url: str


class EnrolledFactor(Answer):
    """A second factor that is yet to be verified."""

    id: uuid.UUID
    type: Literal["totp"]
    friendly_name: str
    totp: TotpSecret


class Challenge(Answer):
    """A challenge to a second factor. `expires_at` counts seconds since 1970."""

    id: uuid.UUID
    type: Literal["totp"]
    expires_at: int


class RemovedFactor(Answer):
    """The second factor that is gone."""

    id: uuid.UUID


class AuditEntry(Answer):
    """Who did what."""

    id: uuid.UUID
    payload: JsonObject
    created_at: dt.datetime
    ip_address: str


class WeakPasswordReasons(Answer):
    """Which requirements a password misses."""

    reasons: list[str]


class Error(Answer):
    """Why a request is refused. `code` is the HTTP status."""

    code: int
    error_code: str = Field(min_length=1)
    msg: str
    weak_password: WeakPasswordReasons | Absent = None


class VersionedError(Answer):
    """The same for a request with `X-Supabase-Api-Version: 2024-01-01` or later."""

    code: str = Field(min_length=1)
    message: str
    weak_password: WeakPasswordReasons | Absent = None
