"""Requests that send a browser to a provider: what sign-in and manual linking share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from services.auth.errors import AuthError, validation_failed
from services.auth.external.flows import ExternalFlow, begin_external_flow
from services.auth.external.outbound import ProviderError
from services.auth.external.providers import RESERVED_PARAMETERS, Question, requested_scopes
from services.auth.external.settings import GOTRUE_PROVIDERS
from services.auth.flow_state import parse_challenge

if TYPE_CHECKING:
    import uuid

    from starlette.datastructures import QueryParams

    from services.auth.context import AuthContext
    from services.auth.external.providers import Provider

logger = structlog.get_logger()

_MOST_PARAMETERS = 16
_LONGEST_PARAMETER = 1024


def provider_of(context: AuthContext, name: str) -> Provider:
    """The provider that a client names.

    Raises:
        AuthError: It is not switched on, or there is none of this name.
    """
    provider = context.providers.get(name.lower())
    if provider is not None:
        return provider
    if name.lower() in GOTRUE_PROVIDERS:
        raise validation_failed("Unsupported provider: provider is not enabled")
    raise validation_failed(f"Unsupported provider: Provider {name[:64]} could not be found")


async def address_at_provider(
    context: AuthContext,
    parameters: QueryParams,
    redirect_to: str,
    *,
    linking_target: uuid.UUID | None = None,
) -> str:
    """Where a browser is sent to, for a sign-in that is remembered until it comes back.

    Args:
        context: The service.
        parameters: Of the request.
        redirect_to: Where the browser shall end; an allowed address.
        linking_target: The signed-in user who links an identity.

    Raises:
        AuthError: A parameter is refused, or the provider cannot be used now.
    """
    provider = provider_of(context, parameters.get("provider", ""))
    challenge = parse_challenge(
        parameters.get("code_challenge_method", ""), parameters.get("code_challenge", "")
    )
    try:
        scopes = requested_scopes(parameters.get("scopes", ""))
    except ValueError as error:
        raise validation_failed(str(error)) from None
    further = _further(parameters)
    flow = ExternalFlow(provider.settings.name, redirect_to, challenge, linking_target)
    lifetime = context.settings.flow_state_lifetime
    async with context.database.transaction("begin_external_flow") as connection:
        flow_id = await begin_external_flow(connection, flow, lifetime)
    question = Question(
        state=context.flow_secrets.state(flow_id, lifetime),
        nonce=context.flow_secrets.nonce(flow_id),
        verifier=context.flow_secrets.verifier(flow_id),
        scopes=scopes,
        parameters=further,
    )
    try:
        return await provider.address(question)
    except ProviderError as error:
        raise provider_failed(context, provider, error) from None


def provider_failed(context: AuthContext, provider: Provider, error: ProviderError) -> AuthError:
    """Error for a provider that does not answer as it must; the reason is logged."""
    context.events.labels("provider_failed").inc()
    logger.warning("identity provider failed", provider=provider.settings.name, reason=str(error))
    message = "Error getting user profile from external provider"
    return AuthError(500, "unexpected_failure", message)


def _further(parameters: QueryParams) -> dict[str, str]:
    further = {
        name: value for name, value in parameters.items() if name.lower() not in RESERVED_PARAMETERS
    }
    too_long = any(len(name) + len(value) > _LONGEST_PARAMETER for name, value in further.items())
    if len(further) > _MOST_PARAMETERS or too_long:
        raise validation_failed("too many or too long parameters")
    return further
