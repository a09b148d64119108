"""`POST /signup`: a new user with e-mail address and password, or an anonymous one."""

import datetime as dt
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse

from services.auth import audit, store
from services.auth.bodies import SignUp, body_of, documented
from services.auth.context import AuthContext, Context, Redirect, RequestClient
from services.auth.errors import AuthError, validation_failed
from services.auth.flow_state import Challenge, begin_flow, parse_challenge
from services.auth.mail.messages import SIGN_UP
from services.auth.models import Client, NewUser, rfc3339
from services.auth.registration import add_email_user, email_claims, new_email_user, with_claims
from services.auth.sign_in import sign_in
from services.auth.token_mails import mail_session, send_token
from services.auth.values import email_address, only_one_contact, without_nulls

router = APIRouter(tags=["sign-up"])

_TRAITS = {"provider": "email"}


@router.post("/signup", openapi_extra=documented(SignUp))
async def sign_up(
    body: Annotated[SignUp, Depends(body_of(SignUp))],
    context: Context,
    client: RequestClient,
    redirect_to: Redirect,
) -> JSONResponse:
    """Register a user: sign them in, or send a mail to confirm the address with."""
    settings = context.settings
    anonymous = not body.email and not body.phone
    if anonymous and not settings.anonymous_users_enabled:
        raise AuthError(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
    if settings.disable_signup:
        raise AuthError(422, "signup_disabled", "Signups not allowed for this instance")
    if anonymous:
        context.rate_limits.check("anonymous", client)
        return JSONResponse(await _anonymous(body, context, client))
    context.rate_limits.check("signup", client)
    return JSONResponse(await _with_password(body, context, client, redirect_to))


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
        answer = await sign_in(
            connection, context, new_user.id, "anonymous", client, newly_created=True
        )
    context.events.labels("signup_anonymous").inc()
    return answer


async def _with_password(
    body: SignUp, context: AuthContext, client: Client, redirect_to: str
) -> dict[str, Any]:
    if not body.password:
        raise validation_failed("Signup requires a valid password")
    await context.passwords.check_strength(body.password)
    if error := only_one_contact(body.email, body.phone, action="signup"):
        raise error
    if body.phone:
        raise AuthError(400, "phone_provider_disabled", "Phone signups are disabled")
    if not context.settings.email_enabled:
        raise AuthError(400, "email_provider_disabled", "Email signups are disabled")
    email = email_address(body.email)
    challenge = parse_challenge(body.code_challenge_method, body.code_challenge)
    # Before the address is looked up: the answer takes as long for a known one.
    encrypted_password = await context.passwords.hash(body.password)
    new_user = with_claims(
        new_email_user(context.settings, email, body.data, encrypted_password=encrypted_password)
    )
    if context.settings.mailer_autoconfirm:
        return await _confirmed_at_once(context, client, new_user, email)
    return await _to_be_confirmed(context, new_user, email, challenge, redirect_to)


async def _confirmed_at_once(
    context: AuthContext, client: Client, new_user: NewUser, email: str
) -> dict[str, Any]:
    async with context.database.transaction("signup") as connection:
        await store.reserve_contact(connection, email)
        existing = await store.load_user_by_email(connection, email, new_user.audience)
        if existing is None:
            user = await add_email_user(connection, new_user, new_user.user_metadata)
            for action in ("user_signedup", "login"):
                await audit.add_audit_entry(connection, action, actor=user, traits=_TRAITS)
            await store.confirm_email(connection, new_user.id)
            answer = await sign_in(
                connection, context, new_user.id, "password", client, newly_created=True
            )
        else:
            await audit.add_audit_entry(
                connection, "user_repeated_signup", actor=existing, traits=_TRAITS
            )
    if existing is not None:
        raise AuthError(422, "user_already_exists", "User already registered")
    context.events.labels("signup").inc()
    # GoTrue answers with the identity as the sign-up confirms it; the row keeps the older value.
    for identity in answer["user"]["identities"]:
        identity["identity_data"] = {**identity["identity_data"], "email_verified": True}
    return answer


async def _to_be_confirmed(
    context: AuthContext,
    new_user: NewUser,
    email: str,
    challenge: Challenge | None,
    redirect_to: str,
) -> dict[str, Any]:
    """Send a mail to a new or unconfirmed address; answer for a confirmed one as if it were new.

    Nobody has shown yet that the address of an unconfirmed user is theirs: a second sign-up does
    not change what the first one said.
    """
    async with (
        mail_session(context, SIGN_UP) as mail,
        context.database.transaction("signup") as connection,
    ):
        await store.reserve_contact(connection, email)
        existing = await store.load_user_by_email(connection, email, new_user.audience)
        if existing is not None and existing.is_confirmed:
            await audit.add_audit_entry(
                connection, "user_repeated_signup", actor=existing, traits=_TRAITS
            )
            return _as_if_new(new_user, email)
        if existing is None:
            user = await add_email_user(connection, new_user, new_user.user_metadata)
        else:
            await store.lock_user(connection, existing.id)
            user = await store.existing_user(connection, existing.id)
            context.frequency.check(user, "confirmation_sent_at")
        await audit.add_audit_entry(connection, SIGN_UP.action, actor=user, traits=_TRAITS)
        if challenge:
            await begin_flow(connection, user.id, SIGN_UP.method, challenge)
        await send_token(
            connection,
            context,
            mail,
            user,
            SIGN_UP,
            recipient=email,
            redirect_to=redirect_to,
            pkce=challenge is not None,
        )
        user = await store.existing_user(connection, user.id)
    context.events.labels("signup").inc()
    return user.to_json(newly_created=True)


def _as_if_new(new_user: NewUser, email: str) -> dict[str, Any]:
    """What GoTrue answers when the address belongs to somebody: a user who does not exist."""
    now = rfc3339(dt.datetime.now(dt.UTC))
    own = {
        name: value
        for name, value in new_user.user_metadata.items()
        if name not in email_claims(new_user)
    }
    return {
        "id": str(new_user.id),
        "aud": new_user.audience,
        "role": "",
        "email": email,
        "phone": "",
        "confirmation_sent_at": now,
        "app_metadata": new_user.app_metadata,
        "user_metadata": own,
        "identities": [],
        "created_at": now,
        "updated_at": now,
        "is_anonymous": False,
    }
