"""`POST /invite` and `POST /admin/generate_link`: links that administrators send or hand out."""

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse

from services.auth import audit, store
from services.auth.bodies import Invitation, LinkRequest, body_of, documented
from services.auth.context import Admin, Administrator, AuthContext, Context, Redirect
from services.auth.email_change import email_exists, reserve_email
from services.auth.errors import AuthError, validation_failed
from services.auth.mail.messages import (
    EMAIL_CHANGE,
    EMAIL_CHANGE_CURRENT,
    INVITE,
    LINKS,
    action_link,
)
from services.auth.models import User
from services.auth.registration import add_email_user, email_claims, new_email_user
from services.auth.token_mails import issue_token, mail_session, send_token
from services.auth.values import email_address

router = APIRouter(tags=["admin"])

_KINDS = {
    **{name: LINKS[name] for name in ("signup", "invite", "recovery", "magiclink")},
    "email_change_new": EMAIL_CHANGE,
    "email_change_current": EMAIL_CHANGE_CURRENT,
}


@router.post("/invite", openapi_extra=documented(Invitation))
async def invite(
    admin: Admin,
    body: Annotated[Invitation, Depends(body_of(Invitation))],
    context: Context,
    redirect_to: Redirect,
) -> JSONResponse:
    """Register an address and send it a link, which confirms it and signs in."""
    email = email_address(body.email)
    async with (
        mail_session(context, INVITE) as mail,
        context.database.transaction("invite") as connection,
    ):
        user = await _unconfirmed(connection, context, email, body.data)
        await _record_invitation(connection, admin, user)
        await send_token(
            connection, context, mail, user, INVITE, recipient=email, redirect_to=redirect_to
        )
        user = await store.existing_user(connection, user.id)
    context.events.labels("invited").inc()
    return JSONResponse(user.to_json())


@router.post("/admin/generate_link", openapi_extra=documented(LinkRequest))
async def generate_link(
    admin: Admin,
    body: Annotated[LinkRequest, Depends(body_of(LinkRequest))],
    context: Context,
    redirect_to: Redirect,
) -> JSONResponse:
    """Make a link and a code without sending them: the administrator hands them out."""
    if body.type not in _KINDS:
        raise validation_failed(f"Invalid email action link type requested: {body.type[:64]}")
    email = email_address(body.email)
    leads_to = context.redirects.choose(body.redirect_to, redirect_to)
    encrypted_password = ""
    if body.type == "signup":
        if not body.password:
            raise validation_failed("Signup requires a valid password")
        await context.passwords.check_strength(body.password)
        encrypted_password = await context.passwords.hash(body.password)
    async with context.database.transaction("generate_link") as connection:
        await store.reserve_contact(connection, email)
        verification, user, recipient = await _prepare(
            connection, context, admin, body, email, encrypted_password
        )
        kind = _KINDS[verification]
        token = await issue_token(connection, context, user, kind, recipient=recipient)
        user = await store.existing_user(connection, user.id)
    context.events.labels("link_generated").inc()
    return JSONResponse(
        {
            **user.to_json(),
            "action_link": action_link(context.settings, kind, token.link_token, leads_to),
            "email_otp": token.code,
            "hashed_token": token.link_token,
            "verification_type": verification,
            "redirect_to": leads_to,
        }
    )


async def _prepare(  # noqa: PLR0913, PLR0917  (one step of one transaction)
    connection: asyncpg.Connection,
    context: AuthContext,
    admin: Administrator,
    body: LinkRequest,
    email: str,
    encrypted_password: str,
) -> tuple[str, User, str]:
    """Type of the link to make, the user whom it is for, and the address that it stands for."""
    audience = context.settings.jwt_audience
    user = await store.load_user_by_email(connection, email, audience)
    if body.type in {"signup", "invite"} or (body.type == "magiclink" and user is None):
        added = await _unconfirmed(connection, context, email, body.data, encrypted_password)
        if body.type == "invite":
            await _record_invitation(connection, admin, added)
        return ("invite" if body.type == "invite" else "signup"), added, email
    if user is None:
        raise AuthError(404, "user_not_found", "User with this email not found")
    await store.lock_user(connection, user.id)
    if body.type in {"recovery", "magiclink"}:
        await audit.add_audit_entry(connection, "user_recovery_requested", actor=user)
        return body.type, user, email
    return body.type, user, await _prepare_email_change(connection, context, user, body)


async def _prepare_email_change(
    connection: asyncpg.Connection, context: AuthContext, user: User, body: LinkRequest
) -> str:
    """Note the change, and return the address that the link confirms."""
    is_current = body.type == "email_change_current"
    if is_current and not context.settings.secure_email_change:
        raise validation_failed("Enable secure email change to generate link for current email")
    new_email = email_address(body.new_email)
    await reserve_email(connection, user, new_email)
    # The link for the other address stays valid while both are made for the same change.
    if user.new_email != new_email:
        await store.begin_email_change(connection, user.id, new_email)
    return user.email if is_current else new_email


async def _unconfirmed(
    connection: asyncpg.Connection,
    context: AuthContext,
    email: str,
    data: dict[str, object],
    encrypted_password: str = "",
) -> User:
    """The user with an address that nobody has confirmed; a new one when there is none.

    Raises:
        AuthError: The address is confirmed.
    """
    await store.reserve_contact(connection, email)
    audience = context.settings.jwt_audience
    user = await store.load_user_by_email(connection, email, audience)
    if user is None:
        new_user = new_email_user(
            context.settings, email, data, encrypted_password=encrypted_password
        )
        return await add_email_user(connection, new_user, email_claims(new_user))
    if user.is_confirmed:
        raise email_exists()
    await store.lock_user(connection, user.id)
    if encrypted_password:
        # Whoever chose the former one has not shown that the address is theirs.
        await store.set_password(connection, user.id, encrypted_password)
    if data:
        await store.merge_user_metadata(connection, user.id, data)
    return await store.existing_user(connection, user.id)


async def _record_invitation(
    connection: asyncpg.Connection, admin: Administrator, user: User
) -> None:
    if user.encrypted_password:
        # Whoever chose it has not shown that the address is theirs; who opens the link has.
        await store.set_password(connection, user.id, "")
    await store.record_invitation(connection, user.id)
    await audit.add_audit_entry(
        connection,
        "user_invited",
        admin_role=admin.role,
        traits={"user_id": str(user.id), "user_email": user.email},
    )
