"""`POST /token?grant_type=id_token`: a native client has got an ID token by itself."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from services.auth.errors import OAuthError, validation_failed
from services.auth.external.flows import METHOD
from services.auth.external.id_tokens import IdTokenError, check_nonce
from services.auth.external.linking import user_of_arrival
from services.auth.external.outbound import ProviderError
from services.auth.external.profiles import profile_of_claims
from services.auth.external.providers import OpenIdProvider
from services.auth.external.requests import logger, provider_failed
from services.auth.sign_in import sign_in

if TYPE_CHECKING:
    from services.auth.bodies import IdTokenGrant
    from services.auth.context import AuthContext
    from services.auth.external.profiles import Profile
    from services.auth.models import Client


async def id_token_grant(
    body: IdTokenGrant, context: AuthContext, client: Client
) -> dict[str, Any]:
    """Sign in whom an ID token describes.

    Raises:
        AuthError: The token is refused, or the sign-in.
    """
    if not body.id_token:
        raise OAuthError("invalid request", "id_token required")
    if not body.provider and not (body.client_id and body.issuer):
        raise OAuthError("invalid request", "provider or client_id and issuer required")
    provider = _provider_of(body, context)
    try:
        profile = await _profile(body, provider)
    except IdTokenError as error:
        context.events.labels("login_refused").inc()
        name = provider.settings.name
        logger.info("ID token refused", provider=name, reason=str(error))
        raise OAuthError("invalid request", "Bad ID token") from None
    except ProviderError as error:
        raise provider_failed(context, provider, error) from None
    async with context.database.transaction("id_token_grant") as connection:
        user = await user_of_arrival(connection, context.settings, provider.settings.name, profile)
        answer = await sign_in(connection, context, user.id, METHOD, client)
    context.events.labels("login").inc()
    return answer


def _provider_of(body: IdTokenGrant, context: AuthContext) -> OpenIdProvider:
    """The provider that the client names, or whose issuer it names."""
    for name, provider in context.providers.items():
        is_meant = body.provider.lower() == name or (
            not body.provider and body.issuer == provider.settings.issuer
        )
        if is_meant and isinstance(provider, OpenIdProvider):
            return provider
    raise validation_failed(f"Custom OIDC provider {body.provider[:64]!r} not allowed")


async def _profile(body: IdTokenGrant, provider: OpenIdProvider) -> Profile:
    claims = await provider.verified_claims(body.id_token, access_token=body.access_token)
    if bool(body.nonce) != bool(claims.get("nonce")):
        raise OAuthError(
            "invalid request",
            "Passed nonce and nonce in id_token should either both exist or not.",
        )
    if body.nonce:
        try:
            # The client gives the provider the nonce's hash, so the token does not tell it.
            check_nonce(claims, hashlib.sha256(body.nonce.encode()).hexdigest())
        except IdTokenError:
            raise OAuthError("invalid nonce", "Nonces mismatch") from None
    return profile_of_claims(provider.settings.name, claims)
