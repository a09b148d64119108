"""What a stack may set: typed sections, checked before any resource is touched.

Each section is one key of `Pulumi.<stack>.yaml` in the project's namespace, for example
`plinth:gateway`. The JSON Schema for those files is generated from these models
(`python -m infra.config_schema`), so the two cannot disagree.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args, get_origin
from urllib.parse import urlsplit

from cryptography import x509
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

PROJECT = "plinth"
REPOSITORY = Path(__file__).resolve().parent.parent

PROVIDERS_WITH_KNOWN_URL = ("github", "gitlab", "google", "linkedin_oidc", "slack_oidc")
"""Identity providers that the auth service finds without being told where they are."""

NOT_PROVIDERS = ("anonymous_users", "email", "phone", "redirect")
"""What GoTrue's settings call something else by."""

_STACK_NAME = re.compile(r"^[a-z][a-z0-9-]{0,30}$")


class ConfigurationError(Exception):
    """The stack's configuration cannot be used; one line per mistake, each with its mend."""


class Section(BaseModel):
    """Base of every section: immutable, and a key that does not exist is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", value):
        raise ValueError("must be a lower-case PostgreSQL identifier")
    return value


def _extension(value: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,62}", value):
        raise ValueError("must be the name of a PostgreSQL extension, such as uuid-ossp")
    return value


def _origin(value: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", value):
        raise ValueError("must be an origin such as https://app.example.com, without a path or *")
    return value


def _web_address(value: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+(/[^\s?#]*)?", value):
        raise ValueError("must be an http or https URL without query or fragment")
    return value.rstrip("/")


def _host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", value):
        raise ValueError("must be a host name or an IPv4 address")
    if value == "localhost" or value.startswith("127."):
        raise ValueError(
            "leads every container to itself; give the address under which others reach the store"
        )
    return value


def _acme_directory(value: str) -> str:
    if not re.fullmatch(r"https://[A-Za-z0-9.\[\]:-]+/[^\s#]*", value):
        raise ValueError(
            "must be the https URL of an ACME directory, such as "
            "https://acme-v02.api.letsencrypt.org/directory"
        )
    return value


def _domain(value: str) -> str:
    if value.startswith("*."):
        raise ValueError(f"{value}: wildcards can be proved by DNS alone; name each host")
    label = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    # An address ends in digits.
    if not re.fullmatch(rf"(?=.{{1,253}}$)({label}\.)*(?![0-9]){label}", value):
        raise ValueError(f"{value!r} must be a host's name in lower case, as api.example.com")
    return value


def _base64url_key(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{22,}=*", value.get_secret_value()):
        raise ValueError("must be the base64url text that the directory's operator gave out")
    return value


def _email_address(value: str) -> str:
    if not re.fullmatch(r"[^\s@<>\"]+@[A-Za-z0-9.-]+", value):
        raise ValueError("must be an address such as auth@example.com")
    return value


def _template_file(value: str) -> str:
    if not value.endswith(".html") or not (REPOSITORY / value).is_file():
        raise ValueError(
            f"{value!r} must be an HTML file, by its path from the checkout; a file beside it with "
            "the suffix .txt is the text part"
        )
    return value


def _provider_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", value) or value in NOT_PROVIDERS:
        raise ValueError("must be the name of a provider, such as google or company_directory")
    return value


def _certificates(value: str) -> str:
    try:
        x509.load_pem_x509_certificates(value.encode())
    except ValueError:
        raise ValueError(
            "must be certificates in PEM, beginning with -----BEGIN CERTIFICATE-----"
        ) from None
    return value


def _secret(value: SecretStr) -> SecretStr:
    if not value.get_secret_value():
        raise ValueError("is empty")
    return value


Identifier = Annotated[str, AfterValidator(_identifier)]
Extension = Annotated[str, AfterValidator(_extension)]
Origin = Annotated[str, AfterValidator(_origin)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Host = Annotated[str, AfterValidator(_host)]
Certificates = Annotated[str, AfterValidator(_certificates)]
AcmeDirectory = Annotated[str, AfterValidator(_acme_directory)]
Domain = Annotated[str, AfterValidator(_domain)]
ProviderName = Annotated[str, AfterValidator(_provider_name)]
EmailAddress = Annotated[str, AfterValidator(_email_address)]
TemplateFile = Annotated[str, AfterValidator(_template_file)]
MailName = Literal[
    "confirmation", "email_change", "invite", "magic_link", "reauthentication", "recovery"
]
VolumeName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}$")]
HookAddress = Annotated[
    str,
    Field(
        pattern=r"^(pg-functions://postgres/[A-Za-z_][A-Za-z0-9_]{0,62}/[A-Za-z_][A-Za-z0-9_]{0,62}"
        r"|https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^\s@]*)?)$"
    ),
]
Port = Annotated[int, Field(ge=1, le=65535)]
Secret = Annotated[
    SecretStr,
    AfterValidator(_secret),
    # In a stack file it is what `pulumi config set --secret` writes.
    WithJsonSchema(
        {
            "type": "object",
            "properties": {"secure": {"type": "string"}},
            "required": ["secure"],
            "additionalProperties": False,
        }
    ),
]
"""Typed by a person, so it must be encrypted in the stack's file."""

Base64UrlKey = Annotated[Secret, AfterValidator(_base64url_key)]

TlsMode = Literal["disable", "require", "verify-full"]
Generation = Annotated[int, Field(ge=1, le=1_000_000)]


class Images(Section):
    """Where images come from."""

    source: Literal["packages", "registry"] = "packages"
    """`packages` builds every image from this repository's Dockerfiles and package mirrors;
    `registry` pulls the upstream images."""

    require_digest: bool = False
    """Refuse an upstream image that the catalogue does not pin by digest. Images built from
    `packages` are tagged by their content and pass."""

    lock: Annotated[str, Field(min_length=1)] | None = None
    """File that `make publish` wrote, relative to the checkout: `images.lock.json`. Images of this
    repository are then pulled by the digests in it; without it they are built on the engine."""


class ExternalAccount(Section):
    """An account outside of ACME that the one at the directory is bound to."""

    key_id: Annotated[str, Field(min_length=1)]
    """The directory's name for it."""

    hmac_key: Base64UrlKey
    """Set it with `pulumi config set --secret --path`."""


class Acme(Section):
    """A directory that issues the certificate, by ACME (RFC 8555)."""

    directory_url: AcmeDirectory = "https://acme-v02.api.letsencrypt.org/directory"
    """Its URL. Default: Let's Encrypt. Try with its staging directory first: what fails in
    production counts against its limits."""

    domains: Annotated[tuple[Domain, ...], Field(min_length=1, max_length=100)]
    """Names that the certificate is for, the host of `public_url` among them. Each must lead to
    this machine, port 80 to `redirect_port`."""

    terms_agreed: bool = False
    """Whether you agree to the directory's terms of service; it issues nothing otherwise."""

    email: EmailAddress | None = None
    """Where the directory may write to about the account."""

    ca_certificate: Certificates | None = None
    """Certificates (PEM) of the authorities that signed a private directory's own certificate."""

    external_account: ExternalAccount | None = None
    """For directories that ask for an external account binding."""

    renew_before_days: Annotated[int, Field(ge=1, le=365)] | None = None
    """Renew at the latest this long before the end. Default: when the directory suggests it, or
    when a third of the lifetime is left."""

    @model_validator(mode="after")
    def _terms_are_agreed(self) -> Self:
        if not self.terms_agreed:
            raise ValueError(
                "terms_agreed is not true; read the directory's terms of service, and set it when "
                "you agree"
            )
        return self


class Tls(Section):
    """The gateway's certificate: from files, or from an ACME directory."""

    certificate_file: Annotated[str, Field(min_length=1)] | None = None
    """PEM file with the certificate and the chain to its authority, on the machine that runs
    Pulumi. After a renewal `make up` replaces it while the gateway runs."""

    key_file: Annotated[str, Field(min_length=1)] | None = None
    """PEM file with its private key, without a passphrase. Its content is kept as a secret."""

    acme: Acme | None = None
    """Obtain and renew the certificate automatically, in place of the files."""

    redirect_port: Port | None = None
    """Port on the host where plain HTTP is answered with a redirect to HTTPS; none by default. With
    `acme` also where the directory looks for proof, which it does on port 80."""

    @model_validator(mode="after")
    def _certificate_has_one_source(self) -> Self:
        given = [self.certificate_file, self.key_file]
        if self.acme and any(given):
            raise ValueError("acme stands beside certificate_file and key_file; leave one out")
        if not self.acme and not all(given):
            raise ValueError(
                "certificate_file and key_file are needed together; set both, or acme instead"
            )
        if self.acme and self.redirect_port is None:
            raise ValueError(
                "redirect_port is not set, where acme needs it for the directory's proof; set the "
                "host's port that port 80 of the domains leads to"
            )
        return self


class Gateway(Section):
    """The one entry to the environment."""

    engine: Literal["envoy", "kong"] = "envoy"
    """The program that it is. Kong is pulled from its publisher whatever `images.source` says, and
    differs in what docs/gateway.md lists."""

    port: Port = 8000
    """Port on the host."""

    bind_address: str = "127.0.0.1"
    """Address on the host. Anything but a loopback address makes the environment reachable from
    other machines."""

    public_url: WebAddress | None = None
    """URL under which clients reach the gateway; part of every token (`iss`) and of links in
    mails. Default: `http://127.0.0.1:<port>`, or https with `tls`."""

    tls: Tls | None = None
    """Certificate, for a gateway that speaks HTTPS itself."""

    cors_origins: tuple[Origin, ...] = ()
    """Browser origins that may call the API. There is no wildcard: requests carry credentials."""

    trusted_proxies: Annotated[int, Field(ge=0, le=8)] = 0
    """How many proxies stand in front of the gateway. It decides which address in
    X-Forwarded-For is the client's; a number too high lets clients forge theirs."""

    rate_limits: bool = True
    """Whether requests are limited per client address."""

    rate_limit_per_minute: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]] = {}
    """Requests per minute and client address by route name, where the default does not fit."""

    @model_validator(mode="after")
    def _engine_takes_the_certificate(self) -> Self:
        if self.engine == "kong" and self.tls and self.tls.acme:
            raise ValueError(
                "tls.acme does not work with engine kong, which does not lead the directory to its "
                "proof; set tls.certificate_file and tls.key_file, or engine: envoy"
            )
        return self


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

    tokens: Annotated[int, Field(ge=1, le=1_000_000)] = 300
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


class Rest(Section):
    """PostgREST."""

    schemas: Annotated[tuple[Identifier, ...], Field(min_length=1)] = ("public",)
    """Schemas that the API exposes, the first one by default."""

    openapi: Literal["service_role", "disabled"] = "service_role"
    """Who may read the generated OpenAPI description at the API's root."""

    pool_size: Annotated[int, Field(ge=1, le=100)] = 10
    """Connections to PostgreSQL."""

    max_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Most rows that one request returns."""


class ExternalServer(Section):
    """A store that runs elsewhere."""

    host: Host
    """Host name or IPv4 address, as containers reach it."""

    tls: TlsMode = "verify-full"
    """`verify-full` checks the server's certificate and name; `require` encrypts without knowing
    whom it talks to; `disable` sends everything in clear."""

    ca_certificate: Certificates | None = None
    """Certificates (PEM) of the authorities that may have signed the server's."""

    password: Secret
    """Set it with `pulumi config set --secret --path`."""


class ExternalDatabase(ExternalServer):
    """A PostgreSQL server that runs elsewhere."""

    port: Port = 5432
    """Its port."""

    user: str = "postgres"
    """A superuser: the bootstrap creates roles, schemas and event triggers as it."""

    database: str = "postgres"
    """The database that becomes the platform's."""

    @model_validator(mode="after")
    def _authority_is_known(self) -> Self:
        if self.tls == "verify-full" and self.ca_certificate is None:
            raise ValueError(
                "ca_certificate is missing, which tls: verify-full checks the server by; set it"
            )
        return self


class ExternalMongo(ExternalServer):
    """A Mongo server that runs elsewhere."""

    port: Port = 27017
    """Its port."""

    user: str
    """Who the connection details are for."""


class ExternalRedis(ExternalServer):
    """A Redis server that runs elsewhere."""

    port: Port = 6379
    """Its port."""

    user: str = ""
    """Who the connection details are for; empty for the default user."""

    database: Annotated[int, Field(ge=0)] = 0
    """Number of the database."""


class ExternalObjectStore(Section):
    """An S3 store that runs elsewhere."""

    endpoint: WebAddress
    """URL of its S3 API."""

    region: str = "us-east-1"
    """Region that requests are signed for."""

    bucket: str
    """The platform's bucket; it must exist."""

    access_key_id: str
    """Who the connection details are for."""

    secret_access_key: Secret
    """Set it with `pulumi config set --secret --path`."""


class Database(Section):
    """PostgreSQL."""

    external: ExternalDatabase | None = None
    """Use a server that runs elsewhere; this stack then declares none, and no volume."""

    port: Port | None = None
    """Port on the host's loopback address; none by default."""

    auto_rls: bool = True
    """Switch row-level security on for every new table in `public`."""

    extensions: tuple[Extension, ...] = ("pgcrypto", "pg_stat_statements")
    """Extensions to create in the schema `extensions`."""

    max_connections: Annotated[int, Field(ge=20, le=2000)] = 100
    """Connections that the server takes."""


class Mongo(Section):
    """The Mongo store."""

    external: ExternalMongo | None = None
    """Use a server that runs elsewhere; this stack then declares none, and no volume."""

    port: Port | None = None
    """Port on the host's loopback address; none by default."""


class Redis(Section):
    """Redis."""

    external: ExternalRedis | None = None
    """Use a server that runs elsewhere; this stack then declares none, and no volume."""

    port: Port | None = None
    """Port on the host's loopback address; none by default."""


class ObjectStore(Section):
    """The S3 store."""

    external: ExternalObjectStore | None = None
    """Use a store that runs elsewhere; this stack then declares none, and no volume."""

    port: Port | None = None
    """Port on the host's loopback address; none by default."""


class Mail(Section):
    """A mail sink that keeps what would have been sent. For development and tests."""

    enabled: bool = False
    """Whether it runs."""

    port: Port = 8025
    """Port of its web page on the host's loopback address."""


class Smtp(Section):
    """The server that sends mails: confirmations, recovery, invitations."""

    host: str | None = None
    """Its name. None: mails go to the mail sink where it runs, and cannot be sent where not."""

    port: Port = 587
    """465 encrypts from the first byte; any other port by STARTTLS."""

    user: str = ""
    """Whom to sign in as; empty for a server that asks for no sign-in."""

    password: Secret | None = None
    """Only as a secret: `pulumi config set --secret --path plinth:smtp.password`."""

    sender_address: EmailAddress | None = None
    """Address that mails come from. Needed with `host`."""

    sender_name: str = "Plinth"
    """Name that mails come from."""

    verified_tls: bool = True
    """Whether the connection must be encrypted and the server's certificate be valid."""


class Keys(Section):
    """Signing key and API keys."""

    generation: Generation = 1
    """Count up to rotate. The previous generation stays valid until the next rotation. Count up by
    two where the state itself may have leaked: it holds the next generation's seed already."""

    revoke_previous: bool = False
    """Stop accepting the previous generation now."""

    legacy: bool = False
    """Also issue HS256 `anon` and `service_role` keys for clients of older bundles."""


class Passwords(Section):
    """Passwords of database roles and stores."""

    generation: Generation = 1
    """Count up to replace them, except the one of PostgreSQL's superuser: only the bootstrap
    connects as it. The previous generation stays valid until the next rotation."""

    revoke_previous: bool = False
    """Stop accepting the previous generation now, and end the database sessions that it opened."""


class Observability(Section):
    """A monitor that watches every component: Prometheus, with alert rules."""

    enabled: bool = False
    """Whether it runs."""

    port: Port = 9090
    """Port of its page and API on the host's loopback address. It asks for no password."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = 15
    """For how long it keeps what it collected."""


class Upgrade(Section):
    """What `make up` does before a store gets another image. Plain Pulumi commands do not."""

    backup_first: bool | None = None
    """Make a backup first, and change nothing if that fails. Default: on in production. The
    passphrase of the bundle is that of `make backup`."""

    backup_folder: Annotated[str, Field(min_length=1)] = ".plinth/backups"
    """Folder that takes the bundle; a relative one is in the checkout."""


class StackConfig(Section):
    """Everything a stack may set."""

    environment: Literal["development", "test", "production"] = "production"
    """What the stack is for. `production` refuses settings that are only safe elsewhere."""

    images: Images = Images()
    gateway: Gateway = Gateway()
    auth: Auth = Auth()
    rest: Rest = Rest()
    database: Database = Database()
    mongo: Mongo = Mongo()
    redis: Redis = Redis()
    object_store: ObjectStore = ObjectStore()
    mail: Mail = Mail()
    smtp: Smtp = Smtp()
    keys: Keys = Keys()
    passwords: Passwords = Passwords()
    observability: Observability = Observability()
    upgrade: Upgrade = Upgrade()

    protect_data: bool = False
    """Protect the volumes of the stores: `pulumi destroy` then refuses until they are unprotected
    on purpose."""

    @property
    def public_url(self) -> str:
        """URL under which clients reach the gateway."""
        scheme = "https" if self.gateway.tls else "http"
        return self.gateway.public_url or f"{scheme}://127.0.0.1:{self.gateway.port}"

    @property
    def acme(self) -> Acme | None:
        """The directory that issues the gateway's certificate, where one does."""
        return self.gateway.tls.acme if self.gateway.tls else None

    @property
    def backs_up_before_upgrade(self) -> bool:
        """Whether a store's data is backed up before its image changes."""
        chosen = self.upgrade.backup_first
        return self.environment == "production" if chosen is None else chosen

    def published_ports(self) -> dict[str, int]:
        """Configuration path of each port that the stack takes on the host, and its number."""
        ports = {"gateway.port": self.gateway.port}
        if self.gateway.tls and self.gateway.tls.redirect_port:
            ports["gateway.tls.redirect_port"] = self.gateway.tls.redirect_port
        if self.mail.enabled:
            ports["mail.port"] = self.mail.port
        if self.observability.enabled:
            ports["observability.port"] = self.observability.port
        stores = {
            "database.port": self.database.port,
            "mongo.port": self.mongo.port,
            "redis.port": self.redis.port,
            "object_store.port": self.object_store.port,
        }
        return ports | {path: port for path, port in stores.items() if port is not None}

    def secrets(self) -> list[str]:
        """Configuration path of each secret that a person gave."""
        given = [
            f"{path}.external.{name}"
            for path, section in self._external_sections()
            for name, value in section.external or ()
            if isinstance(value, SecretStr)
        ]
        hook = self.auth.access_token_hook
        optional = {
            "smtp.password": self.smtp.password,
            "auth.access_token_hook.secret": hook and hook.secret,
            "gateway.tls.acme.external_account.hmac_key": self.acme and self.acme.external_account,
        }
        providers = [f"auth.providers.{name}.secret" for name in self.auth.providers]
        return [*given, *providers, *(path for path, value in optional.items() if value)]

    def _external_sections(self) -> Iterator[tuple[str, Database | Mongo | Redis | ObjectStore]]:
        sections: dict[str, Database | Mongo | Redis | ObjectStore] = {
            "database": self.database,
            "mongo": self.mongo,
            "redis": self.redis,
            "object_store": self.object_store,
        }
        return (
            (path, section) for path, section in sections.items() if section.external is not None
        )

    @property
    def limits_auth_by_address(self) -> bool:
        """Whether auth limits the requests of each client address."""
        chosen = self.auth.rate_limits.by_address
        return self.environment == "production" if chosen is None else chosen

    @property
    def runs_gotrue(self) -> bool:
        """Whether auth is GoTrue itself."""
        return self.auth.engine == "gotrue" or self.images.source == "registry"

    @model_validator(mode="after")
    def _gotrue_can_do_it(self) -> Self:
        if self.runs_gotrue and self.auth.mail_templates:
            raise ValueError(
                "auth.mail_templates: GoTrue takes no files; leave them out, or run the platform's "
                "own service with auth.engine: plinth and images.source: packages"
            )
        if self.runs_gotrue and self.auth.breached_passwords:
            raise ValueError(
                "auth.breached_passwords: GoTrue reads no files; leave them out, or run the "
                "platform's own service with auth.engine: plinth and images.source: packages"
            )
        return self

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        owner: dict[int, str] = {}
        for path, port in self.published_ports().items():
            if port in owner:
                raise ValueError(
                    f"{path}: port {port} is also {owner[port]}; give one of them another port"
                )
            owner[port] = path
        return self

    @model_validator(mode="after")
    def _external_stores_have_no_server_here(self) -> Self:
        for path, section in self._external_sections():
            here = sorted({"port", "max_connections"} & section.model_fields_set)
            if here:
                raise ValueError(
                    f"{path}.{here[0]}: this stack has no server of that store to set it on; take "
                    f"it out, or take out {path}.external"
                )
        return self

    @model_validator(mode="after")
    def _public_url_agrees_with_tls(self) -> Self:
        if self.gateway.tls and not self.public_url.startswith("https://"):
            raise ValueError(
                f"gateway.public_url: {self.public_url} is plain HTTP, and gateway.tls is set; "
                "write https://, or leave gateway.tls out"
            )
        return self

    @model_validator(mode="after")
    def _public_url_is_among_the_domains(self) -> Self:
        host = urlsplit(self.public_url).hostname
        if self.acme and host not in self.acme.domains:
            raise ValueError(
                f"gateway.tls.acme.domains: {host} of gateway.public_url is not among them; add it"
            )
        return self

    @model_validator(mode="after")
    def _mails_have_one_way(self) -> Self:
        if self.smtp.host and self.mail.enabled:
            raise ValueError(
                "smtp.host: mails go to the mail sink while it runs; set mail.enabled: false, or "
                "leave smtp.host out"
            )
        if self.smtp.host and not self.smtp.sender_address:
            raise ValueError(
                "smtp.sender_address: is needed with smtp.host; set the address that mails come "
                "from"
            )
        if bool(self.smtp.user) != bool(self.smtp.password):
            raise ValueError(
                "smtp.password: is needed with smtp.user, and only with it; set it with: pulumi "
                f"config set --secret --path {PROJECT}:smtp.password"
            )
        return self

    @model_validator(mode="after")
    def _confirmation_is_possible(self) -> Self:
        sends_mail = self.smtp.host or self.mail.enabled
        if self.auth.signup and not self.auth.autoconfirm and not sends_mail:
            raise ValueError(
                "auth.signup: new addresses are confirmed by mail, and none can be sent; set "
                "smtp.host, or auth.signup: false, or in development mail.enabled: true"
            )
        return self

    @model_validator(mode="after")
    def _production_is_safe(self) -> Self:
        if self.environment != "production":
            return self
        demo_settings = {
            "auth.autoconfirm: true": self.auth.autoconfirm,
            "mail.enabled: true": self.mail.enabled,
            "smtp.verified_tls: false": not self.smtp.verified_tls,
            "images.require_digest: false": not self.images.require_digest,
            "protect_data: false": not self.protect_data,
        }
        for setting, is_set in demo_settings.items():
            if is_set:
                raise ValueError(
                    f"{setting} is not for production; change it, or set environment: development"
                )
        return self

    @model_validator(mode="after")
    def _production_encrypts(self) -> Self:
        if self.environment != "production":
            return self
        for path, section in self._external_sections():
            external = section.external
            if isinstance(external, ExternalServer) and external.tls == "disable":
                raise ValueError(
                    f"{path}.external.tls: disable is not for production; use verify-full"
                )
            if isinstance(external, ExternalObjectStore) and external.endpoint.startswith("http:"):
                raise ValueError(f"{path}.external.endpoint: http is not for production; use https")
        for name, provider in self.auth.providers.items():
            if provider.url and provider.url.startswith("http:"):
                raise ValueError(
                    f"auth.providers.{name}.url: http is not for production; use https"
                )
        return self


def parse(values: Mapping[str, object]) -> StackConfig:
    """Check a stack's configuration.

    Args:
        values: Section or setting by name, as parsed from YAML.

    Raises:
        ConfigurationError: One line per mistake: the key's path, what is wrong, how to mend it.
    """
    try:
        return StackConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError("\n".join(map(_describe, error.errors()))) from None


def check_stack_name(stack: str) -> str:
    """Return the name when container and network names can carry it.

    Raises:
        ConfigurationError: It cannot.
    """
    if not _STACK_NAME.fullmatch(stack):
        raise ConfigurationError(
            f"stack name {stack!r}: use a lower-case letter, then at most 30 letters, digits or -"
        )
    return stack


def require_encrypted(settings: StackConfig, secret_keys: Collection[str]) -> None:
    """Refuse a secret that stands in the stack's file in clear.

    Args:
        settings: The configuration.
        secret_keys: `<namespace>:<key>` of what holds an encrypted value.

    Raises:
        ConfigurationError: One line for each such secret.
    """
    plain = [
        path
        for path in settings.secrets()
        if f"{PROJECT}:{path.partition('.')[0]}" not in secret_keys
    ]
    if plain:
        raise ConfigurationError(
            "\n".join(
                f"{PROJECT}:{path}: stands in clear; take it out and set it with "
                f"{_set_secret(path)}"
                for path in plain
            )
        )


def _set_secret(path: str) -> str:
    return f"pulumi config set --secret --path {PROJECT}:{path}"


def load(raw: Mapping[str, str]) -> StackConfig:
    """Check the configuration that Pulumi hands to the program.

    Args:
        raw: `<namespace>:<key>` to text; structured values are JSON. Keys of other namespaces
            (providers, Pulumi itself) are left to their owners, but for where the engine is.

    Raises:
        ConfigurationError: One line per mistake.
    """
    prefix = f"{PROJECT}:"
    settings = parse(
        {
            key.removeprefix(prefix): _decode(text)
            for key, text in raw.items()
            if key.startswith(prefix)
        }
    )
    host = raw.get("docker:host", "")
    if host.startswith(("ssh://", "tcp://")) and settings.gateway.public_url is None:
        raise ConfigurationError(
            f"{PROJECT}:gateway.public_url: is not set, and docker:host runs the stack on another "
            "machine, whose 127.0.0.1 nobody else reaches; set it to the address that clients use"
        )
    return settings


def _decode(text: str) -> Any:  # noqa: ANN401  (JSON is any of its types; pydantic narrows it)
    try:
        return json.loads(text)
    except ValueError:
        return text


_SECRETS = frozenset({"hmac_key", "password", "secret", "secret_access_key"})
"""Names of settings that are given encrypted."""


def _describe(error: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in error["loc"])
    known = _known_keys(error["loc"][:-1])
    match error["type"]:
        case "extra_forbidden":
            return f"{PROJECT}:{path}: no such setting; known here: {', '.join(known)}"
        case "missing" if error["loc"][-1] in _SECRETS:
            return f"{PROJECT}:{path}: is missing; set it with {_set_secret(path)}"
        case "value_error" if not path:
            return f"{PROJECT}:{error['ctx']['error']}"
        case _:
            message = str(error["msg"]).removeprefix("Value error, ")
            return f"{PROJECT}:{path}: {message[0].lower()}{message[1:]}"


def _known_keys(location: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = StackConfig
    parts = iter(location)
    for part in parts:
        annotation = model.model_fields[str(part)].annotation
        # A section that may be left out is a union with None.
        sections = [
            option
            for option in (annotation, *get_args(annotation))
            if isinstance(option, type) and issubclass(option, BaseModel)
        ]
        if not sections:
            return []
        model = sections[0]
        if get_origin(annotation) is dict:
            next(parts, None)  # a name of the operator's choice
    return sorted(model.model_fields)
