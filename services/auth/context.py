"""What a request needs: the service's parts, the caller's origin, the caller's identity."""

# FastAPI evaluates these annotations while it builds the routes, so nothing here is postponed.
import ipaddress
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Request
from prometheus_client import Counter

from services.auth import sessions, store
from services.auth.attempts import Attempts
from services.auth.background import BackgroundWork
from services.auth.errors import AuthError
from services.auth.external.flow_secrets import FlowSecrets
from services.auth.external.providers import Provider
from services.auth.hooks.access_token import AccessTokenHook
from services.auth.mail.templates import Template, TemplateName
from services.auth.mail.transport import MailTransport
from services.auth.mail_frequency import MailFrequency
from services.auth.models import Client, Session, User
from services.auth.one_time_tokens import TokenDigests
from services.auth.passwords import Passwords
from services.auth.rate_limits import RateLimits
from services.auth.redirects import RedirectRules, requested_redirect
from services.auth.refresh_tokens import RefreshTokenValues
from services.auth.settings import AuthSettings
from services.auth.signing import SigningKeys
from services.shared.database import Database
from services.shared.tokens import InvalidTokenError

_BEARER = re.compile(r"[Bb]earer (\S+)")
_LONGEST_USER_AGENT = 512


@dataclass(frozen=True)
class AuthContext:
    """The parts of the running service."""

    settings: AuthSettings
    keys: SigningKeys
    database: Database
    passwords: Passwords
    events: Counter
    mail: MailTransport
    templates: Mapping[TemplateName, Template]
    tokens: TokenDigests
    refresh_tokens: RefreshTokenValues
    attempts: Attempts
    rate_limits: RateLimits
    access_token_hook: AccessTokenHook | None
    frequency: MailFrequency
    redirects: RedirectRules
    providers: Mapping[str, Provider]
    flow_secrets: FlowSecrets
    background: BackgroundWork


@dataclass(frozen=True)
class Caller:
    """A signed-in user and, when the token names one, the session."""

    user: User
    session: Session | None


@dataclass(frozen=True)
class Administrator:
    """A caller whose token has one of the administrators' roles."""

    role: str


async def get_context(request: Request) -> AuthContext:
    """Parts of the service that serves the request."""
    context: AuthContext = request.app.state.context
    return context


Context = Annotated[AuthContext, Depends(get_context)]


async def get_redirect(request: Request, context: Context) -> str:
    """Where the links that the request asks for shall lead to; always an allowed address."""
    return requested_redirect(request, context.redirects)


Redirect = Annotated[str, Depends(get_redirect)]


async def get_client(request: Request) -> Client:
    """Where the request comes from.

    The address is the last one in X-Forwarded-For: the gateway, the only way in, puts it there.
    Earlier ones may be the client's own invention.
    """
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    peer = request.client.host if request.client else ""
    user_agent = request.headers.get("user-agent", "").replace("\0", "")
    return Client(
        user_agent=user_agent[:_LONGEST_USER_AGENT],
        address=_address(forwarded) or _address(peer),
    )


RequestClient = Annotated[Client, Depends(get_client)]


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


async def get_claims(request: Request, context: Context) -> dict[str, Any]:
    """Claims of the request's bearer token, verified.

    Raises:
        AuthError: There is none, or it is refused.
    """
    match = _BEARER.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        raise AuthError(401, "no_authorization", "This endpoint requires a valid Bearer token")
    try:
        return context.keys.accepted.verify(match[1])
    except InvalidTokenError as error:
        message = f"invalid JWT: unable to parse or verify signature, {error}"
        raise AuthError(403, "bad_jwt", message) from None


Claims = Annotated[dict[str, Any], Depends(get_claims)]


async def get_administrator(claims: Claims, context: Context) -> Administrator:
    """The caller as an administrator.

    Raises:
        AuthError: The token's role is not one of the administrators' roles.
    """
    role = claims.get("role")
    if not isinstance(role, str) or role not in context.settings.jwt_admin_roles:
        raise AuthError(403, "not_admin", "User not allowed")
    return Administrator(role)


Admin = Annotated[Administrator, Depends(get_administrator)]


async def get_caller(claims: Claims, context: Context) -> Caller:
    """The user whom the token names, and their session.

    Raises:
        AuthError: The token names no user or session that exists.
    """
    subject = claims.get("sub")
    if not subject:
        raise AuthError(403, "bad_jwt", "invalid claim: missing sub claim")
    user_id = _uuid_claim(subject, "sub", status=400)
    session_id = None
    if (claimed := claims.get("session_id")) and claimed != str(uuid.UUID(int=0)):
        session_id = _uuid_claim(claimed, "session_id", status=403)
    async with context.database.connection("load_caller") as connection:
        return await _load_caller(connection, user_id, session_id)


async def _load_caller(
    connection: asyncpg.Connection, user_id: uuid.UUID, session_id: uuid.UUID | None
) -> Caller:
    user = await store.load_user(connection, user_id)
    if user is None:
        raise AuthError(403, "user_not_found", "User from sub claim in JWT does not exist")
    if session_id is None:
        return Caller(user, None)
    session = await sessions.load_session(connection, session_id)
    if session is None or session.user_id != user.id:
        raise AuthError(
            403, "session_not_found", "Session from session_id claim in JWT does not exist"
        )
    return Caller(user, session)


SignedIn = Annotated[Caller, Depends(get_caller)]


def _uuid_claim(value: object, name: str, *, status: int) -> uuid.UUID:
    try:
        return uuid.UUID(str(value))
    except ValueError:
        raise AuthError(status, "bad_jwt", f"invalid claim: {name} claim must be a UUID") from None
