"""`POST /logout`: end this session, all sessions, or all the others."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from services.auth import audit, sessions
from services.auth.context import Context, SignedIn
from services.auth.errors import validation_failed

router = APIRouter(tags=["logout"])

_SCOPES = frozenset({"global", "local", "others"})


@router.post("/logout", status_code=204)
async def log_out(
    caller: SignedIn, context: Context, scope: Annotated[str, Query()] = "global"
) -> Response:
    """End sessions of the signed-in user: their refresh tokens are gone at once.

    Access tokens of an ended session stay valid for other services until they expire; this service
    refuses them.
    """
    scope = scope or "global"
    if scope not in _SCOPES:
        raise validation_failed(f'Unsupported logout scope "{scope[:64]}"')
    async with context.database.transaction("logout") as connection:
        await audit.add_audit_entry(connection, "logout", actor=caller.user)
        if caller.session is None or scope == "global":
            await sessions.end_sessions(connection, caller.user.id)
        elif scope == "local":
            await sessions.end_session(connection, caller.session.id)
        else:
            await sessions.end_sessions(
                connection, caller.user.id, except_session=caller.session.id
            )
    context.events.labels("logout").inc()
    return Response(status_code=204)
