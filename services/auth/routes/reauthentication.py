"""`GET /reauthenticate`: a code that confirms who changes the password."""

from fastapi import APIRouter
from starlette.responses import JSONResponse

from services.auth import audit, store
from services.auth.context import Context, SignedIn
from services.auth.errors import AuthError, validation_failed
from services.auth.mail.messages import REAUTHENTICATION
from services.auth.token_mails import mail_session, send_token

router = APIRouter(tags=["user"])


@router.get("/reauthenticate")
async def reauthenticate(caller: SignedIn, context: Context) -> JSONResponse:
    """Send the signed-in user a code, to be given as `nonce` with a new password."""
    if not caller.user.email:
        raise validation_failed(
            "Reauthentication requires the user to have an email or a phone number", status=422
        )
    if not caller.user.is_confirmed:
        raise AuthError(422, "email_not_confirmed", "Please verify your email first.")
    async with (
        mail_session(context, REAUTHENTICATION) as mail,
        context.database.transaction("reauthenticate") as connection,
    ):
        user = await store.lock_user(connection, caller.user.id) or caller.user
        context.frequency.check(user, "reauthentication_sent_at")
        await audit.add_audit_entry(connection, REAUTHENTICATION.action, actor=user)
        await send_token(
            connection,
            context,
            mail,
            user,
            REAUTHENTICATION,
            recipient=user.email,
            redirect_to="",
        )
    return JSONResponse({})
