"""`GET /user` and `PUT /user`: what signed-in users read and change about themselves."""

import contextlib
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse

from services.auth import audit, sessions, store
from services.auth.bodies import UserUpdate, body_of, documented
from services.auth.context import (
    AuthContext,
    Caller,
    Context,
    Redirect,
    RequestClient,
    SignedIn,
)
from services.auth.email_change import change_email_at_once, reserve_email
from services.auth.errors import AuthError, validation_failed
from services.auth.flow_state import begin_flow, parse_challenge
from services.auth.mail.messages import EMAIL_CHANGE
from services.auth.reauthentication import begin_password_change, check_password_change
from services.auth.token_mails import mail_session, send_email_change
from services.auth.values import email_address

router = APIRouter(tags=["user"])


@router.get("/user")
async def read_user(caller: SignedIn) -> JSONResponse:
    """The signed-in user."""
    return JSONResponse(caller.user.to_json())


@router.put("/user", openapi_extra=documented(UserUpdate))
async def update_user(
    caller: SignedIn,
    body: Annotated[UserUpdate, Depends(body_of(UserUpdate))],
    context: Context,
    client: RequestClient,
    redirect_to: Redirect,
) -> JSONResponse:
    """Change e-mail address, password or metadata of the signed-in user.

    A new address counts when it, and the present one, have confirmed the change by mail.
    """
    email = email_address(body.email) if body.email else ""
    challenge = parse_challenge(body.code_challenge_method, body.code_challenge)
    _check_allowed(caller, body)
    encrypted_password = await _encrypted_password(caller, body, context)
    attempt = None
    if encrypted_password is not None:
        attempt = await begin_password_change(context, caller, body.nonce, client)
    changes_email = bool(email) and email != caller.user.email
    at_once = caller.user.is_anonymous and context.settings.mailer_autoconfirm
    async with contextlib.AsyncExitStack() as stack:
        mail = None
        if changes_email and not at_once:
            mail = await stack.enter_async_context(mail_session(context, EMAIL_CHANGE))
        connection = await stack.enter_async_context(context.database.transaction("update_user"))
        user = await store.lock_user(connection, caller.user.id)
        if user is None:
            raise AuthError(403, "user_not_found", "User from sub claim in JWT does not exist")
        if encrypted_password is not None:
            await check_password_change(connection, context, caller, body.nonce, attempt)
            # Before the address: it makes mails that are under way useless.
            await _change_password(connection, caller, encrypted_password)
        if body.data is not None:
            await store.merge_user_metadata(connection, user.id, body.data)
        await audit.add_audit_entry(connection, "user_modified", actor=user)
        if mail is not None:
            context.frequency.check(user, "email_change_sent_at")
            await reserve_email(connection, user, email)
            await store.begin_email_change(connection, user.id, email)
            if challenge is not None:
                await begin_flow(connection, user.id, EMAIL_CHANGE.method, challenge)
            user = await store.existing_user(connection, user.id)
            await send_email_change(
                connection,
                context,
                mail,
                user,
                redirect_to=redirect_to,
                pkce=challenge is not None,
            )
        elif changes_email:
            await change_email_at_once(connection, user, email)
        changed = await store.existing_user(connection, user.id)
    context.events.labels("user_updated").inc()
    return JSONResponse(changed.to_json())


async def _encrypted_password(caller: Caller, body: UserUpdate, context: AuthContext) -> str | None:
    """Hash of the new password, when there is one; no connection waits for it."""
    if body.password is None:
        return None
    await context.passwords.check_strength(body.password)
    if await context.passwords.verify(body.password, caller.user.encrypted_password):
        raise AuthError(
            422, "same_password", "New password should be different from the old password."
        )
    return await context.passwords.hash(body.password)


def _check_allowed(caller: Caller, body: UserUpdate) -> None:
    user = caller.user
    changes_sign_in = body.password or (body.email and body.email.lower() != user.email)
    lacks_factor = caller.session is None or caller.session.aal == "aal1"
    if user.has_second_factor and lacks_factor and changes_sign_in:
        raise AuthError(
            401,
            "insufficient_aal",
            "AAL2 session is required to update email or password when MFA is enabled.",
        )
    if body.app_metadata is not None:
        raise AuthError(403, "not_admin", "Updating app_metadata requires admin privileges")
    if body.phone:
        raise AuthError(422, "phone_provider_disabled", "Phone logins are disabled")
    if user.is_anonymous and body.password and not body.email:
        raise validation_failed(
            "Updating password of an anonymous user without an email or phone is not allowed",
            status=422,
        )
    if user.is_sso_user and (body.password or (body.email and body.email != user.email)):
        raise AuthError(
            422,
            "user_sso_managed",
            "Updating email, phone, password of a SSO account only possible via SSO",
        )


async def _change_password(
    connection: asyncpg.Connection, caller: Caller, encrypted_password: str
) -> None:
    """Set the password and sign the user out everywhere else."""
    await store.set_password(connection, caller.user.id, encrypted_password)
    await sessions.end_sessions(
        connection,
        caller.user.id,
        except_session=caller.session.id if caller.session else None,
    )
    await audit.add_audit_entry(connection, "user_updated_password", actor=caller.user)
