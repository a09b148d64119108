"""The gateway, its certificate and the firewall in front of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from infra.config.section import Section
from infra.config.values import (
    AcmeDirectory,
    Base64UrlKey,
    Certificates,
    Domain,
    EmailAddress,
    Origin,
    Port,
    WebAddress,
)


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


class Waf(Section):
    """ModSecurity with the OWASP core rule set in front of the gateway."""

    paranoia_level: Annotated[int, Field(ge=1, le=4)] = 1
    """Which rules are used. From 2 on they refuse more that is harmless; the platform's own
    requests were tried at 1."""

    anomaly_threshold: Annotated[int, Field(ge=1, le=1000)] = 5
    """Score from which a request is refused. One rule that is sure of an attack gives 5."""

    disabled_rules: tuple[Annotated[int, Field(ge=900_000, le=999_999)], ...] = ()
    """Rules that refuse what an application needs, by the number that the firewall's log names."""


def _switched(value: object) -> object:
    match value:
        case True:
            return {}
        case False:
            return None
        case _:
            return value


def _or_switch(schema: dict[str, Any]) -> None:
    schema["anyOf"].insert(0, {"type": "boolean"})


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

    waf: Annotated[Waf | None, BeforeValidator(_switched), Field(json_schema_extra=_or_switch)] = (
        None
    )
    """A web application firewall in front of the gateway: `true`, or a section."""

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
    def _directory_is_led_to_its_proof(self) -> Self:
        # With a firewall in front it is the firewall that the directory comes to.
        if self.tls and self.tls.acme and self.engine == "kong" and not self.waf:
            raise ValueError(
                "tls.acme does not work with engine kong, which does not lead the directory to its "
                "proof; set tls.certificate_file and tls.key_file, waf: true, or engine: envoy"
            )
        return self
