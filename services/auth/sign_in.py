"""Beginning a session: what every way of signing in ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.auth import sessions, store

if TYPE_CHECKING:
    import uuid

    import asyncpg

    from services.auth.context import AuthContext
    from services.auth.models import Client, Session, User


async def begin_session(
    connection: asyncpg.Connection,
    context: AuthContext,
    user_id: uuid.UUID,
    method: sessions.AuthenticationMethod,
    client: Client,
) -> tuple[User, Session, str]:
    """Start a session of an existing user. Returns user, session and first refresh token."""
    session_id, refresh_token = await sessions.start_session(
        connection, context.refresh_tokens, user_id, method, client
    )
    await store.record_sign_in(connection, user_id, is_new=True)
    user = await store.existing_user(connection, user_id)
    session = await sessions.load_session(connection, session_id)
    if session is None:
        raise RuntimeError("a row that this transaction wrote is not there")
    return user, session, refresh_token
