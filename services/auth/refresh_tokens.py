"""Refresh tokens: their values, and the SQL of `auth.refresh_tokens`.

The table keeps SHA-256 digests, so that who reads it can use none of them. A token's value is an
HMAC over its session and the id of its row. The HMAC's key is derived from the signing key, which
the database does not hold; so the active token can be made again for a client that lost an answer.

GoTrue keeps values of 12 characters in clear, as earlier versions did. Those are accepted until
`digest_values` has replaced them: a moment after the start, when no container of the version before
serves any longer.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from base64 import b32encode
from typing import TYPE_CHECKING

from services.auth.models import NO_USER, RefreshToken

if TYPE_CHECKING:
    import asyncpg

    from services.shared.database import Database

DIGEST_PREFIX = "sha256:"
NEXT_ROW = "nextval('auth.refresh_tokens_id_seq')"
"""Id of a row that will be added, in SQL: the statement before takes it along."""

_VALUE_BYTES = 20
_BATCH = 5000
_CLEAR_VALUE = re.compile(r"[a-z2-7]{12}")


class RefreshTokenValues:
    """Makes the values of refresh tokens.

    Args:
        key: Secret that the database does not hold.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def value(self, session_id: uuid.UUID, row: int) -> str:
        """32 characters of base32, 160 bits, of the token in a row."""
        message = session_id.bytes + row.to_bytes(8)
        value = hmac.new(self._key, message, hashlib.sha256).digest()[:_VALUE_BYTES]
        return b32encode(value).decode().lower()

    def remade(self, token: RefreshToken) -> str | None:
        """The value of a token; None when it was made with a key that has been replaced."""
        if token.session_id is None:
            return None
        value = self.value(token.session_id, token.id)
        return value if digest_of(value) == token.digest else None


def digest_of(value: str) -> str:
    """What the table keeps of a value."""
    return DIGEST_PREFIX + hashlib.sha256(value.encode()).hexdigest()


async def find_refresh_token(connection: asyncpg.Connection, value: str) -> RefreshToken | None:
    """Refresh token, revoked or not, by its value."""
    # Only what looks like a value may match a clear one: a digest from the table is none.
    kept = [digest_of(value), *([value] if _CLEAR_VALUE.fullmatch(value) else [])]
    row = await connection.fetchrow(
        """select id, token, parent, revoked, session_id, user_id,
                  extract(epoch from clock_timestamp() - updated_at)::float8 as age_seconds
           from auth.refresh_tokens where token = any($1)""",
        kept,
    )
    return None if row is None else _refresh_token(row)


async def find_active_refresh_token(
    connection: asyncpg.Connection, session_id: uuid.UUID
) -> RefreshToken | None:
    """The session's newest refresh token that is not revoked."""
    row = await connection.fetchrow(
        """select id, token, parent, revoked, session_id, user_id,
                  extract(epoch from clock_timestamp() - updated_at)::float8 as age_seconds
           from auth.refresh_tokens
           where session_id = $1 and revoked is not true order by id desc limit 1""",
        session_id,
    )
    return None if row is None else _refresh_token(row)


async def insert_refresh_token(  # noqa: PLR0913  (what a row is made of)
    connection: asyncpg.Connection,
    values: RefreshTokenValues,
    row: int,
    user_id: uuid.UUID,
    session_id: uuid.UUID,
    *,
    parent: RefreshToken | None = None,
) -> str:
    """Add an active token to a session. Returns its value.

    Args:
        connection: In a transaction.
        values: What the value is made by.
        row: Id of the row, which an earlier statement took from `NEXT_ROW`.
        user_id: Whose session it is.
        session_id: The session.
        parent: The token that this one replaces.
    """
    value = values.value(session_id, row)
    await connection.execute(
        """insert into auth.refresh_tokens (
             id, instance_id, token, user_id, revoked, parent, session_id, created_at, updated_at
           ) values ($1, $2, $3, $4, false, $5, $6, now(), now())""",
        row,
        NO_USER,
        digest_of(value),
        str(user_id),
        parent.digest if parent else None,
        session_id,
    )
    return value


async def replace_refresh_token(
    connection: asyncpg.Connection, values: RefreshTokenValues, used: RefreshToken
) -> str:
    """Revoke a refresh token of a session and put a child in its place. Returns the child."""
    if used.session_id is None:
        raise ValueError("the token belongs to no session")
    row = await connection.fetchval(
        f"""update auth.refresh_tokens set revoked = true, updated_at = now()
            where id = $1 returning {NEXT_ROW}""",  # noqa: S608  (a constant)
        used.id,
    )
    return await insert_refresh_token(
        connection, values, row, used.user_id, used.session_id, parent=used
    )


async def revoke_family(connection: asyncpg.Connection, session_id: uuid.UUID) -> None:
    """Revoke every refresh token of a session."""
    await connection.execute(
        """update auth.refresh_tokens set revoked = true, updated_at = now()
           where session_id = $1 and revoked is not true""",
        session_id,
    )


async def delete_refresh_tokens(connection: asyncpg.Connection, session_id: uuid.UUID) -> None:
    """Remove every refresh token of a session, so that none counts as one that was used."""
    await connection.execute("delete from auth.refresh_tokens where session_id = $1", session_id)


async def digest_values(database: Database) -> int:
    """Replace values that stand in clear by their digests. Returns how many there were.

    Raises:
        DependencyUnavailableError: The database is away; what was replaced stays replaced.
    """
    replaced, last = 0, 0
    while True:
        async with database.transaction("digest_refresh_tokens") as connection:
            row = await connection.fetchrow(
                f"""with batch as (
                      select max(id) as last from (
                        select id from auth.refresh_tokens where id > $1 order by id limit $2
                      ) as ids
                    ), changed as (
                      update auth.refresh_tokens
                      set token = {_digest_in_sql("token")},
                          parent = case when parent = '' or parent ~ '^{DIGEST_PREFIX}'
                                        then parent else {_digest_in_sql("parent")} end
                      where id > $1 and id <= (select last from batch)
                        and token !~ '^{DIGEST_PREFIX}'
                      returning 1
                    )
                    select (select last from batch), (select count(*) from changed)""",  # noqa: S608  (constants)
                last,
                _BATCH,
            )
        if row["last"] is None:
            return replaced
        last = row["last"]
        replaced += row["count"]


def _digest_in_sql(column: str) -> str:
    return f"'{DIGEST_PREFIX}' || encode(sha256(convert_to({column}, 'UTF8')), 'hex')"


def _digested(kept: str) -> str:
    return kept if kept.startswith(DIGEST_PREFIX) else digest_of(kept)


def _refresh_token(row: asyncpg.Record) -> RefreshToken:
    return RefreshToken(
        id=row["id"],
        digest=_digested(row["token"]),
        parent=_digested(row["parent"]) if row["parent"] else None,
        revoked=bool(row["revoked"]),
        session_id=row["session_id"],
        user_id=uuid.UUID(row["user_id"]),
        age_seconds=row["age_seconds"],
    )
