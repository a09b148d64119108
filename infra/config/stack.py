"""Everything that a stack may set, and what must agree across sections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, model_validator

from infra.config.auth import GOTRUE_PROVIDERS, Auth
from infra.config.gateway import Acme, Gateway
from infra.config.mail import Mail, Smtp
from infra.config.operation import Images, Keys, Observability, Passwords, Upgrade
from infra.config.rest import Rest
from infra.config.section import PROJECT, Section
from infra.config.stores import (
    Database,
    ExternalObjectStore,
    ExternalServer,
    Mongo,
    ObjectStore,
    Redis,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


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
        unknown = sorted(self.auth.providers.keys() - GOTRUE_PROVIDERS)
        if self.runs_gotrue and unknown:
            raise ValueError(
                f"auth.providers.{unknown[0]}: GoTrue knows no provider of that name; leave it "
                "out, or run the platform's own service with auth.engine: plinth and "
                "images.source: packages"
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
                f"gateway.tls.acme.domains: {host} is not among them, the host of "
                "gateway.public_url; set one or the other"
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
