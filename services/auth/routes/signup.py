"""`POST /signup`: a new user with e-mail and password, or an anonymous one."""

import uuid
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse

from services.auth import store
from services.auth.access_tokens import token_answer
from services.auth.bodies import SignUp, body_of, documented
from services.auth.context import AuthContext, Context, RequestClient
from services.auth.errors import AuthError, validation_failed
from services.auth.models import Client, NewUser
from services.auth.sign_in import begin_session
from services.auth.values import email_address, only_one_contact, without_nulls

router = APIRouter(tags=["sign-up"])

_TRAITS = {"provider": "email"}


@router.post("/signup", openapi_extra=documented(SignUp))
async def sign_up(
    body: Annotated[SignUp, Depends(body_of(SignUp))],
    context: Context,
    client: RequestClient,
) -> JSONResponse:
    """Register a user and sign them in."""
    settings = context.settings
    anonymous = not body.email and not body.phone
    if anonymous and not settings.anonymous_users_enabled:
        raise AuthError(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
    if settings.disable_signup:
        raise AuthError(422, "signup_disabled", "Signups not allowed for this instance")
    if anonymous:
        return JSONResponse(await _anonymous(body, context, client))
    return JSONResponse(await _with_password(body, context, client))


async def _anonymous(body: SignUp, context: AuthContext, client: Client) -> dict[str, Any]:
    new_user = NewUser(
        id=uuid.uuid4(),
        audience=context.settings.jwt_audience,
        role=context.settings.jwt_default_role,
        encrypted_password="",
        app_metadata={},
        user_metadata=without_nulls(body.data),
        is_anonymous=True,
    )
    async with context.database.transaction("signup_anonymous") as connection:
        await store.insert_user(connection, new_user)
        user, session, token = await begin_session(connection, new_user.id, "anonymous", client)
    context.events.labels("signup_anonymous").inc()
    return token_answer(context, user, session, token, newly_created=True)


async def _with_password(body: SignUp, context: AuthContext, client: Client) -> dict[str, Any]:
    if not body.password:
        raise validation_failed("Signup requires a valid password")
    context.passwords.check_strength(body.password)
    if error := only_one_contact(body.email, body.phone, action="signup"):
        raise error
    if body.phone:
        raise AuthError(400, "phone_provider_disabled", "Phone signups are disabled")
    if not context.settings.email_enabled:
        raise AuthError(400, "email_provider_disabled", "Email signups are disabled")
    email = email_address(body.email)
    # Before the address is looked up: the answer takes as long for a known one.
    encrypted_password = await context.passwords.hash(body.password)
    new_user = _new_user(context, email, encrypted_password, body.data)
    async with context.database.transaction("signup") as connection:
        await store.reserve_contact(connection, email)
        existing = await store.load_user_by_email(connection, email, new_user.audience)
        if existing is None:
            await _insert(connection, new_user)
            user, session, token = await begin_session(connection, new_user.id, "password", client)
        else:
            await store.add_audit_entry(
                connection, "user_repeated_signup", actor=existing, traits=_TRAITS
            )
    if existing is not None:
        raise AuthError(422, "user_already_exists", "User already registered")
    context.events.labels("signup").inc()
    answer = token_answer(context, user, session, token, newly_created=True)
    # GoTrue answers with the identity as the sign-up confirms it; the row keeps the older value.
    for identity in answer["user"]["identities"]:
        identity["identity_data"] = {**identity["identity_data"], "email_verified": True}
    return answer


def _new_user(
    context: AuthContext, email: str, encrypted_password: str, data: dict[str, Any]
) -> NewUser:
    user_id = uuid.uuid4()
    return NewUser(
        id=user_id,
        audience=context.settings.jwt_audience,
        role=context.settings.jwt_default_role,
        encrypted_password=encrypted_password,
        app_metadata={"provider": "email", "providers": ["email"]},
        user_metadata={
            **without_nulls(data),
            "sub": str(user_id),
            "email": email,
            "email_verified": False,
            "phone_verified": False,
        },
        email=email,
    )


async def _insert(connection: asyncpg.Connection, new_user: NewUser) -> None:
    await store.insert_user(connection, new_user)
    await store.insert_identity(connection, new_user.id, "email", new_user.user_metadata)
    user = await store.load_user(connection, new_user.id)
    for action in ("user_signedup", "login"):
        await store.add_audit_entry(connection, action, actor=user, traits=_TRAITS)
    await store.confirm_email(connection, new_user.id)
