"""Users, identities and sessions as the tables hold them, and as GoTrue's clients see them.

Key names, their order, and which keys are left out when empty follow the recorded answers of
GoTrue v2.196.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    import asyncpg

NO_USER = UUID(int=0)
"""Id of the actor in audit entries of administrators, who are no users."""

_TIMES_LEFT_OUT_WHEN_UNSET = (
    "email_confirmed_at",
    "invited_at",
    "phone_confirmed_at",
    "confirmation_sent_at",
    "confirmed_at",
    "recovery_sent_at",
    "email_change_sent_at",
    "phone_change_sent_at",
    "reauthentication_sent_at",
    "last_sign_in_at",
    "banned_until",
    "deleted_at",
)


@dataclass(frozen=True)
class Identity:
    """What a provider says about a user; `provider_id` is the provider's id of them."""

    id: UUID
    provider_id: str
    user_id: UUID
    data: dict[str, Any]
    provider: str
    last_sign_in_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime

    @classmethod
    def from_record(cls, record: asyncpg.Record) -> Identity:
        """Row of `auth.identities`."""
        return cls(
            id=record["id"],
            provider_id=record["provider_id"],
            user_id=record["user_id"],
            data=record["identity_data"],
            provider=record["provider"],
            last_sign_in_at=record["last_sign_in_at"],
            created_at=record["created_at"],
            updated_at=record["updated_at"],
        )

    def to_json(self) -> dict[str, Any]:
        """As it appears in a user's `identities`."""
        answer: dict[str, Any] = {
            "identity_id": str(self.id),
            "id": self.provider_id,
            "user_id": str(self.user_id),
            "identity_data": self.data,
            "provider": self.provider,
        }
        if self.last_sign_in_at is not None:
            answer["last_sign_in_at"] = rfc3339(self.last_sign_in_at)
        answer["created_at"] = rfc3339(self.created_at)
        answer["updated_at"] = rfc3339(self.updated_at)
        if email := self.data.get("email"):
            answer["email"] = str(email).lower()
        return answer


@dataclass(frozen=True)
class Factor:
    """One row of `auth.mfa_factors`: a second factor, of which only TOTP is offered.

    Attributes:
        secret: Base32, shared with the user's authenticator.
    """

    id: UUID
    user_id: UUID
    friendly_name: str
    factor_type: str
    status: str
    secret: str = field(repr=False)
    created_at: dt.datetime
    updated_at: dt.datetime
    last_challenged_at: dt.datetime | None

    @classmethod
    def from_record(cls, record: asyncpg.Record) -> Factor:
        """Row of `auth.mfa_factors`."""
        return cls(
            id=record["id"],
            user_id=record["user_id"],
            friendly_name=record["friendly_name"] or "",
            factor_type=record["factor_type"],
            status=record["status"],
            secret=record["secret"] or "",
            created_at=record["created_at"],
            updated_at=record["updated_at"],
            last_challenged_at=record["last_challenged_at"],
        )

    @property
    def is_verified(self) -> bool:
        """Whether the user has shown that they hold it."""
        return self.status == "verified"

    def to_json(self) -> dict[str, Any]:
        """As it appears in a user's `factors`, without its secret."""
        answer: dict[str, Any] = {
            "id": str(self.id),
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at),
            "status": self.status,
        }
        if self.friendly_name:
            answer["friendly_name"] = self.friendly_name
        answer |= {"factor_type": self.factor_type, "phone": ""}
        if self.last_challenged_at is not None:
            answer["last_challenged_at"] = rfc3339(self.last_challenged_at)
        return answer


@dataclass(frozen=True)
class User:
    """One row of `auth.users`, the user's identities (unless None) and second factors."""

    id: UUID
    audience: str
    role: str
    email: str
    phone: str
    encrypted_password: str | None
    new_email: str
    new_phone: str
    app_metadata: dict[str, Any]
    user_metadata: dict[str, Any]
    created_at: dt.datetime
    updated_at: dt.datetime
    is_anonymous: bool
    is_sso_user: bool
    times: dict[str, dt.datetime]
    email_change_confirmations: int
    identities: tuple[Identity, ...] | None
    factors: tuple[Factor, ...] = ()

    @classmethod
    def from_record(
        cls,
        record: asyncpg.Record,
        identities: tuple[Identity, ...] | None,
        factors: tuple[Factor, ...] = (),
    ) -> User:
        """Row of `auth.users`. A text column that is null counts as empty."""
        return cls(
            id=record["id"],
            audience=record["aud"] or "",
            role=record["role"] or "",
            email=record["email"] or "",
            phone=record["phone"] or "",
            encrypted_password=record["encrypted_password"],
            new_email=record["email_change"] or "",
            new_phone=record["phone_change"] or "",
            app_metadata=record["raw_app_meta_data"] or {},
            user_metadata=record["raw_user_meta_data"] or {},
            created_at=record["created_at"],
            updated_at=record["updated_at"],
            is_anonymous=record["is_anonymous"],
            is_sso_user=record["is_sso_user"],
            times={
                name: record[name]
                for name in _TIMES_LEFT_OUT_WHEN_UNSET
                if record[name] is not None
            },
            email_change_confirmations=record["email_change_confirm_status"] or 0,
            identities=identities,
            factors=factors,
        )

    @property
    def has_second_factor(self) -> bool:
        """Whether a second factor is verified."""
        return any(factor.is_verified for factor in self.factors)

    @property
    def is_confirmed(self) -> bool:
        """Whether the e-mail address is confirmed."""
        return "email_confirmed_at" in self.times

    @property
    def is_banned(self) -> bool:
        """Whether signing in is forbidden at present."""
        until = self.times.get("banned_until")
        return until is not None and until > dt.datetime.now(dt.UTC)

    def identity(self, provider: str) -> Identity | None:
        """The user's identity at a provider."""
        return next((one for one in self.identities or () if one.provider == provider), None)

    def to_json(self, *, newly_created: bool = False) -> dict[str, Any]:
        """As clients see it.

        Args:
            newly_created: GoTrue answers a sign-up with the user as it was written, so the column
                that the database computes (`confirmed_at`) is not in it.
        """
        times = {name: rfc3339(moment) for name, moment in self.times.items()}
        if newly_created:
            times.pop("confirmed_at", None)
        identities = (
            None
            if self.identities is None
            else [identity.to_json() for identity in self.identities]
        )
        answer: dict[str, Any] = {
            "id": str(self.id),
            "aud": self.audience,
            "role": self.role,
            "email": self.email,
            "email_confirmed_at": times.get("email_confirmed_at"),
            "invited_at": times.get("invited_at"),
            "phone": self.phone,
            "phone_confirmed_at": times.get("phone_confirmed_at"),
            "confirmation_sent_at": times.get("confirmation_sent_at"),
            "confirmed_at": times.get("confirmed_at"),
            "recovery_sent_at": times.get("recovery_sent_at"),
            "new_email": self.new_email or None,
            "email_change_sent_at": times.get("email_change_sent_at"),
            "new_phone": self.new_phone or None,
            "phone_change_sent_at": times.get("phone_change_sent_at"),
            "reauthentication_sent_at": times.get("reauthentication_sent_at"),
            "last_sign_in_at": times.get("last_sign_in_at"),
            "app_metadata": self.app_metadata,
            "user_metadata": self.user_metadata,
            "factors": [factor.to_json() for factor in self.factors] or None,
            "identities": identities,
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at),
            "banned_until": times.get("banned_until"),
            "deleted_at": times.get("deleted_at"),
            "is_anonymous": self.is_anonymous,
        }
        # A list without identities is null in lists of users; every other unset key is left out.
        return {
            name: value
            for name, value in answer.items()
            if value is not None or name == "identities"
        }


@dataclass(frozen=True)
class NewUser:
    """A user to add. Address and number are None when there is none."""

    id: UUID
    audience: str
    role: str
    encrypted_password: str
    app_metadata: dict[str, Any]
    user_metadata: dict[str, Any]
    email: str | None = None
    phone: str | None = None
    is_anonymous: bool = False


@dataclass(frozen=True)
class Session:
    """One row of `auth.sessions`.

    Attributes:
        not_after: End of the session, when it has one.
        methods: How it was authenticated and when, the newest first.
    """

    id: UUID
    user_id: UUID
    created_at: dt.datetime
    aal: str
    not_after: dt.datetime | None
    methods: tuple[tuple[str, dt.datetime], ...]

    @property
    def has_ended(self) -> bool:
        """Whether its time is over."""
        return self.not_after is not None and self.not_after <= dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class RefreshToken:
    """One row of `auth.refresh_tokens`.

    Attributes:
        digest: What is kept of its value.
        parent: Digest of the token that it replaced.
        age_seconds: Time since its last change.
    """

    id: int
    digest: str
    parent: str | None
    revoked: bool
    session_id: UUID | None
    user_id: UUID
    age_seconds: float


@dataclass(frozen=True)
class Client:
    """Where a request comes from.

    Attributes:
        user_agent: As sent, shortened.
        address: IP address, when known.
    """

    user_agent: str
    address: str | None


@dataclass(frozen=True)
class Page:
    """One page of a list. `number` counts from 1."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """Rows before the page."""
        return (self.number - 1) * self.size


def rfc3339(moment: dt.datetime) -> str:
    """Time in UTC as Go writes it: trailing zeros of the fraction are left out."""
    text = moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text.rstrip("0").rstrip(".") + "Z"
