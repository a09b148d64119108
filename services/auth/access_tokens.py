"""Access tokens: their claims, and the answer that hands one out."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Literal

from services.auth.sessions import AuthenticationMethod

if TYPE_CHECKING:
    import asyncpg

    from services.auth.context import AuthContext
    from services.auth.models import Client, Session, User

HookMethod = AuthenticationMethod | Literal["token_refresh"]
"""How an access token comes about, as hooks are told."""


def claims_of(
    user: User,
    session: Session,
    *,
    issuer: str,
    issued_at: int,
    lifetime_seconds: int,
) -> dict[str, Any]:
    """Claims of GoTrue's access tokens. Times are seconds since 1970."""
    return {
        "iss": issuer,
        "sub": str(user.id),
        "aud": user.audience,
        "exp": issued_at + lifetime_seconds,
        "iat": issued_at,
        "email": user.email,
        "phone": user.phone,
        "app_metadata": user.app_metadata,
        "user_metadata": user.user_metadata,
        "role": user.role,
        "aal": session.aal,
        "amr": [
            {"method": method, "timestamp": int(moment.timestamp())}
            for method, moment in session.methods
        ],
        "session_id": str(session.id),
        "is_anonymous": user.is_anonymous,
    }


async def token_answer(  # noqa: PLR0913  (what an answer is made of)
    connection: asyncpg.Connection,
    context: AuthContext,
    user: User,
    session: Session,
    refresh_token: str,
    *,
    method: HookMethod,
    client: Client,
    newly_created: bool = False,
) -> dict[str, Any]:
    """Body of every answer that signs a user in.

    Args:
        connection: In the transaction that signs the user in, which the hook takes part in.
        context: The service's parts.
        user: Who signs in.
        session: Their session.
        refresh_token: Its active token.
        method: How they sign in.
        client: Where the request comes from.
        newly_created: As in `User.to_json`.

    Raises:
        AuthError: The hook refuses or fails; the transaction must not be kept.
    """
    lifetime = context.settings.jwt_lifetime_seconds
    issued_at = int(dt.datetime.now(dt.UTC).timestamp())
    claims = claims_of(
        user,
        session,
        issuer=context.settings.issuer,
        issued_at=issued_at,
        lifetime_seconds=lifetime,
    )
    if context.access_token_hook is not None:
        claims = await context.access_token_hook.change(connection, claims, method, client)
    return {
        "access_token": context.keys.sign(claims),
        "token_type": "bearer",
        "expires_in": lifetime,
        "expires_at": issued_at + lifetime,
        "refresh_token": refresh_token,
        "user": user.to_json(newly_created=newly_created),
    }
