"""The code that a user confirms a password change with."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from services.auth.errors import AuthError
from services.auth.one_time_tokens import find_token, use_token

if TYPE_CHECKING:
    import asyncpg

    from services.auth.context import AuthContext, Caller

_FRESH = dt.timedelta(hours=24)


async def check_password_change(
    connection: asyncpg.Connection, context: AuthContext, caller: Caller, nonce: str
) -> None:
    """Return when the caller may change the password; a code that they gave is used up.

    The settings may ask for a code of `/reauthenticate` in a session that is older than a day.

    Raises:
        AuthError: A code is needed, or the one given is wrong, used or too old.
    """
    if not context.settings.password_change_needs_reauthentication:
        return
    session = caller.session
    if session is not None and dt.datetime.now(dt.UTC) - session.created_at < _FRESH:
        return
    if not nonce:
        raise AuthError(400, "reauthentication_needed", "Password update requires reauthentication")
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
