"""Schema auth is the recorded one: the same tables as GoTrue keeps on the same database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.service.postgres import REPOSITORY

if TYPE_CHECKING:
    import asyncpg

pytestmark = pytest.mark.engine

CONTRACT: dict[str, Any] = json.loads(
    (REPOSITORY / "../shared/contracts/auth-schema.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("table", CONTRACT["tables"])
async def test_columns(superuser: asyncpg.Connection, table: str) -> None:
    columns = await superuser.fetch(
        """
        select column_name as name,
          case when data_type = 'USER-DEFINED' then udt_schema || '.' || udt_name
            else data_type end
          || case is_nullable when 'NO' then ' not null' else '' end
          || coalesce(' default ' || column_default, '') as definition
        from information_schema.columns
        where table_schema = 'auth' and table_name = $1
        order by ordinal_position
        """,
        table,
    )
    found = [(column["name"], column["definition"]) for column in columns]
    assert found == list(CONTRACT["tables"][table].items())


@pytest.mark.parametrize("key", CONTRACT["keys"])
async def test_keys(superuser: asyncpg.Connection, key: str) -> None:
    keys = await superuser.fetch(
        """
        select conrelid::regclass::text || ': ' || pg_get_constraintdef(oid) as key
        from pg_constraint
        where connamespace = 'auth'::regnamespace and contype in ('f', 'u')
        """
    )
    assert key in {row["key"] for row in keys}


async def test_no_other_keys(superuser: asyncpg.Connection) -> None:
    count = await superuser.fetchval(
        "select count(*) from pg_constraint"
        " where connamespace = 'auth'::regnamespace and contype in ('f', 'u')"
    )
    assert count == len(CONTRACT["keys"])


async def test_enums(superuser: asyncpg.Connection) -> None:
    enums = await superuser.fetch(
        """
        select typname || ': ' || string_agg(enumlabel, ', ' order by enumsortorder) as enum
        from pg_enum join pg_type on pg_type.oid = enumtypid
        where typnamespace = 'auth'::regnamespace
        group by typname order by typname
        """
    )
    assert [row["enum"] for row in enums] == CONTRACT["enums"]


async def test_functions(superuser: asyncpg.Connection) -> None:
    functions = await superuser.fetch(
        """
        select proname || '(' || pg_get_function_arguments(oid) || ') returns '
          || pg_get_function_result(oid) as signature
        from pg_proc where pronamespace = 'auth'::regnamespace
        """
    )
    assert {row["signature"] for row in functions} == set(CONTRACT["functions"])


async def test_everything_belongs_to_auth_admin(superuser: asyncpg.Connection) -> None:
    owners = await superuser.fetch(
        """
        select distinct owner::regrole::text from (
          select relowner from pg_class where relnamespace = 'auth'::regnamespace
          union all select proowner from pg_proc where pronamespace = 'auth'::regnamespace
          union all select typowner from pg_type where typnamespace = 'auth'::regnamespace
          union all select nspowner from pg_namespace where nspname = 'auth'
        ) as objects (owner)
        """
    )
    assert [row["owner"] for row in owners] == ["auth_admin"]


async def test_confirmed_at_follows_the_earlier_confirmation(
    auth_admin: asyncpg.Connection,
) -> None:
    transaction = auth_admin.transaction()
    await transaction.start()
    confirmed_at = await auth_admin.fetchval(
        """
        insert into users (id, email_confirmed_at, phone_confirmed_at)
        values (gen_random_uuid(), '2026-02-01Z', '2026-01-01Z')
        returning confirmed_at = phone_confirmed_at
        """
    )
    await transaction.rollback()
    assert confirmed_at is True


async def test_auth_admin_can_replace_the_claim_functions(
    auth_admin: asyncpg.Connection,
) -> None:
    transaction = auth_admin.transaction()
    await transaction.start()
    await auth_admin.execute(
        "create or replace function auth.uid() returns uuid language sql stable as"
        " $$ select null::uuid $$"
    )
    owner = await auth_admin.fetchval(
        "select proowner::regrole::text from pg_proc where oid = 'auth.uid'::regproc"
    )
    await transaction.rollback()
    assert owner == "auth_admin"
