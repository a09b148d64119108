"""`GET /user` and `PUT /user`: what signed-in users read and change about themselves."""

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse

from services.auth import sessions, store
from services.auth.bodies import UserUpdate, body_of, documented
from services.auth.context import Caller, Context, SignedIn
from services.auth.errors import AuthError, validation_failed
from services.auth.models import User
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
) -> JSONResponse:
    """Change e-mail address, password or metadata of the signed-in user."""
    email = email_address(body.email) if body.email else ""
    _check_allowed(caller.user, body)
    encrypted_password = None
    if body.password is not None:
        context.passwords.check_strength(body.password)
        if await context.passwords.verify(body.password, caller.user.encrypted_password):
            raise AuthError(
                422,
                "same_password",
                "New password should be different from the old password.",
            )
        encrypted_password = await context.passwords.hash(body.password)
    async with context.database.transaction("update_user") as connection:
        user = await store.lock_user(connection, caller.user.id)
        if user is None:
            raise AuthError(403, "user_not_found", "User from sub claim in JWT does not exist")
        if email and email != user.email:
            await _change_email(connection, user, email)
        if encrypted_password is not None:
            await _change_password(connection, caller, encrypted_password)
        if body.data is not None:
            await store.merge_user_metadata(connection, user.id, body.data)
        await store.add_audit_entry(connection, "user_modified", actor=user)
        changed = await store.load_user(connection, user.id)
    context.events.labels("user_updated").inc()
    return JSONResponse((changed or user).to_json())


def _check_allowed(user: User, body: UserUpdate) -> None:
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
    await store.add_audit_entry(connection, "user_updated_password", actor=caller.user)


async def _change_email(connection: asyncpg.Connection, user: User, email: str) -> None:
    """Set the address at once: with auto-confirmation nobody is asked to confirm it."""
    await store.reserve_contact(connection, email)
    if await store.email_is_taken(connection, email, except_user=user.id):
        raise AuthError(
            422,
            "email_exists",
            "A user with this email address has already been registered",
        )
    await attach_email(connection, user, email)
    if not user.is_confirmed:
        await store.confirm_email(connection, user.id)


async def attach_email(connection: asyncpg.Connection, user: User, email: str) -> None:
    """Give a user an address and the identity that goes with it."""
    await store.set_email(connection, user.id, email)
    identity = user.identity("email")
    if identity is None:
        await store.insert_identity(
            connection,
            user.id,
            "email",
            {
                "sub": str(user.id),
                "email": email,
                "email_verified": True,
                "phone_verified": False,
            },
        )
        providers = [one.provider for one in user.identities or ()] + ["email"]
        await store.merge_app_metadata(
            connection, user.id, {"provider": providers[0], "providers": providers}
        )
    else:
        await store.merge_identity_data(
            connection, identity.id, {"email": email, "email_verified": True}
        )
