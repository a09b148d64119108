"""The providers that are switched on: where they are asked, and what their answer says."""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from services.auth.external.discovery import Issuer
from services.auth.external.flow_secrets import challenge_of
from services.auth.external.id_tokens import (
    check_access_token,
    check_authorized_party,
    check_nonce,
    verify_id_token,
)
from services.auth.external.outbound import ProviderError
from services.auth.external.profiles import profile_of_claims, profile_of_github

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from services.auth.external.outbound import Outbound
    from services.auth.external.profiles import Profile
    from services.auth.external.settings import ProviderSettings

GITHUB = "github"
_GITHUB_DEFAULT_API = "https://api.github.com"
_LONGEST_TOKEN = 16 * 1024

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}", re.ASCII)  # RFC 6749, section 3.3
_MOST_SCOPES = 32

RESERVED_PARAMETERS = frozenset(
    {
        # What this service says itself, or takes in for itself.
        "client_id",
        "client_secret",
        "code_challenge",
        "code_challenge_method",
        "invite_token",
        "nonce",
        "provider",
        "redirect_to",
        "redirect_uri",
        "response_type",
        "scope",
        "scopes",
        "skip_http_redirect",
        "state",
        # What would replace it at the provider: RFC 9101 and OpenID Connect Core 1.0.
        "registration",
        "request",
        "request_uri",
        "response_mode",
        # API keys of clients that can send no header.
        "apikey",
    }
)
"""Parameters of a request that are never passed on to a provider."""


@dataclass(frozen=True)
class Question:
    """What a provider is asked for one sign-in."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    scopes: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Further ones of the client, such as `prompt`."""


@dataclass(frozen=True)
class ProviderTokens:
    """The provider's own tokens, which are handed to the client and kept nowhere in clear."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Arrival:
    """Somebody who comes back from a provider."""

    profile: Profile
    tokens: ProviderTokens


class Provider(Protocol):
    """A provider that people sign in with."""

    settings: ProviderSettings

    async def address(self, question: Question) -> str:
        """Where a browser is sent to.

        Raises:
            ProviderError: The provider does not say where.
        """

    async def redeem(self, code: str, issuer: str | None, question: Question) -> Arrival:
        """Exchange the code that the provider has handed out.

        Args:
            code: As the browser brings it.
            issuer: The `iss` that the browser brings (RFC 9207), if any.
            question: What the provider was asked.

        Raises:
            ProviderError: It refuses the code, or its answer is refused.
        """


class OpenIdProvider:
    """A provider by OpenID Connect.

    Args:
        settings: Of the provider.
        outbound: Sends the requests.
        plain_http: Whether it may be reached without encryption.
    """

    def __init__(self, settings: ProviderSettings, outbound: Outbound, *, plain_http: bool) -> None:
        self.settings = settings
        self._outbound = outbound
        self.issuer = Issuer(outbound, settings.issuer, settings.host, plain_http=plain_http)

    async def address(self, question: Question) -> str:
        """Where a browser is sent to (OpenID Connect Core 1.0, section 3.1.2.1)."""
        endpoints = await self.issuer.endpoints()
        scopes = ("openid", "email", "profile", *question.scopes)
        return _authorization_address(
            endpoints.authorization, self.settings, scopes, question, {"nonce": question.nonce}
        )

    async def redeem(self, code: str, issuer: str | None, question: Question) -> Arrival:
        """Exchange a code, and verify the ID token that comes back."""
        endpoints = await self.issuer.endpoints()
        if issuer != self.issuer.identifier and (issuer is not None or endpoints.names_itself):
            raise ProviderError("the code comes from another issuer")
        form, headers = _code_grant(self.settings, code, question.verifier), {}
        if endpoints.secret_in_header:
            headers = _basic_credentials(self.settings)
        else:
            form |= _credentials(self.settings)
        answer = await self._outbound.post(
            endpoints.token, form, named_host=self.settings.host, headers=headers
        )
        tokens = _tokens_of(answer)
        id_token = answer.get("id_token")
        if not isinstance(id_token, str):
            raise ProviderError("the provider's answer holds no ID token")
        claims = await self._verified(
            id_token, audiences=(self.settings.client_id,), access_token=tokens.access_token
        )
        check_authorized_party(claims, self.settings.client_id)
        check_nonce(claims, question.nonce)
        if "email" not in claims and endpoints.userinfo:
            claims = await self._with_userinfo(endpoints.userinfo, claims, tokens)
        return Arrival(profile_of_claims(self.settings.name, claims), tokens)

    async def verified_claims(self, id_token: str, *, access_token: str) -> dict[str, Any]:
        """Claims of an ID token that a native client has got for one of the client ids.

        Args:
            id_token: As the client presents it.
            access_token: What came with it; empty when the client keeps it.

        Raises:
            ProviderError: The token is refused, or the provider's keys cannot be had.
        """
        return await self._verified(
            id_token, audiences=self.settings.client_ids, access_token=access_token
        )

    async def _verified(
        self, id_token: str, *, audiences: Collection[str], access_token: str
    ) -> dict[str, Any]:
        key = await self.issuer.key_of(id_token)
        claims = verify_id_token(id_token, key, issuer=self.issuer.identifier, audiences=audiences)
        if access_token:
            check_access_token(claims, key, access_token)
        return claims

    async def _with_userinfo(
        self, url: str, claims: dict[str, Any], tokens: ProviderTokens
    ) -> dict[str, Any]:
        """The claims with those of the userinfo endpoint (section 5.3)."""
        answer = await self._outbound.get(
            url,
            named_host=self.settings.host,
            headers={"Authorization": f"Bearer {tokens.access_token}"},
        )
        if not isinstance(answer, dict) or answer.get("sub") != claims["sub"]:
            raise ProviderError("the userinfo endpoint describes somebody else")
        return {**answer, **claims}


class GitHubProvider:
    """GitHub, or a GitHub Enterprise Server, by its own API: it hands out no ID tokens.

    Args:
        settings: Of the provider.
        outbound: Sends the requests.
    """

    def __init__(self, settings: ProviderSettings, outbound: Outbound) -> None:
        self.settings = settings
        self._outbound = outbound
        is_default = settings.url == "https://github.com"
        self._api = _GITHUB_DEFAULT_API if is_default else f"{settings.url}/api/v3"

    async def address(self, question: Question) -> str:
        """Where a browser is sent to."""
        return _authorization_address(
            f"{self.settings.url}/login/oauth/authorize",
            self.settings,
            ("user:email", *question.scopes),
            question,
            {},
        )

    async def redeem(self, code: str, issuer: str | None, question: Question) -> Arrival:  # noqa: ARG002  (GitHub names none)
        """Exchange a code, and ask who it belongs to."""
        form = _code_grant(self.settings, code, question.verifier) | _credentials(self.settings)
        named_host = self.settings.host
        tokens = _tokens_of(
            await self._outbound.post(
                f"{self.settings.url}/login/oauth/access_token", form, named_host=named_host
            )
        )
        headers = {"Authorization": f"Bearer {tokens.access_token}"}
        user, emails = await asyncio.gather(
            self._outbound.get(f"{self._api}/user", named_host=named_host, headers=headers),
            self._outbound.get(f"{self._api}/user/emails", named_host=named_host, headers=headers),
        )
        return Arrival(profile_of_github(user, emails, issuer=self._api), tokens)


def make_provider(settings: ProviderSettings, outbound: Outbound, *, plain_http: bool) -> Provider:
    """The provider of these settings."""
    if settings.name == GITHUB:
        return GitHubProvider(settings, outbound)
    return OpenIdProvider(settings, outbound, plain_http=plain_http)


def requested_scopes(text: str) -> tuple[str, ...]:
    """Scopes that a client asks for, separated by commas or spaces.

    Raises:
        ValueError: One of them cannot be a scope, or they are too many.
    """
    scopes = tuple(re.split(r"[, ]+", text.strip(", "))) if text.strip(", ") else ()
    if len(scopes) > _MOST_SCOPES or not all(map(_SCOPE.fullmatch, scopes)):
        raise ValueError("scopes are separated by commas, and at most 32")
    return scopes


def _authorization_address(
    endpoint: str,
    settings: ProviderSettings,
    scopes: tuple[str, ...],
    question: Question,
    further: Mapping[str, str],
) -> str:
    values = {
        **question.parameters,
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": settings.redirect_uri,
        "scope": " ".join(dict.fromkeys(scopes)),
        "state": question.state,
        "code_challenge": challenge_of(question.verifier),
        "code_challenge_method": "S256",
        **further,
    }
    return f"{endpoint}?{urlencode(values, quote_via=quote)}"


def _code_grant(settings: ProviderSettings, code: str, verifier: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": settings.redirect_uri,
        "code_verifier": verifier,
    }


def _credentials(settings: ProviderSettings) -> dict[str, str]:
    return {"client_id": settings.client_id, "client_secret": settings.secret}


def _basic_credentials(settings: ProviderSettings) -> dict[str, str]:
    """`Authorization` header (RFC 6749, section 2.3.1: both parts are form-encoded first)."""
    pair = f"{quote(settings.client_id, safe='')}:{quote(settings.secret, safe='')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _tokens_of(answer: object) -> ProviderTokens:
    """Tokens of a provider's answer (RFC 6749, section 5.1)."""
    if not isinstance(answer, dict):
        raise ProviderError("the provider's answer is not a JSON object")
    if "error" in answer:  # GitHub refuses a code with status 200
        raise ProviderError("the provider refuses the code")
    access_token, refresh_token = answer.get("access_token"), answer.get("refresh_token") or ""
    if not isinstance(access_token, str) or not 0 < len(access_token) <= _LONGEST_TOKEN:
        raise ProviderError("the provider's answer holds no access token")
    if not isinstance(refresh_token, str) or len(refresh_token) > _LONGEST_TOKEN:
        raise ProviderError("the provider's refresh token is none")
    return ProviderTokens(access_token, refresh_token)
