"""Sign-up, sessions, identity providers, and what guards accounts."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from infra.config.section import Section
from infra.config.values import (
    HookAddress,
    MailName,
    ProviderName,
    Secret,
    TemplateFile,
    VolumeName,
    WebAddress,
)

PROVIDERS_WITH_KNOWN_URL = ("github", "gitlab", "google", "linkedin_oidc", "slack_oidc")
"""Identity providers that the auth service finds without being told where they are."""

GOTRUE_PROVIDERS = frozenset(
    [
        "apple",
        "azure",
        "bitbucket",
        "discord",
        "facebook",
        "figma",
        "fly",
        "github",
        "gitlab",
        "google",
        "kakao",
        "keycloak",
        "linkedin",
        "linkedin_oidc",
        "notion",
        "slack",
        "slack_oidc",
        "snapchat",
        "spotify",
        "twitch",
        "twitter",
        "workos",
        "zoom",
    ]
)
"""Identity providers that GoTrue v2.196 knows; it takes no others."""


class AuthProvider(Section):
    """A provider that people sign in with: GitHub, or any OpenID Connect issuer."""

    client_id: Annotated[str, Field(min_length=1)]
    """Whom the provider knows this application as. Ids of native applications, whose ID tokens
    count as well, follow it after commas."""

    secret: Secret
    """Only as a secret: `pulumi config set --secret --path plinth:auth.providers.NAME.secret`."""

    url: WebAddress | None = None
    """The issuer of the provider's ID tokens; for `azure` `https://login.microsoftonline.com/` and
    the tenant's id, for `github` a GitHub Enterprise Server. `github`, `gitlab`, `google`,
    `linkedin_oidc` and `slack_oidc` need none."""


class Attempts(Section):
    """Wrong passwords and codes. Sessions that exist are not touched by them."""

    by_address: Annotated[int, Field(ge=1, le=1000)] = 10
    """Attempts of an account and a client address that need not wait."""

    first_wait_seconds: Annotated[int, Field(ge=1, le=3600)] = 1
    """What the next one waits; each further one waits twice as long."""

    by_address_longest_seconds: Annotated[int, Field(ge=1, le=86_400)] = 900
    """Longest wait between two of them."""

    by_account: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Attempts of an account from any addresses within an hour that need not wait. Addresses
    from which the account has a session are counted apart."""

    by_account_longest_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """Longest wait between two of them: its owner waits as long at a new address."""


class AuthRateLimits(Section):
    """How often auth is asked, besides the gateway's limits."""

    by_address: bool | None = None
    """Limit the requests of each client address by kind, with the numbers below. Default: on in
    production."""

    sign_ins: Annotated[int, Field(ge=1, le=1_000_000)] = 300
    """Sign-ins and refreshes in five minutes."""

    verifications: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    """Links and codes in five minutes."""

    mail_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    """Requests for a mail in five minutes, and as many sign-ups."""

    anonymous_sign_ups: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    """Anonymous sign-ups in an hour."""

    challenges: Annotated[int, Field(ge=1, le=1_000_000)] = 15
    """Challenges of second factors, and answers to them, in a minute."""

    mails: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Mails in an hour to all addresses together; whether or not `by_address` is on."""


class BreachedPasswords(Section):
    """Passwords that may not be set, because they are known from breaches."""

    volume: VolumeName
    """Volume of the engine that holds the range files of haveibeenpwned.com, readable for all. The
    stack mounts it read-only, and neither makes nor removes it."""

    refuse_unchecked: bool = False
    """Refuse a password whose file cannot be read."""


class AccessTokenHook(Section):
    """What changes the claims of access tokens before they are signed."""

    address: HookAddress
    """`pg-functions://postgres/<schema>/<function>` or `https://…`."""

    secret: Secret | None = None
    """Key that requests to an endpoint are signed with, `v1,whsec_<base64>`; several with a
    vertical bar between them. Only as a secret."""

    @model_validator(mode="after")
    def _endpoint_has_a_secret(self) -> Self:
        if self.address.startswith("https:") and self.secret is None:
            raise ValueError(
                "is an endpoint, whose requests are signed; set its key: pulumi config set "
                "--secret --path plinth:auth.access_token_hook.secret"
            )
        return self


class Auth(Section):
    """Sign-up and sessions."""

    site_url: WebAddress = "http://127.0.0.1:3000"
    """The application's address: where links in mails lead by default."""

    autoconfirm: bool = False
    """Treat every new e-mail address as confirmed. For development only: anybody can then sign
    up with anybody's address."""

    signup: bool = True
    """Whether new users may sign up."""

    anonymous_users: bool = False
    """Whether a session may be had without an address."""

    token_lifetime_seconds: Annotated[int, Field(ge=60, le=86_400)] = 3600
    """Lifetime of an access token. A revoked session keeps its last token until then."""

    password_minimum_length: Annotated[int, Field(ge=8, le=72)] = 8
    """Shortest password, in characters."""

    refresh_reuse_seconds: Annotated[int, Field(ge=0, le=300)] = 10
    """For how long a refresh token that was just used is accepted once more, so that two tabs
    that refresh at once both keep their session."""

    redirects: tuple[str, ...] = ()
    """Where links in mails may lead besides the application: addresses, in which `*` stands for
    anything but `.` and `/`, and `**` for anything. Whatever else a request asks for leads to the
    application."""

    mail_interval_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    """Shortest time between two mails of a kind to the same user."""

    mail_code_seconds: Annotated[int, Field(ge=60, le=86_400)] = 3600
    """For how long the link and the code of a mail can be used."""

    mail_subjects: dict[MailName, str] = {}
    """Subjects of mails that differ from the built-in ones, by mail: `confirmation`,
    `email_change`, `invite`, `magic_link`, `reauthentication`, `recovery`."""

    mail_templates: dict[MailName, TemplateFile] = {}
    """HTML files of mails that differ from the built-in ones, by mail, as paths from the checkout.
    A file beside one with the suffix `.txt` is the mail's text part."""

    reauthenticate_to_change_password: bool = False
    """Ask for a code by mail before a password changes in a session older than a day."""

    providers: dict[ProviderName, AuthProvider] = {}
    """Providers that people sign in with, by the name that clients call them: `google`, `github`,
    `keycloak`, `azure`, or a name of your own for any other OpenID Connect issuer."""

    manual_linking: bool = False
    """Whether users may link further identities to their account, and unlink them."""

    attempts: Attempts = Attempts()
    """Wrong passwords and codes."""

    rate_limits: AuthRateLimits = AuthRateLimits()
    """Most requests and mails."""

    breached_passwords: BreachedPasswords | None = None
    """Refuse passwords that are known from breaches."""

    access_token_hook: AccessTokenHook | None = None
    """Ask code of one's own which claims an access token shall have."""

    engine: Literal["plinth", "gotrue"] = "plinth"
    """`gotrue` runs the upstream image on the same tables, with the same settings and keys."""

    @model_validator(mode="after")
    def _providers_can_be_found(self) -> Self:
        for name, provider in self.providers.items():
            if provider.url is None and name not in PROVIDERS_WITH_KNOWN_URL:
                raise ValueError(
                    f"providers.{name}.url is missing; set it to the issuer of the provider's ID "
                    "tokens"
                )
        return self
