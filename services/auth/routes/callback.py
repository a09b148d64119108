"""`/callback`: a browser comes back from a provider."""

import asyncio
import re
import uuid
from typing import Any
from urllib.parse import parse_qsl

import asyncpg
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from services.auth.context import AuthContext, Context, RequestClient
from services.auth.errors import AuthError, OAuthError
from services.auth.external.flows import METHOD, ExternalFlow, keep_code, take_external_flow
from services.auth.external.linking import link_to_user, user_of_arrival
from services.auth.external.outbound import ProviderError
from services.auth.external.providers import Arrival, Question
from services.auth.external.requests import provider_failed, provider_of
from services.auth.models import Client, User
from services.auth.redirect_answers import see_other, with_fragment, with_query, with_tokens
from services.auth.sign_in import sign_in
from services.shared.errors import ServiceError

router = APIRouter(tags=["sign-in"])

_LONGEST_PROVIDER_ERROR = 300
# Less than the gateway waits: the browser gets an answer that leads to the application.
_LONGEST_EXCHANGE_SECONDS = 10.0
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")

# GoTrue's names (RFC 6749, section 4.1.2.1) of errors by their code, or else by their status.
_ERROR_BY_CODE = dict.fromkeys(
    ("provider_email_needs_verification", "signup_disabled", "user_banned"), "access_denied"
)
_ERROR_BY_STATUS = {
    400: "invalid_request",
    401: "unauthorized_client",
    403: "access_denied",
    500: "server_error",
    503: "temporarily_unavailable",
}


@router.get("/callback", status_code=303)
async def callback(request: Request, context: Context, client: RequestClient) -> HTMLResponse:
    """End a sign-in: the answer leads to the application, with tokens, a code or an error."""
    return await _answer(context, client, dict(request.query_params))


@router.post("/callback", status_code=303)
async def callback_by_form(
    request: Request, context: Context, client: RequestClient
) -> HTMLResponse:
    """End a sign-in with a provider that answers by a form."""
    text = (await request.body()).decode("utf-8", errors="replace")
    return await _answer(context, client, dict(parse_qsl(text)))


async def _answer(context: AuthContext, client: Client, values: dict[str, str]) -> HTMLResponse:
    site = context.redirects.site_url
    try:
        flow_id, flow = await _flow_of(context, values.get("state", ""))
    except ServiceError as error:
        # Nobody knows where the browser belongs.
        return see_other(with_query(site, _error_values(error)))
    # The allow-list may have changed since the browser left.
    redirect_to = context.redirects.choose(flow.redirect_to)
    try:
        arrival = await _arrival(context, flow_id, flow, values)
        if flow.challenge is not None:
            code = await _keep_for_exchange(context, flow, arrival)
            return see_other(with_query(redirect_to, {"code": code}))
        answer = await _signed_in(context, flow, arrival, client)
    except ServiceError as error:
        context.events.labels("external_refused").inc()
        problem = _error_values(error)
        return see_other(with_fragment(with_query(redirect_to, problem), problem))
    return see_other(with_tokens(redirect_to, answer, _provider_values(arrival)))


async def _flow_of(context: AuthContext, state: str) -> tuple[uuid.UUID, ExternalFlow]:
    """The sign-in that a state belongs to; it cannot be had again.

    Raises:
        ServiceError: The state is missing, forged, used or too old.
    """
    if not state:
        raise AuthError(400, "bad_oauth_callback", "OAuth state parameter missing")
    flow_id = context.flow_secrets.flow_of(state)
    if flow_id is not None:
        lifetime = context.settings.flow_state_lifetime
        async with context.database.transaction("take_external_flow") as connection:
            flow = await take_external_flow(connection, flow_id, lifetime)
        if flow is not None:
            return flow_id, flow
    raise AuthError(400, "bad_oauth_state", "OAuth callback with invalid state")


async def _arrival(
    context: AuthContext, flow_id: uuid.UUID, flow: ExternalFlow, values: dict[str, str]
) -> Arrival:
    """Who comes back, as the provider tells this service.

    Raises:
        AuthError: The provider has refused the sign-in, cannot be used now, or says what it must
            not.
    """
    if problem := values.get("error", ""):
        raise OAuthError(_printable(problem), _printable(values.get("error_description", "")))
    code = values.get("code", "")
    if not code:
        raise AuthError(
            400, "bad_oauth_callback", "OAuth callback with missing authorization code missing"
        )
    # It may have been switched off since the browser left.
    provider = provider_of(context, flow.provider)
    question = Question(
        state="",
        nonce=context.flow_secrets.nonce(flow_id),
        verifier=context.flow_secrets.verifier(flow_id),
    )
    try:
        async with asyncio.timeout(_LONGEST_EXCHANGE_SECONDS):
            return await provider.redeem(code, values.get("iss"), question)
    except TimeoutError:
        late = ProviderError(f"no person within {_LONGEST_EXCHANGE_SECONDS:g} seconds")
        raise provider_failed(context, provider, late) from None
    except ProviderError as error:
        raise provider_failed(context, provider, error) from None


async def _user(
    connection: asyncpg.Connection, context: AuthContext, flow: ExternalFlow, arrival: Arrival
) -> User:
    if flow.linking_target is not None:
        return await link_to_user(connection, flow.linking_target, flow.provider, arrival.profile)
    return await user_of_arrival(connection, context.settings, flow.provider, arrival.profile)


async def _signed_in(
    context: AuthContext, flow: ExternalFlow, arrival: Arrival, client: Client
) -> dict[str, Any]:
    async with context.database.transaction("external_sign_in") as connection:
        user = await _user(connection, context, flow, arrival)
        answer = await sign_in(connection, context, user.id, METHOD, client)
    context.events.labels("login").inc()
    return answer


async def _keep_for_exchange(context: AuthContext, flow: ExternalFlow, arrival: Arrival) -> str:
    """A code that the client exchanges together with its verifier."""
    if flow.challenge is None:
        raise RuntimeError("a sign-in without a challenge has no code")
    code, seal = str(uuid.uuid4()), context.flow_secrets.seal
    tokens = arrival.tokens
    async with context.database.transaction("external_code") as connection:
        user = await _user(connection, context, flow, arrival)
        await keep_code(
            connection,
            user.id,
            code,
            flow.provider,
            flow.challenge,
            sealed_access_token=seal(tokens.access_token, code),
            sealed_refresh_token=seal(tokens.refresh_token, code) if tokens.refresh_token else "",
        )
    return code


def _provider_values(arrival: Arrival) -> dict[str, str]:
    values = {"provider_token": arrival.tokens.access_token}
    if arrival.tokens.refresh_token:
        values["provider_refresh_token"] = arrival.tokens.refresh_token
    return values


def _error_values(error: ServiceError) -> dict[str, str]:
    if isinstance(error, OAuthError):
        return {"error": error.error, "error_description": error.message}
    name = _ERROR_BY_CODE.get(error.code) or _ERROR_BY_STATUS.get(error.status, "server_error")
    return {"error": name, "error_code": error.code, "error_description": error.message}


def _printable(text: str) -> str:
    """Text of a provider, or of whoever made the request: shown, never trusted."""
    return _UNPRINTABLE.sub("", text)[:_LONGEST_PROVIDER_ERROR]
