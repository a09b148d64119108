"""Settings of the auth service, by the names that GoTrue gives them.

The same environment therefore starts GoTrue itself in this service's place. docs/services/auth.md
lists the names; a `GOTRUE_…` variable that is none of them is reported once at start.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from services.auth.signing import SigningKeys
from services.shared.settings import (
    MINIMUM_PASSWORD_LENGTH,
    ServiceSettings,
    checked_secret,
)
from services.shared.tokens import InvalidKeyError

if TYPE_CHECKING:
    from collections.abc import Iterable

_BCRYPT_LONGEST_PASSWORD_BYTES = 72


class AuthSettings(ServiceSettings):
    """Everything that the service can be told."""

    api_host: str = Field("127.0.0.1", validation_alias="GOTRUE_API_HOST")
    api_port: int = Field(9999, ge=1, le=65535, validation_alias="GOTRUE_API_PORT")
    api_external_url: AnyHttpUrl = Field(validation_alias="API_EXTERNAL_URL")
    site_url: AnyHttpUrl = Field(validation_alias="GOTRUE_SITE_URL")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", validation_alias="GOTRUE_LOG_LEVEL"
    )

    database_driver: Literal["postgres"] = Field("postgres", validation_alias="GOTRUE_DB_DRIVER")
    database_url: SecretStr = Field(validation_alias="GOTRUE_DB_DATABASE_URL")
    database_pool_size: int = Field(10, ge=1, le=100, validation_alias="GOTRUE_DB_MAX_POOL_SIZE")

    jwt_keys: SecretStr = Field(validation_alias="GOTRUE_JWT_KEYS")
    jwt_secret: SecretStr | None = Field(None, validation_alias="GOTRUE_JWT_SECRET")
    jwt_audience: str = Field("authenticated", min_length=1, validation_alias="GOTRUE_JWT_AUD")
    jwt_lifetime_seconds: int = Field(3600, ge=30, le=604_800, validation_alias="GOTRUE_JWT_EXP")
    jwt_issuer: str | None = Field(None, min_length=1, validation_alias="GOTRUE_JWT_ISSUER")
    jwt_default_role: str = Field(
        "authenticated", min_length=1, validation_alias="GOTRUE_JWT_DEFAULT_GROUP_NAME"
    )
    # Written as GoTrue writes lists, separated by commas; not as JSON.
    jwt_admin_roles: Annotated[tuple[str, ...], NoDecode] = Field(
        ("service_role", "supabase_admin"), validation_alias="GOTRUE_JWT_ADMIN_ROLES"
    )

    disable_signup: bool = Field(default=False, validation_alias="GOTRUE_DISABLE_SIGNUP")
    email_enabled: bool = Field(default=True, validation_alias="GOTRUE_EXTERNAL_EMAIL_ENABLED")
    anonymous_users_enabled: bool = Field(
        default=False, validation_alias="GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED"
    )
    mailer_autoconfirm: bool = Field(default=False, validation_alias="GOTRUE_MAILER_AUTOCONFIRM")
    password_minimum_length: int = Field(
        6, ge=6, le=_BCRYPT_LONGEST_PASSWORD_BYTES, validation_alias="GOTRUE_PASSWORD_MIN_LENGTH"
    )
    refresh_token_reuse_seconds: int = Field(
        10, ge=0, le=3600, validation_alias="GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL"
    )
    refresh_token_rotation_enabled: bool = Field(
        default=True, validation_alias="GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED"
    )

    @field_validator("jwt_secret", mode="before")
    @classmethod
    def _absent_when_empty(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("jwt_secret")
    @classmethod
    def _fit_for_use(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else checked_secret(value)

    @field_validator("jwt_admin_roles", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(role.strip() for role in value.split(",") if role.strip())

    @field_validator("database_url")
    @classmethod
    def _usable_database_url(cls, value: SecretStr) -> SecretStr:
        url = urlsplit(value.get_secret_value())
        if url.scheme not in {"postgres", "postgresql"} or not url.hostname:
            raise ValueError("is not a URL like postgres://role@host:5432/database")
        given = url.password or "".join(parse_qs(url.query).get("password", ()))
        password = given or os.environ.get("PGPASSWORD")
        if not password:
            raise ValueError("holds no password, and PGPASSWORD is not set")
        try:
            checked_secret(SecretStr(password), minimum_length=MINIMUM_PASSWORD_LENGTH)
        except ValueError as error:
            raise ValueError(f"or PGPASSWORD: the password {error}") from None
        return value

    @field_validator("jwt_keys")
    @classmethod
    def _usable_keys(cls, value: SecretStr) -> SecretStr:
        try:
            SigningKeys.from_json(value.get_secret_value())
        except InvalidKeyError as error:
            raise ValueError(f"is not usable: {error}") from None
        return value

    @model_validator(mode="after")
    def _mail_is_not_needed(self) -> Self:
        if self.email_enabled and not self.mailer_autoconfirm:
            raise ValueError(
                "GOTRUE_MAILER_AUTOCONFIRM is false, but this version sends no mail to confirm an "
                "address with: set GOTRUE_MAILER_AUTOCONFIRM=true, or switch e-mail sign-in off "
                "with GOTRUE_EXTERNAL_EMAIL_ENABLED=false"
            )
        return self

    @property
    def issuer(self) -> str:
        """The `iss` of every access token."""
        return self.jwt_issuer or str(self.api_external_url).rstrip("/")

    @property
    def signing_keys(self) -> SigningKeys:
        """The keys of `GOTRUE_JWT_KEYS`, with the legacy secret where one is given."""
        secret = self.jwt_secret.get_secret_value() if self.jwt_secret else None
        return SigningKeys.from_json(self.jwt_keys.get_secret_value(), legacy_secret=secret)


def unsupported_variables(names: Iterable[str]) -> list[str]:
    """GoTrue's variables among `names` that this service does not know, sorted."""
    known = {field.validation_alias for field in AuthSettings.model_fields.values()}
    return sorted(name for name in names if name.startswith("GOTRUE_") and name not in known)
