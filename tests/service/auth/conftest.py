"""The auth service on a real PostgreSQL server that the bootstrap has prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.service.auth.mailbox import Mailbox
from tests.service.auth.service import AuthService, free_port, mail_settings, running_service
from tests.service.postgres import (
    PostgresServer,
    bootstrap,
    postgres_server,
    prepared_database,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import asyncpg

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
def mailbox() -> Iterator[Mailbox]:
    """Where the mails of all services arrive."""
    running = Mailbox(free_port())
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def service(
    database_environment: dict[str, str],
    mailbox: Mailbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[AuthService]:
    """One service for all tests that do not need another configuration."""
    log = tmp_path_factory.mktemp("auth") / "auth.log"
    with running_service(database_environment, log, mail_settings(mailbox)) as running:
        yield running


@pytest.fixture(scope="session")
def confirming_service(
    database_environment: dict[str, str],
    mailbox: Mailbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[AuthService]:
    """A service that has every address confirmed by mail, and sends mails as often as asked."""
    log = tmp_path_factory.mktemp("auth") / "auth.log"
    settings = {
        **mail_settings(mailbox),
        "GOTRUE_MAILER_AUTOCONFIRM": "false",
        "GOTRUE_SMTP_MAX_FREQUENCY": "0s",
        "GOTRUE_URI_ALLOW_LIST": "https://*.example.com/**,plinth://callback",
    }
    with running_service(database_environment, log, settings) as running:
        yield running


@pytest.fixture(scope="session")
def strict_service(
    database_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AuthService]:
    """A service that lets no refresh token be used twice."""
    log = tmp_path_factory.mktemp("auth") / "auth.log"
    settings = {"GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL": "0"}
    with running_service(database_environment, log, settings) as running:
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
