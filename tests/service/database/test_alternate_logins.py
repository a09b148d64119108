"""Two logins for a role: the alternate is the role, and the one without a password is shut."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import asyncpg
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.service.postgres import Bootstrap, BootstrapRun, PostgresServer

pytestmark = pytest.mark.engine

ROLES = ("authenticator", "auth_admin")


@pytest.fixture(scope="module")
def passwords() -> dict[str, str]:
    """Password by alternate login."""
    return {f"{role}_alternate": secrets.token_urlsafe(32) for role in ROLES}


@pytest.fixture(scope="module")
def rotated(
    bootstrap: Bootstrap, prepared_database: str, passwords: dict[str, str]
) -> Iterator[BootstrapRun]:
    """A run that gives both logins of each role a password."""
    assert prepared_database == "postgres"
    yield bootstrap({f"ROLE_PASSWORD_{login.upper()}": each for login, each in passwords.items()})
    bootstrap()


@pytest.fixture
async def alternate(
    request: pytest.FixtureRequest,
    postgres_server: PostgresServer,
    rotated: BootstrapRun,
    passwords: dict[str, str],
) -> AsyncIterator[asyncpg.Connection]:
    """Connection of the alternate login of the role that the test names."""
    assert rotated.exit_code == 0, rotated.output
    login = f"{request.param}_alternate"
    connection = await postgres_server.connect(
        login, database="postgres", password=passwords[login]
    )
    yield connection
    await connection.close()


def of(*roles: str) -> Callable[..., pytest.MarkDecorator]:
    """Parametrise the connection of the alternate login."""
    return pytest.mark.parametrize("alternate", roles, indirect=True)


@of(*ROLES)
async def test_the_alternate_is_the_role(
    alternate: asyncpg.Connection, request: pytest.FixtureRequest
) -> None:
    expected = request.node.callspec.params["alternate"]
    assert await alternate.fetchval("select current_user::text") == expected


@pytest.mark.usefixtures("rotated")
@pytest.mark.parametrize("role", ROLES)
async def test_the_role_itself_still_logs_in(postgres_server: PostgresServer, role: str) -> None:
    connection = await postgres_server.connect(role, database="postgres")
    assert await connection.fetchval("select current_user::text") == role
    await connection.close()


@of("authenticator")
@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
async def test_it_becomes_what_the_role_may_become(
    alternate: asyncpg.Connection, role: str
) -> None:
    await alternate.execute(f"set role {role}")
    assert await alternate.fetchval("select current_user::text") == role


@of("authenticator")
@pytest.mark.parametrize("role", ["postgres", "auth_admin", "auth_admin_alternate"])
async def test_it_becomes_nothing_else(alternate: asyncpg.Connection, role: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await alternate.execute(f"set role {role}")


@of("auth_admin")
async def test_what_it_makes_belongs_to_the_role(alternate: asyncpg.Connection) -> None:
    async with alternate.transaction():
        await alternate.execute("create table auth.made (id int)")
        owner = await alternate.fetchval(
            "select relowner::regrole::text from pg_class where oid = 'auth.made'::regclass"
        )
        await alternate.execute("drop table auth.made")
    assert owner == "auth_admin"


@of(*ROLES)
async def test_it_has_the_settings_of_the_role(
    alternate: asyncpg.Connection, postgres_server: PostgresServer, request: pytest.FixtureRequest
) -> None:
    shown = "select array_agg(current_setting(each)) from unnest($1::text[]) as each"
    names = ["statement_timeout", "lock_timeout", "search_path"]
    role = await postgres_server.connect(
        request.node.callspec.params["alternate"], database="postgres"
    )
    assert await alternate.fetchval(shown, names) == await role.fetchval(shown, names)
    await role.close()


@pytest.mark.usefixtures("rotated")
@pytest.mark.parametrize("role", ROLES)
async def test_it_reaches_no_other_database(
    postgres_server: PostgresServer, passwords: dict[str, str], role: str
) -> None:
    login = f"{role}_alternate"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await postgres_server.connect(login, database="template1", password=passwords[login])


@of("auth_admin")
async def test_revoking_a_password_ends_the_sessions_that_it_opened(
    alternate: asyncpg.Connection, bootstrap: Bootstrap
) -> None:
    run = bootstrap()
    assert "db-bootstrap: password of auth_admin_alternate: revoked" in run.lines
    with pytest.raises((asyncpg.AdminShutdownError, asyncpg.ConnectionDoesNotExistError)):
        await alternate.fetchval("select 1")


@pytest.mark.usefixtures("usual_settings_afterwards")
async def test_the_role_is_shut_where_its_alternate_alone_has_a_password(
    bootstrap: Bootstrap, postgres_server: PostgresServer, passwords: dict[str, str]
) -> None:
    given = {"ROLE_PASSWORD_AUTH_ADMIN": None}
    bootstrap(given | {"ROLE_PASSWORD_AUTH_ADMIN_ALTERNATE": passwords["auth_admin_alternate"]})
    with pytest.raises(asyncpg.InvalidPasswordError):
        await postgres_server.connect("auth_admin", database="postgres")


@pytest.mark.usefixtures("prepared_database")
async def test_an_alternate_without_a_password_does_not_log_in(
    bootstrap: Bootstrap, postgres_server: PostgresServer, passwords: dict[str, str]
) -> None:
    bootstrap()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await postgres_server.connect(
            "auth_admin_alternate", database="postgres", password=passwords["auth_admin_alternate"]
        )
