from __future__ import annotations

import secrets

import pytest
from pydantic import Field, SecretStr, field_validator

from services.shared.settings import (
    ServiceSettings,
    SettingsError,
    checked_secret,
    load_settings,
)


class EchoSettings(ServiceSettings):
    vault_key: SecretStr = Field(validation_alias="ECHO_VAULT_KEY")
    port: int = Field(8000, ge=1, validation_alias="ECHO_PORT")

    @field_validator("vault_key")
    @classmethod
    def _fit_for_use(cls, value: SecretStr) -> SecretStr:
        return checked_secret(value)


@pytest.fixture(autouse=True)
def complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_VAULT_KEY", secrets.token_urlsafe(32))


def test_complete_settings_are_read() -> None:
    assert load_settings(EchoSettings).port == 8000


@pytest.mark.parametrize(
    "value",
    [
        "your-super-secret-jwt-token-with-at-least-32-characters",
        "changeme-changeme-changeme-changeme",
        "a" * 40,
        "0123456789012345678901234567890123456789",
        "this-is-an-example-value-of-40-characters",
    ],
)
def test_a_demo_secret_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ECHO_VAULT_KEY", value)

    with pytest.raises(SettingsError, match=r"^ECHO_VAULT_KEY is a demo value; generate"):
        load_settings(EchoSettings)


def test_a_short_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_VAULT_KEY", "k3J9x")

    with pytest.raises(SettingsError, match=r"^ECHO_VAULT_KEY has 5 characters; generate"):
        load_settings(EchoSettings)


def test_a_missing_secret_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECHO_VAULT_KEY")

    with pytest.raises(SettingsError, match=r"^ECHO_VAULT_KEY is not set$"):
        load_settings(EchoSettings)


def test_all_problems_are_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECHO_VAULT_KEY")
    monkeypatch.setenv("ECHO_PORT", "many")

    with pytest.raises(SettingsError, match=r"^ECHO_VAULT_KEY [^\n]+; ECHO_PORT [^\n]+$"):
        load_settings(EchoSettings)


def test_a_refused_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_PORT", "k3J9x-private")

    with pytest.raises(SettingsError) as refused:
        load_settings(EchoSettings)

    assert "k3J9x-private" not in str(refused.value)


@pytest.mark.parametrize("_number", range(50))
def test_a_generated_secret_is_accepted(_number: int) -> None:
    secret = SecretStr(secrets.token_urlsafe(32))

    assert checked_secret(secret) is secret
