"""Beginning a session: what every way of signing in ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.auth import sessions, store
from services.auth.access_tokens import token_answer

if TYPE_CHECKING:
    import uuid

    import asyncpg

    from services.auth.context import AuthContext
    from services.auth.models import Client


async def sign_in(  # noqa: PLR0913  (what a sign-in is made of)
    connection: asyncpg.Connection,
    context: AuthContext,
    user_id: uuid.UUID,
    method: sessions.AuthenticationMethod,
    client: Client,
    *,
    newly_created: bool = False,
) -> dict[str, Any]:
    """Start a session of an existing user. Returns the body of the answer.

    Args:
        connection: In the transaction that all of the sign-in belongs to, which has locked or
            added the user.
        context: The service's parts.
        user_id: Who signs in.
        method: How.
        client: Where from.
        newly_created: As in `User.to_json`.

    Raises:
        AuthError: The hook refuses or fails; the transaction must not be kept.
    """
    session, refresh_token = await sessions.start_session(
        connection, context.refresh_tokens, user_id, method, client
    )
    user = await store.record_sign_in(connection, user_id)
    return await token_answer(
        connection,
        context,
        user,
        session,
        refresh_token,
        method=method,
        client=client,
        newly_created=newly_created,
    )
