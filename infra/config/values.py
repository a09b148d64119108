"""Values of settings: what each may look like, and what is said of one that does not."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from cryptography import x509
from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema

from infra.config.section import REPOSITORY

NOT_PROVIDERS = ("anonymous_users", "email", "phone", "redirect")
"""What GoTrue's settings call something else by."""


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
