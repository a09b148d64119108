"""Settings from the environment, refused with one clear line when they cannot be right.

A service's settings class derives from `ServiceSettings` and marks each secret with
`checked_secret`; `load_settings` turns whatever pydantic reports into one `SettingsError` that
names the variable and the mend, and never repeats a value.
"""

from __future__ import annotations

import re
from typing import TypeVar

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

MINIMUM_SECRET_LENGTH = 32
MINIMUM_PASSWORD_LENGTH = 16

# Secrets that documentation, examples and other bundles carry: everyone knows them.
_DEMO_SECRET = re.compile(
    r"super[-_ ]?secret|change[-_ ]?me|your[-_ ]|example|password|p@ssw0rd|postgres|default|"
    r"placeholder|test[-_ ]?secret|^(.)\1*$|^(0?123456789|abcdefgh)",
    re.IGNORECASE,
)


class SettingsError(Exception):
    """The environment does not hold usable settings; the message is one line for the operator."""


class ServiceSettings(BaseSettings):
    """Base of every service's settings: immutable, from the environment alone."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=True)


SettingsType = TypeVar("SettingsType", bound=ServiceSettings)


def checked_secret(secret: SecretStr, *, minimum_length: int = MINIMUM_SECRET_LENGTH) -> SecretStr:
    """The secret, when it is fit for use.

    Raises:
        ValueError: It is shorter than `minimum_length` or is one that everyone knows.
    """
    value = secret.get_secret_value()
    if len(value) < minimum_length:
        raise ValueError(f"has {len(value)} characters; generate one of at least {minimum_length}")
    if _DEMO_SECRET.search(value):
        raise ValueError("is a demo value; generate a random one")
    return secret


def load_settings(settings_class: type[SettingsType]) -> SettingsType:
    """Settings of the service from the environment.

    Raises:
        SettingsError: A variable is missing or refused. One line, without any value.
    """
    try:
        return settings_class()
    except ValidationError as error:
        raise SettingsError(_one_line(settings_class, error)) from None


def settings_or_exit(settings_class: type[SettingsType], *, service: str) -> SettingsType:
    """Settings of the service from the environment, for its start.

    Raises:
        SystemExit: The environment does not hold usable ones; the message is one line.
    """
    try:
        return load_settings(settings_class)
    except SettingsError as error:
        raise SystemExit(f"{service} cannot start: {error}") from None


def _one_line(settings_class: type[ServiceSettings], error: ValidationError) -> str:
    problems = []
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        name = _variable(settings_class, str(item["loc"][0])) if item["loc"] else "settings"
        if item["type"] == "missing":
            reason = "is not set"
        elif item["type"] == "value_error":
            reason = item["msg"].removeprefix("Value error, ")
        else:
            reason = f"is not valid: {item['msg'].lower()}"
        problems.append(reason if name == "settings" else f"{name} {reason}")
    return "; ".join(problems)


def _variable(settings_class: type[ServiceSettings], location: str) -> str:
    """Environment variable of a field; pydantic reports the field's alias where it has one."""
    field = settings_class.model_fields.get(location)
    alias = field.validation_alias if field else None
    return alias if isinstance(alias, str) else location
