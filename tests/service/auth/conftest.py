"""The auth service on a real PostgreSQL server that the bootstrap has prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.service.auth.github import GitHub, running_github
from tests.service.auth.identity_provider import (
    CLIENT_ID,
    NATIVE_CLIENT_ID,
    IdentityProvider,
    running_provider,
)
from tests.service.auth.mailbox import Mailbox
from tests.service.auth.service import AuthService, free_port, mail_settings, running_service
from tests.service.postgres import (
    PostgresServer,
    bootstrap,
    postgres_server,
    prepared_database,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from contextlib import AbstractContextManager

    import asyncpg

    from tests.service.auth.service import StartService

__all__ = ["bootstrap", "postgres_server", "prepared_database"]  # fixtures


@pytest.fixture(scope="session")
def database_environment(postgres_server: PostgresServer, prepared_database: str) -> dict[str, str]:
    """How the service reaches its database."""
    address = f"{postgres_server.host}:{postgres_server.port}"
    return {
        "GOTRUE_DB_DATABASE_URL": f"postgres://auth_admin@{address}/{prepared_database}",
        "PGPASSWORD": postgres_server.role_passwords["auth_admin"],
    }


@pytest.fixture(scope="session")
def start_service(
    database_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> StartService:
    """Start a service with further settings, its log in a folder of its own, for a block."""

    def start(settings: Mapping[str, str]) -> AbstractContextManager[AuthService]:
        return running_service(
            database_environment, tmp_path_factory.mktemp("auth") / "auth.log", settings
        )

    return start


@pytest.fixture(scope="session")
def mailbox() -> Iterator[Mailbox]:
    """Where the mails of all services arrive."""
    running = Mailbox(free_port())
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def service(start_service: StartService, mailbox: Mailbox) -> Iterator[AuthService]:
    """One service for all tests that do not need another configuration."""
    with start_service(mail_settings(mailbox)) as running:
        yield running


@pytest.fixture(scope="session")
def confirming_service(start_service: StartService, mailbox: Mailbox) -> Iterator[AuthService]:
    """A service that has every address confirmed by mail, and sends mails as often as asked."""
    settings = {
        **mail_settings(mailbox),
        "GOTRUE_MAILER_AUTOCONFIRM": "false",
        "GOTRUE_SMTP_MAX_FREQUENCY": "0s",
        "GOTRUE_URI_ALLOW_LIST": "https://*.example.com/**,plinth://callback",
    }
    with start_service(settings) as running:
        yield running


@pytest.fixture(scope="session")
def strict_service(start_service: StartService) -> Iterator[AuthService]:
    """A service that lets no refresh token be used twice."""
    settings = {"GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL": "0"}
    with start_service(settings) as running:
        yield running


@pytest.fixture(scope="session")
def identity_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    """A real OpenID Connect provider; what it says about a person comes from its userinfo."""
    folder = tmp_path_factory.mktemp("identity-provider")
    with running_provider(free_port(), folder) as running:
        yield running


@pytest.fixture(scope="session")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    """A real OpenID Connect provider in Google's place; its ID tokens say who somebody is."""
    folder = tmp_path_factory.mktemp("google")
    with running_provider(free_port(), folder, claims_in_id_token=True) as running:
        yield running


@pytest.fixture(scope="session")
def github() -> Iterator[GitHub]:
    """What GitHub's documentation says that GitHub answers."""
    with running_github(free_port()) as running:
        yield running


@pytest.fixture(scope="session")
def provider_settings(
    identity_provider: IdentityProvider, google: IdentityProvider, github: GitHub
) -> dict[str, str]:
    """Settings of a service that people sign in to with these providers."""
    return {
        "PLINTH_EXTERNAL_PLAIN_HTTP": "true",
        "GOTRUE_EXTERNAL_KEYCLOAK_ENABLED": "true",
        "GOTRUE_EXTERNAL_KEYCLOAK_CLIENT_ID": CLIENT_ID,
        "GOTRUE_EXTERNAL_KEYCLOAK_SECRET": identity_provider.secret,
        "GOTRUE_EXTERNAL_KEYCLOAK_URL": identity_provider.url,
        "GOTRUE_EXTERNAL_GOOGLE_ENABLED": "true",
        "GOTRUE_EXTERNAL_GOOGLE_CLIENT_ID": f"{CLIENT_ID},{NATIVE_CLIENT_ID}",
        "GOTRUE_EXTERNAL_GOOGLE_SECRET": google.secret,
        "GOTRUE_EXTERNAL_GOOGLE_URL": google.url,
        # An issuer that is away.
        "GOTRUE_EXTERNAL_COMPANY_ENABLED": "true",
        "GOTRUE_EXTERNAL_COMPANY_CLIENT_ID": CLIENT_ID,
        "GOTRUE_EXTERNAL_COMPANY_SECRET": "of-the-company",
        "GOTRUE_EXTERNAL_COMPANY_URL": f"http://127.0.0.1:{free_port()}",
        "GOTRUE_EXTERNAL_GITHUB_ENABLED": "true",
        "GOTRUE_EXTERNAL_GITHUB_CLIENT_ID": CLIENT_ID,
        "GOTRUE_EXTERNAL_GITHUB_SECRET": github.secret,
        "GOTRUE_EXTERNAL_GITHUB_URL": github.url,
    }


@pytest.fixture(scope="session")
def linking_service(
    start_service: StartService, provider_settings: dict[str, str], mailbox: Mailbox
) -> Iterator[AuthService]:
    """A service with providers, where users link identities and addresses are to be confirmed."""
    settings = {
        **mail_settings(mailbox),
        **provider_settings,
        "GOTRUE_MAILER_AUTOCONFIRM": "false",
        "GOTRUE_SECURITY_MANUAL_LINKING_ENABLED": "true",
        "GOTRUE_URI_ALLOW_LIST": "https://*.example.com/**",
    }
    with start_service(settings) as running:
        yield running


@pytest.fixture(scope="session")
def closed_service(
    start_service: StartService, provider_settings: dict[str, str]
) -> Iterator[AuthService]:
    """A service with providers, where nobody may sign up and no identity is linked by hand."""
    settings = {**provider_settings, "GOTRUE_DISABLE_SIGNUP": "true"}
    with start_service(settings) as running:
        yield running


@pytest.fixture(scope="session")
def open_service(
    start_service: StartService, provider_settings: dict[str, str]
) -> Iterator[AuthService]:
    """A service with providers, where every new address counts as confirmed."""
    with start_service(provider_settings) as running:
        yield running


@pytest.fixture
def user(service: AuthService) -> dict[str, Any]:
    """The answer to the sign-up of a new user."""
    return service.sign_up()


@pytest.fixture
async def database(
    postgres_server: PostgresServer, prepared_database: str
) -> AsyncIterator[asyncpg.Connection]:
    """The superuser's view of the service's database."""
    connection = await postgres_server.connect(database=prepared_database)
    yield connection
    await connection.close()
