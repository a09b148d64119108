"""What a stack may set: typed sections, checked before any resource is touched.

Each section is one key of `Pulumi.<stack>.yaml` in the project's namespace, for example
`plinth:gateway`. The JSON Schema for those files is generated from these models
(`python -m infra.config_schema`), so the two cannot disagree.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = "plinth"

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


Identifier = Annotated[str, AfterValidator(_identifier)]
Extension = Annotated[str, AfterValidator(_extension)]
Origin = Annotated[str, AfterValidator(_origin)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Port = Annotated[int, Field(ge=1, le=65535)]
Generation = Annotated[int, Field(ge=1, le=1_000_000)]


class Images(Section):
    """Where images come from."""

    source: Literal["packages", "registry"] = "packages"
    """`packages` builds every image from this repository's Dockerfiles and package mirrors;
    `registry` pulls the upstream images."""

    require_digest: bool = False
    """Refuse an upstream image that the catalogue does not pin by digest. Images built from
    `packages` are tagged by their content and pass."""


class Tls(Section):
    """The gateway's certificate; without it the gateway speaks plain HTTP."""

    certificate_file: Annotated[str, Field(min_length=1)]
    """PEM file with the certificate and the chain to its authority, on the machine that runs
    Pulumi. After a renewal `make up` replaces it while the gateway runs."""

    key_file: Annotated[str, Field(min_length=1)]
    """PEM file with its private key, without a passphrase. Its content is kept as a secret."""

    redirect_port: Port | None = None
    """Port on the host where plain HTTP is answered with a redirect to HTTPS; none by default."""


class Gateway(Section):
    """The one entry to the environment."""

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


class Database(Section):
    """PostgreSQL."""

    port: Port | None = None
    """Port on the host's loopback address; none by default."""

    auto_rls: bool = True
    """Switch row-level security on for every new table in `public`."""

    extensions: tuple[Extension, ...] = ("pgcrypto", "pg_stat_statements")
    """Extensions to create in the schema `extensions`."""

    max_connections: Annotated[int, Field(ge=20, le=2000)] = 100
    """Connections that the server takes."""


class Store(Section):
    """A store that may be published on loopback."""

    port: Port | None = None
    """Port on the host's loopback address; none by default."""


class Mail(Section):
    """A mail sink that keeps what would have been sent. For development and tests."""

    enabled: bool = False
    """Whether it runs."""

    port: Port = 8025
    """Port of its web page on the host's loopback address."""


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
    connects as it."""


class StackConfig(Section):
    """Everything a stack may set."""

    environment: Literal["development", "test", "production"] = "production"
    """What the stack is for. `production` refuses settings that are only safe elsewhere."""

    images: Images = Images()
    gateway: Gateway = Gateway()
    auth: Auth = Auth()
    rest: Rest = Rest()
    database: Database = Database()
    mongo: Store = Store()
    redis: Store = Store()
    object_store: Store = Store()
    mail: Mail = Mail()
    keys: Keys = Keys()
    passwords: Passwords = Passwords()

    protect_data: bool = False
    """Protect the volumes of the stores: `pulumi destroy` then refuses until they are unprotected
    on purpose."""

    @property
    def public_url(self) -> str:
        """URL under which clients reach the gateway."""
        scheme = "https" if self.gateway.tls else "http"
        return self.gateway.public_url or f"{scheme}://127.0.0.1:{self.gateway.port}"

    def published_ports(self) -> dict[str, int]:
        """Configuration path of each port that the stack takes on the host, and its number."""
        ports = {"gateway.port": self.gateway.port}
        if self.gateway.tls and self.gateway.tls.redirect_port:
            ports["gateway.tls.redirect_port"] = self.gateway.tls.redirect_port
        if self.mail.enabled:
            ports["mail.port"] = self.mail.port
        stores = {
            "database.port": self.database.port,
            "mongo.port": self.mongo.port,
            "redis.port": self.redis.port,
            "object_store.port": self.object_store.port,
        }
        return ports | {path: port for path, port in stores.items() if port is not None}

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
    def _public_url_agrees_with_tls(self) -> Self:
        if self.gateway.tls and not self.public_url.startswith("https://"):
            raise ValueError(
                f"gateway.public_url: {self.public_url} is plain HTTP, and gateway.tls is set; "
                "write https://, or leave gateway.tls out"
            )
        return self

    @model_validator(mode="after")
    def _confirmation_is_possible(self) -> Self:
        if self.auth.signup and not self.auth.autoconfirm:
            raise ValueError(
                "auth.signup: confirmation mails are not sent yet; set auth.signup: false and "
                "create users with the admin API, or set auth.autoconfirm: true in development"
            )
        return self

    @model_validator(mode="after")
    def _production_is_safe(self) -> Self:
        if self.environment != "production":
            return self
        demo_settings = {
            "auth.autoconfirm: true": self.auth.autoconfirm,
            "mail.enabled: true": self.mail.enabled,
            "images.require_digest: false": not self.images.require_digest,
            "protect_data: false": not self.protect_data,
        }
        for setting, is_set in demo_settings.items():
            if is_set:
                raise ValueError(
                    f"{setting} is not for production; change it, or set environment: development"
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


def load(raw: Mapping[str, str]) -> StackConfig:
    """Check the configuration that Pulumi hands to the program.

    Args:
        raw: `<namespace>:<key>` to text; structured values are JSON. Keys of other namespaces
            (providers, Pulumi itself) are left to their owners.
    """
    prefix = f"{PROJECT}:"
    return parse(
        {
            key.removeprefix(prefix): _decode(text)
            for key, text in raw.items()
            if key.startswith(prefix)
        }
    )


def _decode(text: str) -> Any:  # noqa: ANN401  (JSON is any of its types; pydantic narrows it)
    try:
        return json.loads(text)
    except ValueError:
        return text


def _describe(error: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in error["loc"])
    known = _known_keys(error["loc"][:-1])
    match error["type"]:
        case "extra_forbidden":
            return f"{PROJECT}:{path}: no such setting; known here: {', '.join(known)}"
        case "value_error" if not path:
            return f"{PROJECT}:{error['ctx']['error']}"
        case _:
            message = str(error["msg"]).removeprefix("Value error, ")
            return f"{PROJECT}:{path}: {message[0].lower()}{message[1:]}"


def _known_keys(location: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = StackConfig
    for part in location:
        annotation = model.model_fields[str(part)].annotation
        for option in get_args(annotation):  # a section that may be left out
            if isinstance(option, type) and issubclass(option, BaseModel):
                annotation = option
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return sorted(model.model_fields)
