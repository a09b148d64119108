"""The SQL of sessions."""

from __future__ import annotations

import ipaddress
import uuid
from typing import TYPE_CHECKING, Literal

from services.auth.models import Client, Session
from services.auth.refresh_tokens import (
    NEXT_ROW,
    RefreshTokenValues,
    delete_refresh_tokens,
    insert_refresh_token,
)

if TYPE_CHECKING:
    import asyncpg

AuthenticationMethod = Literal[
    "anonymous",
    "email/signup",
    "email_change",
    "invite",
    "magiclink",
    "oauth",
    "otp",
    "password",
    "recovery",
    "totp",
]
"""GoTrue's names of the ways to sign in, as the `amr` claim has them."""


async def start_session(
    connection: asyncpg.Connection,
    values: RefreshTokenValues,
    user_id: uuid.UUID,
    method: AuthenticationMethod,
    client: Client,
) -> tuple[Session, str]:
    """Begin a session. Returns it and its first refresh token."""
    session_id = uuid.uuid4()
    row = await connection.fetchrow(
        f"""with session as (
              insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip)
              values ($1, $2, now(), now(), 'aal1', $3, $4)
              returning created_at, aal::text, not_after
            ), method as (
              insert into auth.mfa_amr_claims (
                id, session_id, created_at, updated_at, authentication_method
              ) values (gen_random_uuid(), $1, now(), now(), $5)
              returning authentication_method, updated_at
            )
            select session.*, method.*, {NEXT_ROW} as token_row from session, method""",  # noqa: S608  (a constant)
        session_id,
        user_id,
        client.user_agent,
        _inet(client),
        method,
    )
    session = Session(
        id=session_id,
        user_id=user_id,
        created_at=row["created_at"],
        aal=row["aal"],
        not_after=row["not_after"],
        methods=((row["authentication_method"], row["updated_at"]),),
    )
    token = await insert_refresh_token(connection, values, row["token_row"], user_id, session_id)
    return session, token


async def load_session(connection: asyncpg.Connection, session_id: uuid.UUID) -> Session | None:
    """Session with the methods that it was authenticated by."""
    row = await connection.fetchrow(
        "select id, user_id, created_at, aal::text, not_after from auth.sessions where id = $1",
        session_id,
    )
    if row is None:
        return None
    methods = await connection.fetch(
        """select authentication_method, updated_at from auth.mfa_amr_claims
           where session_id = $1 order by updated_at desc""",
        session_id,
    )
    return Session(
        id=row["id"],
        user_id=row["user_id"],
        created_at=row["created_at"],
        aal=row["aal"] or "aal1",
        not_after=row["not_after"],
        methods=tuple((one["authentication_method"], one["updated_at"]) for one in methods),
    )


async def lock_session(connection: asyncpg.Connection, session_id: uuid.UUID) -> Session | None:
    """Session; other transactions that change it wait for this one."""
    await connection.execute(
        "select 1 from auth.sessions where id = $1 for no key update", session_id
    )
    return await load_session(connection, session_id)


async def record_refresh(
    connection: asyncpg.Connection, session_id: uuid.UUID, client: Client
) -> None:
    """Note when and from where a session was refreshed."""
    await connection.execute(
        """update auth.sessions
           set refreshed_at = now() at time zone 'utc', updated_at = now(),
               user_agent = $2, ip = $3
           where id = $1""",
        session_id,
        client.user_agent,
        _inet(client),
    )


async def end_session(connection: asyncpg.Connection, session_id: uuid.UUID) -> None:
    """Sign out of one session."""
    await connection.execute("delete from auth.sessions where id = $1", session_id)


async def end_sessions(
    connection: asyncpg.Connection, user_id: uuid.UUID, *, except_session: uuid.UUID | None = None
) -> None:
    """Sign a user out everywhere, or everywhere else."""
    await connection.execute(
        "delete from auth.sessions where user_id = $1 and id is distinct from $2",
        user_id,
        except_session,
    )


async def raise_session(
    connection: asyncpg.Connection,
    values: RefreshTokenValues,
    session: Session,
    factor_id: uuid.UUID,
) -> str:
    """Note that a session was authenticated by a second factor too. Returns its refresh token.

    The session's earlier refresh tokens are removed, not revoked: one that was had without the
    second factor must never be exchanged for tokens with it.
    """
    row = await connection.fetchval(
        f"""update auth.sessions set aal = 'aal2', factor_id = $2, updated_at = now()
            where id = $1 returning {NEXT_ROW}""",  # noqa: S608  (a constant)
        session.id,
        factor_id,
    )
    await connection.execute(
        """insert into auth.mfa_amr_claims (
             id, session_id, created_at, updated_at, authentication_method
           ) values (gen_random_uuid(), $1, now(), now(), 'totp')
           on conflict (session_id, authentication_method) do update set updated_at = now()""",
        session.id,
    )
    await delete_refresh_tokens(connection, session.id)
    return await insert_refresh_token(connection, values, row, session.user_id, session.id)


async def end_sessions_without_second_factor(
    connection: asyncpg.Connection, user_id: uuid.UUID
) -> None:
    """Sign a user out wherever no second factor was given."""
    await connection.execute(
        "delete from auth.sessions where user_id = $1 and aal is distinct from 'aal2'", user_id
    )


async def lower_sessions(connection: asyncpg.Connection, factor_id: uuid.UUID) -> None:
    """Take from sessions what a second factor, which is being removed, gave them."""
    await connection.execute(
        """with lowered as (
             update auth.sessions set aal = 'aal1', factor_id = null, updated_at = now()
             where factor_id = $1 returning id
           )
           delete from auth.mfa_amr_claims using lowered
           where session_id = lowered.id and authentication_method = 'totp'""",
        factor_id,
    )


def _inet(client: Client) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    return None if client.address is None else ipaddress.ip_address(client.address)
