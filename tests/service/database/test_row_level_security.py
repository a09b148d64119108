"""New tables in public are closed until a policy opens them; claims do not leak between users."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.service.postgres import REPOSITORY, fetch_as

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.service.postgres import Bootstrap

pytestmark = pytest.mark.engine

SEED = (REPOSITORY / "database/seed/todos.sql").read_text(encoding="utf-8")


@pytest.fixture
async def owners(superuser: asyncpg.Connection) -> AsyncIterator[tuple[uuid.UUID, uuid.UUID]]:
    """Two users with one to-do item each, on a freshly seeded table."""
    users = (uuid.uuid4(), uuid.uuid4())
    await superuser.execute(SEED)
    await superuser.executemany("insert into auth.users (id) values ($1)", [(u,) for u in users])
    await superuser.executemany(
        "insert into public.todos (user_id, title) values ($1, 'first')", [(u,) for u in users]
    )
    yield users
    await superuser.execute("drop table public.todos")
    await superuser.executemany("delete from auth.users where id = $1", [(u,) for u in users])


@pytest.mark.parametrize(
    "statement",
    [
        "create table public.fresh (id int)",
        "create table public.fresh as select 1 as id",
        "select 1 as id into public.fresh",
        "create table public.fresh (id int) partition by range (id)",
        'create table public."Fresh table" (id int)',
    ],
)
async def test_new_tables_get_row_level_security(
    superuser: asyncpg.Connection, statement: str
) -> None:
    transaction = superuser.transaction()
    await transaction.start()
    await superuser.execute(statement)
    enabled = await superuser.fetchval(
        "select bool_and(relrowsecurity) from pg_class where lower(relname) like 'fresh%'"
        " and relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
    )
    await transaction.rollback()
    assert enabled is True


@pytest.mark.parametrize("role", ["anon", "authenticated"])
async def test_without_a_policy_nothing_is_seen(
    authenticator: asyncpg.Connection, notes: str, role: str
) -> None:
    assert await fetch_as(authenticator, role, f"table {notes}", user=uuid.uuid4()) == []


async def test_without_a_policy_nothing_is_written(
    authenticator: asyncpg.Connection, notes: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await fetch_as(
            authenticator,
            "authenticated",
            f"insert into {notes} values ('mine')",  # noqa: S608  # the fixture's own name
            user=uuid.uuid4(),
        )


async def test_anon_cannot_truncate(authenticator: asyncpg.Connection, notes: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await fetch_as(authenticator, "anon", f"truncate {notes}")


async def test_a_policy_opens_a_table(
    superuser: asyncpg.Connection, authenticator: asyncpg.Connection, notes: str
) -> None:
    await superuser.execute(f"create policy everyone on {notes} for select to anon using (true)")
    assert len(await fetch_as(authenticator, "anon", f"table {notes}")) == 1


async def test_service_role_passes_by_row_level_security(
    authenticator: asyncpg.Connection, notes: str
) -> None:
    assert len(await fetch_as(authenticator, "service_role", f"table {notes}")) == 1


@pytest.mark.usefixtures("usual_settings_afterwards")
async def test_auto_rls_off(bootstrap: Bootstrap, superuser: asyncpg.Connection) -> None:
    bootstrap({"DATABASE_AUTO_RLS": "false"})
    transaction = superuser.transaction()
    await transaction.start()
    await superuser.execute("create table public.open (id int)")
    enabled = await superuser.fetchval(
        "select relrowsecurity from pg_class where oid = 'public.open'::regclass"
    )
    await transaction.rollback()
    assert enabled is False


async def test_auto_rls_on_again(bootstrap: Bootstrap, superuser: asyncpg.Connection) -> None:
    bootstrap({"DATABASE_AUTO_RLS": "false"})
    bootstrap({"DATABASE_AUTO_RLS": "true"})
    enabled = await superuser.fetchval(
        "select evtenabled from pg_event_trigger where evtname = 'plinth_auto_rls'"
    )
    assert enabled == b"O"


async def test_owners_see_their_own_todos_on_one_session(
    authenticator: asyncpg.Connection, owners: tuple[uuid.UUID, uuid.UUID]
) -> None:
    seen = [
        await fetch_as(
            authenticator, "authenticated", "select user_id from public.todos", user=user
        )
        for user in (*owners, owners[0])
    ]
    assert seen == [[(owners[0],)], [(owners[1],)], [(owners[0],)]]


async def test_claims_end_with_the_transaction(
    authenticator: asyncpg.Connection, owners: tuple[uuid.UUID, uuid.UUID]
) -> None:
    await fetch_as(authenticator, "authenticated", "table public.todos", user=owners[0])
    async with authenticator.transaction():
        await authenticator.execute("set local role authenticated")
        assert await authenticator.fetch("table public.todos") == []


async def test_a_new_todo_belongs_to_the_caller(
    authenticator: asyncpg.Connection, owners: tuple[uuid.UUID, uuid.UUID]
) -> None:
    (row,) = await fetch_as(
        authenticator,
        "authenticated",
        "insert into public.todos (title) values ('second') returning user_id",
        user=owners[0],
    )
    assert row["user_id"] == owners[0]


async def test_a_todo_cannot_be_made_for_another_user(
    authenticator: asyncpg.Connection, owners: tuple[uuid.UUID, uuid.UUID]
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await fetch_as(
            authenticator,
            "authenticated",
            "insert into public.todos (user_id, title) values ($1, 'planted')",
            owners[1],
            user=owners[0],
        )


@pytest.mark.parametrize(
    "statement", ["update public.todos set done = true", "delete from public.todos"]
)
async def test_changes_stay_within_the_owners_rows(
    authenticator: asyncpg.Connection,
    owners: tuple[uuid.UUID, uuid.UUID],
    statement: str,
) -> None:
    changed = await fetch_as(
        authenticator, "authenticated", f"{statement} returning user_id", user=owners[0]
    )
    assert changed == [(owners[0],)]


async def test_anon_sees_no_todo(
    authenticator: asyncpg.Connection, owners: tuple[uuid.UUID, uuid.UUID]
) -> None:
    assert len(owners) == 2
    assert await fetch_as(authenticator, "anon", "table public.todos") == []


async def test_a_deleted_user_takes_the_todos_along(
    auth_admin: asyncpg.Connection,
    superuser: asyncpg.Connection,
    owners: tuple[uuid.UUID, uuid.UUID],
) -> None:
    await auth_admin.execute("delete from users where id = $1", owners[0])
    remaining = await superuser.fetch("select user_id from public.todos")
    assert [row["user_id"] for row in remaining] == [owners[1]]


async def test_seed_keeps_what_is_there(
    superuser: asyncpg.Connection, owners: tuple[uuid.UUID, uuid.UUID]
) -> None:
    await superuser.execute(SEED)
    count = await superuser.fetchval("select count(*) from public.todos")
    assert count == len(owners)


@pytest.mark.parametrize(
    ("function", "claims", "expected"),
    [
        ("uid", "", None),
        ("uid", "{}", None),
        ("uid", '{"sub": ""}', None),
        (
            "uid",
            '{"sub": "6b1f4c9e-0000-4000-8000-000000000001"}',
            uuid.UUID("6b1f4c9e-0000-4000-8000-000000000001"),
        ),
        ("role", "", None),
        ("role", '{"role": "authenticated"}', "authenticated"),
        ("email", "", None),
        ("email", '{"email": "ada@example.org"}', "ada@example.org"),
        ("jwt", "", None),
        ("jwt", '{"aal": "aal1"}', '{"aal": "aal1"}'),
    ],
)
async def test_claim_functions(
    authenticator: asyncpg.Connection, function: str, claims: str, expected: object
) -> None:
    async with authenticator.transaction():
        await authenticator.execute(
            "select set_config('role', 'anon', true), set_config('request.jwt.claims', $1, true)",
            claims,
        )
        assert await authenticator.fetchval(f"select auth.{function}()") == expected


@pytest.mark.parametrize(
    "statement", ["create table public.later (id int)", "drop table public.notes"]
)
async def test_changes_reload_the_rest_schema(
    superuser: asyncpg.Connection, authenticator: asyncpg.Connection, notes: str, statement: str
) -> None:
    assert notes == "public.notes"
    heard: list[str] = []
    await authenticator.add_listener("pgrst", lambda *message: heard.append(str(message[3])))
    await superuser.execute(statement)
    await superuser.execute("drop table if exists public.later")
    await authenticator.execute("select 1")  # a round trip: notifications arrive before its answer
    assert heard[0] == "reload schema"
