"""How refresh tokens are kept: who reads the table can use none of them."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from infra import keys
from services.auth import refresh_tokens
from services.auth.housekeeping import housekeeping
from services.auth.models import RefreshToken
from services.auth.refresh_tokens import RefreshTokenValues, digest_of, digest_values
from services.shared.database import Database
from services.shared.metrics import Metrics
from tests.service.auth.service import (
    CURRENT_KEY,
    AuthService,
    running_service,
    session_id,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

SESSION = uuid.UUID("5b0cf04c-5b0d-4b8e-9d3d-3c6b4d0f2a11")


def row(values: RefreshTokenValues, *, session: uuid.UUID = SESSION) -> RefreshToken:
    return RefreshToken(
        id=7,
        digest=digest_of(values.value(session, 7)),
        parent=None,
        revoked=False,
        session_id=session,
        user_id=uuid.uuid4(),
        age_seconds=0.0,
    )


def test_a_value_can_be_made_again() -> None:
    values = RefreshTokenValues(b"k" * 32)

    assert values.remade(row(values)) == values.value(SESSION, 7)


def test_a_value_is_not_made_again_with_another_key() -> None:
    assert RefreshTokenValues(b"l" * 32).remade(row(RefreshTokenValues(b"k" * 32))) is None


def test_values_of_two_rows_differ() -> None:
    values = RefreshTokenValues(b"k" * 32)

    assert values.value(SESSION, 7) != values.value(SESSION, 8)


def test_values_of_two_sessions_differ() -> None:
    values = RefreshTokenValues(b"k" * 32)

    assert values.value(SESSION, 7) != values.value(uuid.UUID(int=0), 7)


async def set_clear(connection: asyncpg.Connection, answer: dict[str, Any]) -> str:
    """Keep the session's token as GoTrue does: in clear."""
    value = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(12))
    await connection.execute(
        "update auth.refresh_tokens set token = $2 where session_id = $1::text::uuid",
        session_id(answer),
        value,
    )
    return value


@pytest.fixture
async def own_pool(database_environment: dict[str, str]) -> AsyncIterator[Database]:
    """The service's view of its database."""
    url = database_environment["GOTRUE_DB_DATABASE_URL"].replace(
        "auth_admin@", f"auth_admin:{database_environment['PGPASSWORD']}@"
    )
    pool = Database(url, metrics=Metrics(), application="tests", pool_size=1)
    await pool.open()
    yield pool
    await pool.close()


@pytest.mark.engine
async def test_no_token_that_was_handed_out_is_in_the_table(
    service: AuthService, user: dict[str, Any], database: asyncpg.Connection
) -> None:
    second = service.refresh(user["refresh_token"]).json()["refresh_token"]

    text = await database.fetchval("select string_agg(t::text, ' ') from auth.refresh_tokens as t")
    assert not any(value in text for value in (user["refresh_token"], second))


@pytest.mark.engine
async def test_what_the_table_keeps_refreshes_nothing(
    service: AuthService, user: dict[str, Any], database: asyncpg.Connection
) -> None:
    kept = await database.fetchval(
        "select token from auth.refresh_tokens where session_id = $1::text::uuid", session_id(user)
    )

    assert service.refresh(kept).json()["error_code"] == "refresh_token_not_found"


@pytest.mark.engine
async def test_a_token_in_clear_is_exchanged(
    service: AuthService, user: dict[str, Any], database: asyncpg.Connection
) -> None:
    assert service.refresh(await set_clear(database, user)).status_code == 200


@pytest.mark.engine
async def test_a_token_in_clear_that_was_exchanged_is_detected_when_used_again(
    strict_service: AuthService, database: asyncpg.Connection
) -> None:
    user = strict_service.sign_up()
    clear = await set_clear(database, user)
    second = strict_service.refresh(clear).json()["refresh_token"]
    strict_service.refresh(second)

    assert strict_service.refresh(clear).json()["error_code"] == "refresh_token_already_used"


@pytest.mark.engine
async def test_tokens_in_clear_are_digested(
    user: dict[str, Any], database: asyncpg.Connection, own_pool: Database
) -> None:
    clear = await set_clear(database, user)
    await digest_values(own_pool)

    kept = await database.fetchval(
        "select token from auth.refresh_tokens where session_id = $1::text::uuid", session_id(user)
    )
    assert kept == digest_of(clear)


@pytest.mark.engine
async def test_tokens_in_clear_are_digested_a_batch_at_a_time(
    service: AuthService,
    database: asyncpg.Connection,
    own_pool: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refresh_tokens, "_BATCH", 1)
    await digest_values(own_pool)
    for _ in range(2):
        await set_clear(database, service.sign_up())

    assert await digest_values(own_pool) == 2


@pytest.mark.engine
async def test_the_service_digests_by_itself(
    user: dict[str, Any], database: asyncpg.Connection, own_pool: Database
) -> None:
    clear = await set_clear(database, user)
    async with asyncio.timeout(10), housekeeping(own_pool, after_seconds=0):
        while await database.fetchval(
            "select exists (select from auth.refresh_tokens where token = $1)", clear
        ):
            continue


@pytest.mark.engine
async def test_a_stop_does_not_wait_for_it(own_pool: Database) -> None:
    async with asyncio.timeout(5), housekeeping(own_pool, after_seconds=60):
        pass


@pytest.mark.engine
async def test_digested_tokens_are_exchanged(
    service: AuthService, user: dict[str, Any], database: asyncpg.Connection, own_pool: Database
) -> None:
    clear = await set_clear(database, user)
    await digest_values(own_pool)

    assert service.refresh(clear).status_code == 200


@pytest.mark.engine
async def test_a_lost_answer_leaves_one_active_token_after_a_change_of_keys(
    service: AuthService,
    user: dict[str, Any],
    database: asyncpg.Connection,
    database_environment: dict[str, str],
    tmp_path: Path,
) -> None:
    service.refresh(user["refresh_token"])
    new_key = keys.signing_key(secrets.token_bytes(32))
    settings = {
        "GOTRUE_JWT_KEYS": keys.key_set(
            [new_key.private_jwk(signs=True), CURRENT_KEY.private_jwk(signs=False)]
        )
    }
    with running_service(database_environment, tmp_path / "auth.log", settings) as rotated:
        again = rotated.refresh(user["refresh_token"]).json()["refresh_token"]
        assert rotated.refresh(again).status_code == 200

    active = await database.fetchval(
        """select count(*) from auth.refresh_tokens
           where session_id = $1::text::uuid and not revoked""",
        session_id(user),
    )
    assert active == 1
