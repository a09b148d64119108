"""The code that a user confirms a password change with."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from services.auth.errors import AuthError
from services.auth.one_time_tokens import find_token, use_token

if TYPE_CHECKING:
    import asyncpg

    from services.auth.attempts import Attempt
    from services.auth.context import AuthContext, Caller
    from services.auth.models import Client

_FRESH = dt.timedelta(hours=24)


async def begin_password_change(
    context: AuthContext, caller: Caller, nonce: str, client: Client
) -> Attempt | None:
    """Count a code that might be guessed; None when none is needed.

    The settings may ask for a code of `/reauthenticate` in a session that is older than a day. This
    belongs before the transaction, which a wrong code undoes.

    Raises:
        AuthError: A code is needed and not there, or there were too many wrong ones.
    """
    if not context.settings.password_change_needs_reauthentication:
        return None
    session = caller.session
    if session is not None and dt.datetime.now(dt.UTC) - session.created_at < _FRESH:
        return None
    if not nonce:
        raise AuthError(400, "reauthentication_needed", "Password update requires reauthentication")
    async with context.database.connection("count_attempt") as connection:
        return await context.attempts.begin_for_user(connection, "nonce", caller.user.id, client)


async def check_password_change(
    connection: asyncpg.Connection,
    context: AuthContext,
    caller: Caller,
    nonce: str,
    attempt: Attempt | None,
) -> None:
    """Return when the caller may change the password; a code that they gave is used up.

    Raises:
        AuthError: The code that is needed is wrong, used or too old.
    """
    if attempt is None:
        return
    kept = context.tokens.kept_of_code(caller.user.email, nonce)
    lifetime = dt.timedelta(seconds=context.settings.otp_lifetime_seconds)
    found = await find_token(connection, kept, ["reauthentication_token"], lifetime)
    user_id = caller.user.id
    if (
        found is None
        or found[0] != user_id
        or not await use_token(connection, user_id, "reauthentication_token", kept)
    ):
        raise AuthError(422, "reauthentication_not_valid", "Nonce has expired or is invalid")
    await context.attempts.succeed(connection, attempt)
