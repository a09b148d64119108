"""Settings of the auth service, by the names that GoTrue gives them.

The same environment therefore starts GoTrue itself in this service's place. docs/services/auth.md
lists the names; a `GOTRUE_…` variable that is none of them is reported once at start.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from pathlib import Path  # noqa: TC003  (pydantic reads the annotation)
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from services.auth.breached_passwords import BreachedPasswords
from services.auth.durations import go_duration
from services.auth.external.settings import (
    ProviderSettings,
    configured_providers,
    is_provider_variable,
)
from services.auth.hooks.targets import Target, parse_target
from services.auth.mail.templates import TEMPLATE_NAMES, Template, TemplateName
from services.auth.rate_limits import Rate
from services.auth.redirects import glob_expression
from services.auth.signing import SigningKeys
from services.auth.values import is_email_address
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
    manual_linking_enabled: bool = Field(
        default=False, validation_alias="GOTRUE_SECURITY_MANUAL_LINKING_ENABLED"
    )
    # Not one of GoTrue's, which sends secrets in clear to any http address that it is given.
    external_plain_http: bool = Field(default=False, validation_alias="PLINTH_EXTERNAL_PLAIN_HTTP")
    mailer_autoconfirm: bool = Field(default=False, validation_alias="GOTRUE_MAILER_AUTOCONFIRM")
    password_minimum_length: int = Field(
        6, ge=6, le=_BCRYPT_LONGEST_PASSWORD_BYTES, validation_alias="GOTRUE_PASSWORD_MIN_LENGTH"
    )
    hibp_enabled: bool = Field(default=False, validation_alias="GOTRUE_PASSWORD_HIBP_ENABLED")
    hibp_fail_closed: bool = Field(
        default=False, validation_alias="GOTRUE_PASSWORD_HIBP_FAIL_CLOSED"
    )
    # Not one of GoTrue's, which asks haveibeenpwned.com.
    hibp_folder: Path | None = Field(None, validation_alias="PLINTH_PASSWORD_HIBP_FOLDER")
    refresh_token_reuse_seconds: int = Field(
        10, ge=0, le=3600, validation_alias="GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL"
    )
    refresh_token_rotation_enabled: bool = Field(
        default=True, validation_alias="GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED"
    )

    smtp_host: str = Field("", validation_alias="GOTRUE_SMTP_HOST")
    smtp_port: int = Field(587, ge=1, le=65535, validation_alias="GOTRUE_SMTP_PORT")
    smtp_user: str = Field("", validation_alias="GOTRUE_SMTP_USER")
    smtp_password: SecretStr = Field(SecretStr(""), validation_alias="GOTRUE_SMTP_PASS")
    smtp_admin_email: str = Field("", validation_alias="GOTRUE_SMTP_ADMIN_EMAIL")
    smtp_sender_name: str = Field("", validation_alias="GOTRUE_SMTP_SENDER_NAME")
    smtp_max_frequency: dt.timedelta = Field(
        dt.timedelta(minutes=1), validation_alias="GOTRUE_SMTP_MAX_FREQUENCY"
    )
    # Not one of GoTrue's, which encrypts where the server offers it and goes on where it does not.
    smtp_verified_tls: bool = Field(default=True, validation_alias="PLINTH_SMTP_VERIFIED_TLS")

    otp_lifetime_seconds: int = Field(
        3600, ge=1, le=86_400, validation_alias="GOTRUE_MAILER_OTP_EXP"
    )
    otp_length: int = Field(6, ge=6, le=10, validation_alias="GOTRUE_MAILER_OTP_LENGTH")
    secure_email_change: bool = Field(
        default=True, validation_alias="GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED"
    )
    uri_allow_list: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias="GOTRUE_URI_ALLOW_LIST"
    )
    confirmation_path: str = Field(
        "/verify", pattern="^/", validation_alias="GOTRUE_MAILER_URLPATHS_CONFIRMATION"
    )
    recovery_path: str = Field(
        "/verify", pattern="^/", validation_alias="GOTRUE_MAILER_URLPATHS_RECOVERY"
    )
    invite_path: str = Field(
        "/verify", pattern="^/", validation_alias="GOTRUE_MAILER_URLPATHS_INVITE"
    )
    email_change_path: str = Field(
        "/verify", pattern="^/", validation_alias="GOTRUE_MAILER_URLPATHS_EMAIL_CHANGE"
    )
    confirmation_subject: str = Field("", validation_alias="GOTRUE_MAILER_SUBJECTS_CONFIRMATION")
    email_change_subject: str = Field("", validation_alias="GOTRUE_MAILER_SUBJECTS_EMAIL_CHANGE")
    invite_subject: str = Field("", validation_alias="GOTRUE_MAILER_SUBJECTS_INVITE")
    magic_link_subject: str = Field("", validation_alias="GOTRUE_MAILER_SUBJECTS_MAGIC_LINK")
    reauthentication_subject: str = Field(
        "", validation_alias="GOTRUE_MAILER_SUBJECTS_REAUTHENTICATION"
    )
    recovery_subject: str = Field("", validation_alias="GOTRUE_MAILER_SUBJECTS_RECOVERY")
    confirmation_template: str = Field("", validation_alias="GOTRUE_MAILER_TEMPLATES_CONFIRMATION")
    email_change_template: str = Field("", validation_alias="GOTRUE_MAILER_TEMPLATES_EMAIL_CHANGE")
    invite_template: str = Field("", validation_alias="GOTRUE_MAILER_TEMPLATES_INVITE")
    magic_link_template: str = Field("", validation_alias="GOTRUE_MAILER_TEMPLATES_MAGIC_LINK")
    reauthentication_template: str = Field(
        "", validation_alias="GOTRUE_MAILER_TEMPLATES_REAUTHENTICATION"
    )
    recovery_template: str = Field("", validation_alias="GOTRUE_MAILER_TEMPLATES_RECOVERY")

    flow_state_lifetime: dt.timedelta = Field(
        dt.timedelta(minutes=5), validation_alias="GOTRUE_EXTERNAL_FLOW_STATE_EXPIRY_DURATION"
    )
    password_change_needs_reauthentication: bool = Field(
        default=False,
        validation_alias="GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION",
    )
    mfa_most_enrolled_factors: int = Field(
        10, ge=1, le=100, validation_alias="GOTRUE_MFA_MAX_ENROLLED_FACTORS"
    )
    mfa_most_verified_factors: int = Field(
        10, ge=1, le=100, validation_alias="GOTRUE_MFA_MAX_VERIFIED_FACTORS"
    )
    mfa_challenge_seconds: int = Field(
        300, ge=30, le=3600, validation_alias="GOTRUE_MFA_CHALLENGE_EXPIRY_DURATION"
    )
    totp_enroll_enabled: bool = Field(
        default=True, validation_alias="GOTRUE_MFA_TOTP_ENROLL_ENABLED"
    )
    totp_verify_enabled: bool = Field(
        default=True, validation_alias="GOTRUE_MFA_TOTP_VERIFY_ENABLED"
    )

    # Requests of an address are limited when the header is named, as in GoTrue. What it holds is
    # not used: the gateway says where a request comes from.
    rate_limit_header: str = Field("", validation_alias="GOTRUE_RATE_LIMIT_HEADER")
    rate_limit_anonymous_users: float = Field(
        30, gt=0, validation_alias="GOTRUE_RATE_LIMIT_ANONYMOUS_USERS"
    )
    rate_limit_email_sent: str = Field("30", validation_alias="GOTRUE_RATE_LIMIT_EMAIL_SENT")
    rate_limit_otp: float = Field(30, gt=0, validation_alias="GOTRUE_RATE_LIMIT_OTP")
    rate_limit_token_refresh: float = Field(
        150, gt=0, validation_alias="GOTRUE_RATE_LIMIT_TOKEN_REFRESH"
    )
    rate_limit_verify: float = Field(30, gt=0, validation_alias="GOTRUE_RATE_LIMIT_VERIFY")
    rate_limit_challenge: float = Field(
        15, gt=0, validation_alias="GOTRUE_MFA_RATE_LIMIT_CHALLENGE_AND_VERIFY"
    )
    access_token_hook_enabled: bool = Field(
        default=False, validation_alias="GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_ENABLED"
    )
    access_token_hook_uri: str = Field("", validation_alias="GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_URI")
    access_token_hook_secrets: SecretStr = Field(
        SecretStr(""), validation_alias="GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_SECRETS"
    )

    # GoTrue counts no attempts of an account.
    attempts_by_address: int = Field(
        10, ge=1, le=1000, validation_alias="PLINTH_ATTEMPTS_BY_ADDRESS"
    )
    attempts_by_address_longest_seconds: int = Field(
        900, ge=1, le=86_400, validation_alias="PLINTH_ATTEMPTS_BY_ADDRESS_LONGEST_SECONDS"
    )
    attempts_first_wait_seconds: int = Field(
        1, ge=1, le=3600, validation_alias="PLINTH_ATTEMPTS_FIRST_WAIT_SECONDS"
    )
    attempts_by_account: int = Field(
        100, ge=1, le=100_000, validation_alias="PLINTH_ATTEMPTS_BY_ACCOUNT"
    )
    attempts_by_account_longest_seconds: int = Field(
        60, ge=1, le=3600, validation_alias="PLINTH_ATTEMPTS_BY_ACCOUNT_LONGEST_SECONDS"
    )

    @field_validator("jwt_secret", mode="before")
    @classmethod
    def _absent_when_empty(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("jwt_secret")
    @classmethod
    def _fit_for_use(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else checked_secret(value)

    @field_validator("jwt_admin_roles", "uri_allow_list", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(member.strip() for member in value.split(",") if member.strip())

    @field_validator("smtp_max_frequency", "flow_state_lifetime", mode="before")
    @classmethod
    def _duration(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        duration = go_duration(value)
        if duration < dt.timedelta(0):
            raise ValueError("is negative; write a duration such as 60s")
        return duration

    @field_validator("rate_limit_email_sent")
    @classmethod
    def _usable_rate(cls, value: str) -> str:
        Rate.parse(value, seconds=3600)
        return value

    @field_validator("smtp_admin_email")
    @classmethod
    def _usable_sender(cls, value: str) -> str:
        if value and not is_email_address(value):
            raise ValueError("is no e-mail address")
        return value

    @field_validator("uri_allow_list")
    @classmethod
    def _usable_globs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for glob in value:
            try:
                re.compile(glob_expression(glob))
            except re.error:
                raise ValueError(f"holds {glob!r}, which is no glob") from None
        return value

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
    def _mail_can_be_sent(self) -> Self:
        if self.smtp_host and not self.smtp_admin_email:
            raise ValueError(
                "GOTRUE_SMTP_ADMIN_EMAIL is not set: mails need the address that they come from"
            )
        confirms = self.email_enabled and not self.disable_signup and not self.mailer_autoconfirm
        if confirms and not self.smtp_host:
            raise ValueError(
                "GOTRUE_MAILER_AUTOCONFIRM is false, so every new address is confirmed by mail, "
                "but GOTRUE_SMTP_HOST names no SMTP server: set it, set "
                "GOTRUE_MAILER_AUTOCONFIRM=true, or switch e-mail sign-in off with "
                "GOTRUE_EXTERNAL_EMAIL_ENABLED=false"
            )
        return self

    @model_validator(mode="after")
    def _breached_passwords_are_there(self) -> Self:
        try:
            _ = self.breached_passwords
        except ValueError as error:
            raise ValueError(f"PLINTH_PASSWORD_HIBP_FOLDER: {error}") from None
        return self

    @model_validator(mode="after")
    def _hook_is_usable(self) -> Self:
        try:
            _ = self.access_token_hook
        except ValueError as error:
            raise ValueError(f"GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_URI {error}") from None
        return self

    @model_validator(mode="after")
    def _templates_are_usable(self) -> Self:
        for name in TEMPLATE_NAMES:
            self.template(name)
        return self

    @model_validator(mode="after")
    def _providers_are_usable(self) -> Self:
        self.providers()
        return self

    def providers(self) -> dict[str, ProviderSettings]:
        """Identity providers that are switched on, by name.

        Raises:
            ValueError: One cannot be used; the settings have been checked, so the environment has
                changed.
        """
        # Their names are the operator's choice, so they are no fields of this class.
        return configured_providers(
            os.environ,
            callback=f"{str(self.api_external_url).rstrip('/')}/callback",
            plain_http=self.external_plain_http,
        )

    def template(self, name: TemplateName) -> Template:
        """What mails of a kind say.

        Raises:
            TemplateError: It cannot be used; the settings have been checked, so a file has changed.
        """
        subject: str = getattr(self, f"{name}_subject")
        html_file: str = getattr(self, f"{name}_template")
        return Template.load(name, subject=subject, html_file=html_file)

    @property
    def breached_passwords(self) -> BreachedPasswords | None:
        """Passwords that may not be set; None where all may.

        Raises:
            ValueError: They cannot be read; the settings have been checked, so a file has changed.
        """
        if not self.hibp_enabled:
            return None
        if self.hibp_folder is None:
            raise ValueError("is not set, and GOTRUE_PASSWORD_HIBP_ENABLED is true")
        return BreachedPasswords(self.hibp_folder)

    @property
    def access_token_hook(self) -> Target | None:
        """What changes the claims of access tokens; None when nothing does."""
        if not self.access_token_hook_enabled:
            return None
        return parse_target(
            self.access_token_hook_uri, self.access_token_hook_secrets.get_secret_value()
        )

    @property
    def site(self) -> str:
        """The application's address, without the slash that ends an address without a path."""
        return str(self.site_url).removesuffix("/")

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
    return sorted(
        name
        for name in names
        if name.startswith("GOTRUE_") and name not in known and not is_provider_variable(name)
    )
