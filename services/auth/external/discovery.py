"""What an issuer publishes about itself: its endpoints and its keys, fetched when they are needed.

The document of OpenID Connect Discovery 1.0 must name the configured issuer itself. Its addresses
are checked before each request (`outbound`); the one that browsers are sent to is checked here.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from services.auth.external.id_tokens import ProviderKeys, UnknownKeyError
from services.auth.external.outbound import ProviderError
from services.auth.external.settings import is_web_address

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import jwt

    from services.auth.external.outbound import Outbound

WELL_KNOWN = "/.well-known/openid-configuration"
_FRESH_SECONDS = 3600.0
# A provider that is away, or a token with an invented key id, costs one request in this time.
_PAUSE_SECONDS = 5.0

Value = TypeVar("Value")


@dataclass(frozen=True)
class Endpoints:
    """Addresses of an issuer.

    Attributes:
        userinfo: Empty when there is none.
        secret_in_header: Whether the client's secret goes into a header; else into the form.
        names_itself: Whether what it sends by way of the browser names it (RFC 9207).
    """

    authorization: str
    token: str
    keys: str
    userinfo: str
    secret_in_header: bool
    names_itself: bool


def endpoints_of(document: object, *, issuer: str, plain_http: bool) -> Endpoints:
    """Endpoints that a discovery document names.

    Raises:
        ProviderError: It belongs to another issuer, or lacks an address that can be used.
    """
    if not isinstance(document, dict):
        raise ProviderError("the discovery document is not a JSON object")
    if document.get("issuer") != issuer:
        raise ProviderError("the discovery document names another issuer")

    def address(name: str) -> str:
        value = document.get(name)
        if not isinstance(value, str) or not is_web_address(value, plain_http=plain_http):
            raise ProviderError(f"the discovery document holds no acceptable {name}")
        return value

    # What OpenID Connect Discovery 1.0 says for a document that names none.
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Endpoints(
        authorization=address("authorization_endpoint"),
        token=address("token_endpoint"),
        keys=address("jwks_uri"),
        userinfo=address("userinfo_endpoint") if "userinfo_endpoint" in document else "",
        secret_in_header=not isinstance(methods, list) or "client_secret_basic" in methods,
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


class _Fetched(Generic[Value]):
    """A value that is fetched by one request at a time, and kept for a while."""

    def __init__(self, fetch: Callable[[], Awaitable[Value]]) -> None:
        self._fetch = fetch
        self._lock = asyncio.Lock()
        self._value: Value | None = None
        self._asked_at = float("-inf")
        self._failure: ProviderError | None = None

    async def get(self, *, newer: bool = False) -> Value:
        """The value.

        Args:
            newer: Fetch it again, unless that was done a moment ago.

        Raises:
            ProviderError: It cannot be had, or could not be had a moment ago.
        """
        async with self._lock:
            age = time.monotonic() - self._asked_at
            recent = age < _PAUSE_SECONDS
            if self._failure is not None and recent:
                raise self._failure
            if self._value is not None and (recent or (age < _FRESH_SECONDS and not newer)):
                return self._value
            try:
                self._value = await self._fetch()
            except ProviderError as error:
                self._failure = error
                raise
            finally:
                self._asked_at = time.monotonic()
            self._failure = None
            return self._value


class Issuer:
    """An issuer of ID tokens.

    Args:
        outbound: Sends the requests.
        identifier: The issuer, as its tokens name it.
        named_host: The host that the operator has named.
        plain_http: Whether it may be reached without encryption.
    """

    def __init__(
        self, outbound: Outbound, identifier: str, named_host: str, *, plain_http: bool
    ) -> None:
        self._outbound = outbound
        self.identifier = identifier
        self._named_host = named_host
        self._plain_http = plain_http
        self._endpoints = _Fetched(self._fetch_endpoints)
        self._keys = _Fetched(self._fetch_keys)

    async def endpoints(self) -> Endpoints:
        """Where its endpoints are.

        Raises:
            ProviderError: It does not say.
        """
        return await self._endpoints.get()

    async def key_of(self, token: str) -> jwt.PyJWK:
        """The key that a token names; keys that the issuer has published since are fetched.

        Raises:
            ProviderError: There is no such key, or the keys cannot be had.
        """
        keys = await self._keys.get()
        try:
            return keys.key_of(token)
        except UnknownKeyError:
            return (await self._keys.get(newer=True)).key_of(token)

    async def _get(self, url: str) -> Any:  # noqa: ANN401  (any JSON value)
        return await self._outbound.get(url, named_host=self._named_host)

    async def _fetch_endpoints(self) -> Endpoints:
        document = await self._get(self.identifier + WELL_KNOWN)
        return endpoints_of(document, issuer=self.identifier, plain_http=self._plain_http)

    async def _fetch_keys(self) -> ProviderKeys:
        return ProviderKeys(await self._get((await self.endpoints()).keys))
