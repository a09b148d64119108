"""Providers of the environment: what is understood, and what is refused with one line."""

from __future__ import annotations

import secrets

import pytest

from services.auth.external.settings import (
    ProviderSettings,
    configured_providers,
    is_provider_variable,
    is_web_address,
)
from services.auth.settings import AuthSettings, unsupported_variables
from services.shared.settings import SettingsError, load_settings
from tests.service.auth.service import ENVIRONMENT, ISSUER

CALLBACK = "https://api.example.com/auth/v1/callback"
SECRET = "of-the-provider"


def environment(name: str, **settings: str) -> dict[str, str]:
    """Variables of one provider that is switched on."""
    complete = {"ENABLED": "true", "CLIENT_ID": "plinth", "SECRET": SECRET, **settings}
    return {f"GOTRUE_EXTERNAL_{name}_{setting}": value for setting, value in complete.items()}


def providers(
    variables: dict[str, str], *, plain_http: bool = False
) -> dict[str, ProviderSettings]:
    return configured_providers(variables, callback=CALLBACK, plain_http=plain_http)


@pytest.mark.parametrize(
    ("name", "url", "issuer"),
    [
        ("GOOGLE", "", "https://accounts.google.com"),
        ("GITLAB", "", "https://gitlab.com"),
        ("GITLAB", "https://git.example.com/", "https://git.example.com"),
        (
            "KEYCLOAK",
            "https://id.example.com/realms/main",
            "https://id.example.com/realms/main",
        ),
        (
            "AZURE",
            "https://login.microsoftonline.com/7f1a",
            "https://login.microsoftonline.com/7f1a/v2.0",
        ),
        ("COMPANY_DIRECTORY", "https://sso.example.com", "https://sso.example.com"),
    ],
)
def test_a_provider_has_the_issuer_of_its_url(name: str, url: str, issuer: str) -> None:
    found = providers(environment(name, URL=url))

    assert found[name.lower()].issuer == issuer


def test_the_first_of_several_client_ids_signs_in() -> None:
    found = providers(environment("GOOGLE", CLIENT_ID="web, ios ,android"))["google"]

    assert (found.client_id, found.client_ids) == ("web", ("web", "ios", "android"))


def test_a_provider_leads_back_to_the_service() -> None:
    assert providers(environment("GOOGLE"))["google"].redirect_uri == CALLBACK


@pytest.mark.parametrize("value", ["false", "", "0", "yes please"])
def test_a_provider_that_is_not_on_needs_nothing(value: str) -> None:
    assert providers({"GOTRUE_EXTERNAL_GOOGLE_ENABLED": value}) == {}


def test_other_ways_to_sign_in_are_no_providers() -> None:
    names = ("EMAIL", "PHONE", "ANONYMOUS_USERS")

    assert providers({f"GOTRUE_EXTERNAL_{name}_ENABLED": "true" for name in names}) == {}


@pytest.mark.parametrize(
    ("name", "settings", "mistake"),
    [
        ("GOOGLE", {"CLIENT_ID": " , "}, "GOTRUE_EXTERNAL_GOOGLE_CLIENT_ID is not set"),
        ("GOOGLE", {"SECRET": ""}, "GOTRUE_EXTERNAL_GOOGLE_SECRET is not set"),
        ("KEYCLOAK", {}, "GOTRUE_EXTERNAL_KEYCLOAK_URL is not set"),
        ("GOOGLE", {"URL": "http://accounts.example"}, "URL is no https address"),
        ("GOOGLE", {"URL": "https://user:secret@accounts.example"}, "URL is no https address"),
        ("GOOGLE", {"URL": "https://accounts.example?x=y"}, "URL is no https address"),
        ("GOOGLE", {"URL": "javascript:alert(1)"}, "URL is no https address"),
        ("AZURE", {"URL": "https://login.microsoftonline.com/common"}, "URL names no tenant"),
        ("GOOGLE", {"REDIRECT_URI": "plinth://callback"}, "REDIRECT_URI is no web address"),
    ],
)
def test_a_setting_that_cannot_be_right_is_refused(
    name: str, settings: dict[str, str], mistake: str
) -> None:
    with pytest.raises(ValueError, match=mistake):
        providers(environment(name, **settings))


def test_no_mistake_quotes_the_secret() -> None:
    with pytest.raises(ValueError, match="URL") as refused:
        providers(environment("KEYCLOAK", URL="x"))

    assert SECRET not in str(refused.value)


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(providers(environment("GOOGLE")))


def test_plain_http_may_be_permitted() -> None:
    found = providers(environment("KEYCLOAK", URL="http://keycloak:8080"), plain_http=True)

    assert found["keycloak"].issuer == "http://keycloak:8080"


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("GOTRUE_EXTERNAL_GOOGLE_SECRET", True),
        ("GOTRUE_EXTERNAL_SLACK_OIDC_CLIENT_ID", True),
        ("GOTRUE_EXTERNAL_EMAIL_ENABLED", False),
        ("GOTRUE_EXTERNAL_REDIRECT_URL", False),
        ("GOTRUE_EXTERNAL_GOOGLE_SKIP_NONCE_CHECK", False),
        ("GOTRUE_SITE_URL", False),
    ],
)
def test_variables_of_providers_are_known(name: str, is_one: bool) -> None:  # noqa: FBT001  (a parameter)
    assert is_provider_variable(name) is is_one


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://",
        "//example.com",
        "ftp://example.com",
        "https://a@example.com",
        "https://example.com\\@evil.example",
        "https://example.com/\r\nX: y",
        "https://example.com:99999",
        "https://example.com#x",
        "HTTPS:/example.com",
    ],
)
def test_what_is_no_web_address(address: str) -> None:
    assert not is_web_address(address, plain_http=True)


@pytest.fixture
def service_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Everything else that the service needs."""
    database = {
        "GOTRUE_DB_DATABASE_URL": "postgres://auth_admin@127.0.0.1:5432/postgres",
        "PGPASSWORD": secrets.token_urlsafe(32),
    }
    for name, value in (ENVIRONMENT | database).items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_mistake_ends_the_start_with_one_line(service_environment: pytest.MonkeyPatch) -> None:
    for name, value in environment("KEYCLOAK").items():
        service_environment.setenv(name, value)

    with pytest.raises(SettingsError) as refused:
        load_settings(AuthSettings)
    assert str(refused.value) == (
        "GOTRUE_EXTERNAL_KEYCLOAK_URL is not set: it is the issuer of the provider's ID tokens"
    )


def test_the_services_settings_name_its_providers(
    service_environment: pytest.MonkeyPatch,
) -> None:
    for name, value in environment("GOOGLE").items():
        service_environment.setenv(name, value)
    found = load_settings(AuthSettings).providers()

    assert found["google"].redirect_uri == f"{ISSUER}/callback"


def test_variables_of_providers_count_as_supported() -> None:
    assert unsupported_variables([*environment("GOOGLE"), "GOTRUE_EXTERNAL_X"]) == [
        "GOTRUE_EXTERNAL_X"
    ]
