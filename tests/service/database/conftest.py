"""Databases for the tests of the bootstrap."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.service.postgres import (
    Bootstrap,
    PostgresServer,
    bootstrap,
    postgres_server,
    prepared_database,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import asyncpg

__all__ = ["bootstrap", "postgres_server", "prepared_database"]  # fixtures


@pytest.fixture
async def empty_database(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The name of a new database that no bootstrap has seen; dropped afterwards."""
    name = f"empty_{uuid.uuid4().hex[:8]}"
    superuser = await postgres_server.connect()
    try:
        await superuser.execute(f"create database {name}")
        yield name
        await superuser.execute(f"drop database {name} with (force)")
    finally:
        await superuser.close()


@pytest.fixture
def usual_settings_afterwards(bootstrap: Bootstrap) -> Iterator[None]:
    """Run the bootstrap with its usual settings when the test is over."""
    yield
    bootstrap()


@pytest.fixture
async def superuser(
    postgres_server: PostgresServer, prepared_database: str
) -> AsyncIterator[asyncpg.Connection]:
    """The superuser's connection to the prepared database."""
    connection = await postgres_server.connect(database=prepared_database)
    yield connection
    await connection.close()


@pytest.fixture
async def authenticator(
    postgres_server: PostgresServer, prepared_database: str
) -> AsyncIterator[asyncpg.Connection]:
    """The REST API's connection to the prepared database: it may become the three API roles."""
    connection = await postgres_server.connect("authenticator", database=prepared_database)
    yield connection
    await connection.close()


@pytest.fixture
async def auth_admin(
    postgres_server: PostgresServer, prepared_database: str
) -> AsyncIterator[asyncpg.Connection]:
    """The auth service's connection to the prepared database."""
    connection = await postgres_server.connect("auth_admin", database=prepared_database)
    yield connection
    await connection.close()


@pytest.fixture
async def notes(superuser: asyncpg.Connection) -> AsyncIterator[str]:
    """A new table in public with one row and no policy."""
    await superuser.execute("create table public.notes (body text)")
    await superuser.execute("insert into public.notes values ('something private')")
    yield "public.notes"
    await superuser.execute("drop table if exists public.notes")
