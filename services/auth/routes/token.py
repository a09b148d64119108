"""`POST /token`: the password, refresh_token, pkce and id_token grants."""

import uuid
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse

from services.auth import audit, refresh_tokens, sessions, store
from services.auth.access_tokens import token_answer
from services.auth.bodies import (
    CodeGrant,
    IdTokenGrant,
    PasswordGrant,
    RefreshTokenGrant,
    documented,
)
from services.auth.context import AuthContext, Context, RequestClient
from services.auth.errors import AuthError, WeakPasswordError, validation_failed
from services.auth.external.id_token_grant import id_token_grant
from services.auth.flow_state import FlowState, check_verifier, end_flow, find_flow
from services.auth.models import Client, RefreshToken, Session, User
from services.auth.sign_in import sign_in
from services.auth.values import only_one_contact

router = APIRouter(tags=["token"])


@router.post("/token", openapi_extra=documented(PasswordGrant))
async def token(
    request: Request,
    context: Context,
    client: RequestClient,
    grant_type: Annotated[str, Query()] = "",
) -> JSONResponse:
    """Hand out an access token and a refresh token."""
    context.rate_limits.check("token", client)
    if grant_type == "password":
        credentials = PasswordGrant.from_bytes(await request.body())
        return JSONResponse(await _password_grant(credentials, context, client))
    if grant_type == "refresh_token":
        refresh = RefreshTokenGrant.from_bytes(await request.body())
        return JSONResponse(await _refresh_token_grant(refresh, context, client))
    if grant_type == "pkce":
        code = CodeGrant.from_bytes(await request.body())
        return JSONResponse(await _code_grant(code, context, client))
    if grant_type == "id_token":
        presented = IdTokenGrant.from_bytes(await request.body())
        return JSONResponse(await id_token_grant(presented, context, client))
    raise AuthError(400, "invalid_credentials", "unsupported_grant_type")


async def _password_grant(
    body: PasswordGrant, context: AuthContext, client: Client
) -> dict[str, Any]:
    if error := only_one_contact(body.email, body.phone, action="login"):
        raise error
    if body.phone:
        raise AuthError(422, "phone_provider_disabled", "Phone logins are disabled")
    if not body.email:
        raise validation_failed("missing email or phone")
    if not context.settings.email_enabled:
        raise AuthError(422, "email_provider_disabled", "Email logins are disabled")
    email = body.email.lower()
    async with context.database.connection("find_user") as connection:
        attempt = await context.attempts.begin_for_email(connection, email, client)
        user = await store.load_user_by_email(connection, email, context.settings.jwt_audience)
    # No connection is held while bcrypt works, and it works as long for an unknown address.
    if not await context.passwords.verify(body.password, user.encrypted_password if user else None):
        context.events.labels("login_refused").inc()
        raise AuthError(400, "invalid_credentials", "Invalid login credentials")
    if user is None:
        raise RuntimeError("a password was verified without a user")
    if user.is_banned:
        raise AuthError(400, "user_banned", "User is banned")
    if not user.is_confirmed:
        raise AuthError(400, "email_not_confirmed", "Email not confirmed")
    async with context.database.transaction("login") as connection:
        if await store.lock_password(connection, user.id) != user.encrypted_password:
            # Deleted, or the password changed while the old one was verified.
            raise AuthError(400, "invalid_credentials", "Invalid login credentials")
        await context.attempts.succeed(connection, attempt)
        await audit.add_audit_entry(connection, "login", actor=user, traits={"provider": "email"})
        answer = await sign_in(connection, context, user.id, "password", client)
    context.events.labels("login").inc()
    return {**answer, "weak_password": await _weakness(context, body.password)}


async def _weakness(context: AuthContext, password: str) -> dict[str, Any] | None:
    """Why an existing password would not be accepted today; None when it would."""
    try:
        await context.passwords.check_strength(password)
    except WeakPasswordError as weakness:
        return {"message": weakness.message, "reasons": list(weakness.reasons)}
    except AuthError:
        return None  # it could not be looked up, which is no reason to keep its owner out
    return None


async def _code_grant(body: CodeGrant, context: AuthContext, client: Client) -> dict[str, Any]:
    if not body.auth_code or not body.code_verifier:
        raise validation_failed(
            "invalid request: both auth code and code verifier should be non-empty"
        )
    async with context.database.transaction("code_grant") as connection:
        flow = await find_flow(connection, body.auth_code, context.settings.flow_state_lifetime)
        user = None if flow is None else await store.lock_user(connection, flow.user_id)
        if flow is None or user is None:
            message = "invalid flow state, no valid flow state found"
            raise AuthError(404, "flow_state_not_found", message)
        if flow.has_expired:
            message = "invalid flow state, flow state has expired"
            raise AuthError(422, "flow_state_expired", message)
        check_verifier(flow.challenge, body.code_verifier)
        if user.is_banned:
            raise AuthError(403, "user_banned", "User is banned")
        await end_flow(connection, flow.id)
        traits = {"provider_type": flow.provider_type}
        await audit.add_audit_entry(connection, "login", actor=user, traits=traits)
        answer = await sign_in(connection, context, user.id, flow.authentication_method, client)
    context.events.labels("login").inc()
    return answer | _provider_tokens(context, flow, body.auth_code)


def _provider_tokens(context: AuthContext, flow: FlowState, code: str) -> dict[str, str]:
    """The tokens of the provider that the user has come from, when there is one."""
    sealed = {
        "provider_token": flow.provider_access_token,
        "provider_refresh_token": flow.provider_refresh_token,
    }
    return {
        name: context.flow_secrets.unseal(value, code) for name, value in sealed.items() if value
    }


async def _refresh_token_grant(
    body: RefreshTokenGrant, context: AuthContext, client: Client
) -> dict[str, Any]:
    if not body.refresh_token:
        raise validation_failed("Refresh token is not valid")
    async with context.database.transaction("refresh") as connection:
        user, session, used = await _lock_family(connection, body.refresh_token)
        issued = await _exchange(connection, context, used, session, user, client)
        if issued is not None:
            user = await store.existing_user(connection, user.id)
            answer = await token_answer(
                connection, context, user, session, issued, method="token_refresh", client=client
            )
    # Raised outside of the transaction, which has revoked the family and must keep that.
    if issued is None:
        context.events.labels("refresh_token_reused").inc()
        raise AuthError(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
    context.events.labels("token_refreshed").inc()
    return answer


async def _lock_family(
    connection: asyncpg.Connection, token: str
) -> tuple[User, Session, RefreshToken]:
    """User, session and refresh token, with user and session locked.

    Everyone who refreshes a token of the same session waits here for the one who came first, and
    then sees what that one left.
    """
    found = await refresh_tokens.find_refresh_token(connection, token)
    if found is None:
        raise _refresh_token_not_found()
    user = await store.lock_user(connection, found.user_id)
    if user is None:
        raise _refresh_token_not_found()
    if user.is_banned:
        raise AuthError(400, "user_banned", "Invalid Refresh Token: User Banned")
    session_id = found.session_id or uuid.UUID(int=0)
    session = await sessions.lock_session(connection, session_id)
    current = await refresh_tokens.find_refresh_token(connection, token)
    if session is None or current is None:
        raise AuthError(400, "session_not_found", "Invalid Refresh Token: No Valid Session Found")
    if session.has_ended:
        raise AuthError(400, "session_expired", "Invalid Refresh Token: Session Expired")
    return user, session, current


async def _exchange(  # noqa: PLR0913, PLR0917  (one step of one transaction)
    connection: asyncpg.Connection,
    context: AuthContext,
    used: RefreshToken,
    session: Session,
    user: User,
    client: Client,
) -> str | None:
    """Refresh token to answer with; None when the used one was stolen or kept too long.

    A revoked token is taken once more when the active token is its own child (the client has lost
    the answer), or within the reuse interval (several clients share a session and refresh at once).
    Both get the active token, so that a family has one active token at any time. Where its value
    cannot be made again, as the signing key has been replaced since, its child takes its place.
    """
    values = context.refresh_tokens
    if not used.revoked:
        await audit.add_audit_entry(connection, "token_refreshed", actor=user)
        issued = await refresh_tokens.replace_refresh_token(connection, values, used)
        await audit.add_audit_entry(connection, "token_revoked", actor=user)
        await sessions.record_refresh(connection, session.id, client)
        await store.touch_user(connection, user.id)
        return issued
    active = await refresh_tokens.find_active_refresh_token(connection, session.id)
    recently = used.age_seconds <= context.settings.refresh_token_reuse_seconds
    if active is not None and (active.parent == used.digest or recently):
        await audit.add_audit_entry(connection, "token_refreshed", actor=user)
        return values.remade(active) or await refresh_tokens.replace_refresh_token(
            connection, values, active
        )
    if context.settings.refresh_token_rotation_enabled:
        await refresh_tokens.revoke_family(connection, session.id)
    return None


def _refresh_token_not_found() -> AuthError:
    return AuthError(
        400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found"
    )
