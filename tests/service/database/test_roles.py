"""Roles have the attributes and the reach that they need, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import asyncpg
import pytest

from tests.service.postgres import fetch_as

if TYPE_CHECKING:
    from tests.service.postgres import PostgresServer

pytestmark = pytest.mark.engine


class Attributes(NamedTuple):
    """Columns of pg_roles that say what a role may do."""

    login: bool = False
    inherit: bool = False
    bypass_rls: bool = False
    superuser: bool = False
    create_role: bool = False
    create_database: bool = False
    replication: bool = False


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("anon", Attributes()),
        ("authenticated", Attributes()),
        ("service_role", Attributes(bypass_rls=True)),
        ("authenticator", Attributes(login=True)),
        ("auth_admin", Attributes(login=True)),
    ],
)
async def test_attributes(superuser: asyncpg.Connection, role: str, expected: Attributes) -> None:
    row = await superuser.fetchrow(
        """
        select rolcanlogin, rolinherit, rolbypassrls, rolsuper, rolcreaterole, rolcreatedb,
          rolreplication
        from pg_roles where rolname = $1
        """,
        role,
    )
    assert row is not None
    assert Attributes(*row) == expected


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
async def test_authenticator_becomes_api_roles(
    authenticator: asyncpg.Connection, role: str
) -> None:
    (row,) = await fetch_as(authenticator, role, "select current_user::text as name")
    assert row["name"] == role


@pytest.mark.parametrize("role", ["postgres", "auth_admin", "pg_read_all_data"])
async def test_authenticator_becomes_nothing_else(
    authenticator: asyncpg.Connection, role: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await authenticator.execute("select set_config('role', $1, true)", role)


@pytest.mark.parametrize(
    "statement",
    [
        "select * from auth.users",
        "select * from auth.refresh_tokens",
        "select * from auth_limits.attempts",
        "select * from plinth.schema_migrations",
        "create table public.stray (id int)",
        "create temporary table stray (id int)",
        "create schema stray",
        "select rolpassword from pg_authid",
    ],
)
async def test_authenticator_is_refused(authenticator: asyncpg.Connection, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await authenticator.execute(statement)


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
async def test_api_roles_cannot_read_auth_tables(
    authenticator: asyncpg.Connection, role: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await fetch_as(authenticator, role, "select * from auth.users")


@pytest.mark.parametrize(
    "statement",
    [
        "select * from public.notes",
        "create table public.stray (id int)",
        "create temporary table stray (id int)",
        "select * from plinth.schema_migrations",
        "set role service_role",
    ],
)
async def test_auth_admin_is_refused(
    auth_admin: asyncpg.Connection, notes: str, statement: str
) -> None:
    assert notes == "public.notes"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await auth_admin.execute(statement)


@pytest.mark.parametrize("role", ["authenticator", "auth_admin"])
async def test_service_roles_reach_no_other_database(
    postgres_server: PostgresServer, prepared_database: str, role: str
) -> None:
    assert prepared_database != "template1"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await postgres_server.connect(role, database="template1")
