"""`/verify`: a link, its token or its code is exchanged for a session, or for a code with PKCE."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse, JSONResponse

from services.auth import audit, store
from services.auth.attempts import Attempt
from services.auth.bodies import Verification, body_of, documented
from services.auth.context import AuthContext, Context, Redirect, RequestClient
from services.auth.email_change import complete_email_change
from services.auth.errors import AuthError, validation_failed
from services.auth.flow_state import issue_code
from services.auth.mail.messages import LINKS
from services.auth.models import Client, User
from services.auth.one_time_tokens import PKCE_PREFIX, TokenType, find_token, use_token
from services.auth.redirect_answers import see_other, with_fragment, with_query, with_tokens
from services.auth.sign_in import sign_in
from services.auth.values import email_address

router = APIRouter(tags=["verify"])

_TOKEN_TYPES: dict[str, tuple[TokenType, ...]] = {
    "signup": ("confirmation_token",),
    "invite": ("confirmation_token",),
    "recovery": ("recovery_token",),
    "magiclink": ("recovery_token",),
    "email": ("confirmation_token", "recovery_token"),
    "email_change": ("email_change_token_new", "email_change_token_current"),
}
_HALF_CONFIRMED = (
    "Confirmation link accepted. Please proceed to confirm link sent to the other email"
)
# Names of RFC 6749, section 4.1.2.1, that GoTrue gives to an error by its status.
_ERROR_BY_STATUS = {400: "invalid_request", 403: "access_denied", 500: "server_error"}


@dataclass(frozen=True)
class _Presented:
    """What somebody presents.

    Attributes:
        verification: Type that the request names.
        kept: What the database may keep of it.
        refusal: What is answered when it is not accepted.
        guessed_for: Address whose code this might be a guess at; None for what nobody guesses.
    """

    verification: str
    kept: tuple[str, ...]
    refusal: str
    guessed_for: str | None = None


@router.get("/verify")
async def follow_link(
    context: Context,
    client: RequestClient,
    redirect_to: Redirect,
    token: Annotated[str, Query()] = "",
    verification: Annotated[str, Query(alias="type")] = "",
) -> HTMLResponse:
    """Follow the link of a mail: the answer leads to the application, with tokens or an error."""
    context.rate_limits.check("verify", client)
    if not verification:
        raise validation_failed("Verify requires a verification type")
    if not token:
        raise validation_failed("Verify requires a token or a token hash")
    pkce = token.startswith(PKCE_PREFIX)
    presented = _Presented(
        verification, (context.tokens.kept(token),), "Email link is invalid or has expired"
    )
    try:
        if verification not in LINKS:
            raise _unknown_type()
        async with context.database.transaction("verify_link") as connection:
            user = await _accept(connection, context, presented)
            if user is None:
                return see_other(_with_message(redirect_to, pkce=pkce))
            if pkce:
                code = await issue_code(connection, user.id, LINKS[verification].method)
                return see_other(with_query(redirect_to, {"code": code}))
            answer = await sign_in(connection, context, user.id, "otp", client)
    except AuthError as error:
        return see_other(_with_error(redirect_to, error, pkce=pkce))
    return see_other(with_tokens(redirect_to, answer, {"type": verification}))


@router.post("/verify", openapi_extra=documented(Verification))
async def verify(
    body: Annotated[Verification, Depends(body_of(Verification))],
    context: Context,
    client: RequestClient,
) -> JSONResponse:
    """Exchange a code and its address, or the token of a link, for a session."""
    context.rate_limits.check("verify", client)
    presented = _presented(body, context)
    attempt = await _begin_attempt(context, presented, client)
    async with context.database.transaction("verify") as connection:
        user = await _accept(connection, context, presented)
        if attempt is not None:
            await context.attempts.succeed(connection, attempt)
        if user is None:
            return JSONResponse({"code": "200", "msg": _HALF_CONFIRMED})
        return JSONResponse(await sign_in(connection, context, user.id, "otp", client))


def _unknown_type() -> AuthError:
    return validation_failed("Invalid email verification type")


def _presented(body: Verification, context: AuthContext) -> _Presented:
    if not body.type:
        raise validation_failed("Verify requires a verification type")
    if bool(body.token) == bool(body.token_hash):
        raise validation_failed("Verify requires either a token or a token hash")
    if body.token_hash:
        if body.email or body.phone or body.redirect_to:
            raise validation_failed("Only the token_hash and type should be provided")
        return _Presented(
            body.type,
            (context.tokens.kept(body.token_hash),),
            "Email link is invalid or has expired",
        )
    if bool(body.email) == bool(body.phone):
        raise validation_failed(
            "Only an email address or phone number should be provided on verify"
        )
    if body.phone:
        raise AuthError(400, "phone_provider_disabled", "Unsupported phone provider")
    email = email_address(body.email)
    kept = tuple(context.tokens.kept_of_code(email, body.token))
    return _Presented(body.type, kept, "Token has expired or is invalid", guessed_for=email)


async def _begin_attempt(
    context: AuthContext, presented: _Presented, client: Client
) -> Attempt | None:
    """Count a code that might be guessed, outside of the transaction that a wrong one undoes."""
    if presented.guessed_for is None:
        return None
    async with context.database.connection("count_attempt") as connection:
        return await context.attempts.begin_for_email(connection, presented.guessed_for, client)


async def _accept(
    connection: asyncpg.Connection, context: AuthContext, presented: _Presented
) -> User | None:
    """Use the token and do what it stands for.

    Returns:
        The user to sign in, or None when the other address has yet to confirm a change.

    Raises:
        AuthError: The token is wrong, used or too old, or the user is banned.
    """
    token_types = _TOKEN_TYPES.get(presented.verification)
    if token_types is None:
        raise _unknown_type()
    refusal = AuthError(403, "otp_expired", presented.refusal)
    lifetime = dt.timedelta(seconds=context.settings.otp_lifetime_seconds)
    found = await find_token(connection, presented.kept, token_types, lifetime)
    if found is None:
        raise refusal
    user_id, token_type = found
    user = await store.lock_user(connection, user_id)
    if user is None:
        raise refusal
    if user.is_banned:
        raise AuthError(403, "user_banned", "User is banned")
    if not await use_token(connection, user.id, token_type, presented.kept):
        raise refusal
    context.events.labels("verified").inc()
    if presented.verification == "email_change":
        return await complete_email_change(connection, context, user)
    if user.is_confirmed:
        await audit.add_audit_entry(connection, "login", actor=user)
        return user
    invited = "invited_at" in user.times
    action: audit.AuditAction = "invite_accepted" if invited else "user_signedup"
    await audit.add_audit_entry(connection, action, actor=user)
    if token_type in _TOKEN_TYPES["recovery"]:
        # Whoever chose the password has not shown that the address is theirs; who opens this has.
        await store.set_password(connection, user.id, "")
    await store.confirm_email(connection, user.id)
    await store.verify_identity(connection, user.id)
    return user


def _with_message(address: str, *, pkce: bool) -> str:
    values = {"message": _HALF_CONFIRMED}
    return with_fragment(with_query(address, values) if pkce else address, values)


def _with_error(address: str, error: AuthError, *, pkce: bool) -> str:
    values = {
        "error": _ERROR_BY_STATUS.get(error.status, "invalid_request"),
        "error_code": error.code,
        "error_description": error.message,
    }
    return with_fragment(with_query(address, values) if pkce else address, values)
