"""Requests to providers: bounded in time and size, and only to where they are meant to go.

A provider's documents name further addresses. Whoever writes such a document must not be able to
make this service ask another one inside (server-side request forgery), so an address counts when

- it is https, or http where plain HTTP is permitted, without a user in it;
- every IP address of its host is a public one, or the host is the one that the operator has named.

The name is resolved once and the connection goes to the address that was checked, so a name that
changes its address in between gains nothing. Redirects are not followed, cookies not kept.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx2

from services.auth.external.settings import is_web_address
from services.shared.errors import InvalidJsonError
from services.shared.json_body import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.shared.metrics import Metrics

DEPENDENCY = "identity-provider"

LONGEST_REQUEST_SECONDS = 4.0
LONGEST_BODY_BYTES = 256 * 1024
_MOST_CONNECTIONS = 32
_SUCCESS = range(200, 300)


class ProviderError(Exception):
    """The provider does not answer, or not as it must; the message holds no secret."""


class Outbound:
    """Sends requests to providers.

    Args:
        metrics: Where the time of each request is recorded.
        plain_http: Whether a provider may be reached without encryption.
    """

    def __init__(self, metrics: Metrics, *, plain_http: bool) -> None:
        self._metrics = metrics
        self._plain_http = plain_http

    @cached_property
    def _transport(self) -> httpx2.AsyncHTTPTransport:
        """Made when it is needed: the system's authorities take memory."""
        return httpx2.AsyncHTTPTransport(
            # Authorities that the system knows, or SSL_CERT_FILE: an own one may have signed.
            verify=ssl.create_default_context(),
            trust_env=False,
            # Connections are kept by IP address; one to another name there must not be used again.
            limits=httpx2.Limits(max_connections=_MOST_CONNECTIONS, max_keepalive_connections=0),
        )

    async def get(
        self, url: str, *, named_host: str, headers: Mapping[str, str] | None = None
    ) -> Any:  # noqa: ANN401  (any JSON value)
        """JSON value at an address.

        Args:
            url: Where to.
            named_host: The host that the operator has named, wherever it is.
            headers: Besides `Accept`.

        Raises:
            ProviderError: The address is refused, or there is no JSON value.
        """
        return await self._exchange("GET", url, named_host, dict(headers or {}), None)

    async def post(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        named_host: str,
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # noqa: ANN401  (any JSON value)
        """JSON value that answers a form.

        Raises:
            ProviderError: The address is refused, or there is no JSON value.
        """
        all_headers = {**(headers or {}), "Content-Type": "application/x-www-form-urlencoded"}
        return await self._exchange("POST", url, named_host, all_headers, urlencode(form).encode())

    async def _exchange(
        self, method: str, url: str, named_host: str, headers: dict[str, str], body: bytes | None
    ) -> Any:  # noqa: ANN401  (any JSON value)
        if not is_web_address(url.partition("?")[0], plain_http=self._plain_http) or "#" in url:
            raise ProviderError("an address of the provider is not an acceptable one")
        try:
            with self._metrics.dependency(DEPENDENCY, method.lower()):
                async with asyncio.timeout(LONGEST_REQUEST_SECONDS):
                    status, content = await self._answer(method, url, named_host, headers, body)
        except TimeoutError:
            raise ProviderError(
                f"no complete answer within {LONGEST_REQUEST_SECONDS:g} seconds"
            ) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise ProviderError(f"no connection: {type(error).__name__}") from None
        if status not in _SUCCESS:
            raise ProviderError(f"status {status}")
        try:
            return parse_json(content)
        except InvalidJsonError:
            raise ProviderError("the answer is not JSON") from None

    async def _answer(
        self, method: str, url: str, named_host: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        """Status and body, from the first address of the host that takes a connection."""
        parts = httpx2.URL(url)
        addresses = await _addresses_of(parts.host, parts.port, anywhere=parts.host == named_host)
        all_headers = {
            **headers,
            "Host": parts.netloc.decode("ascii"),
            "Accept": "application/json",
            # A small answer could unfold to a huge one.
            "Accept-Encoding": "identity",
            "User-Agent": "plinth-auth",
        }
        refusal = httpx2.ConnectError("the host has no address")
        for address in addresses:
            request = httpx2.Request(
                method,
                parts.copy_with(host=address),
                headers=all_headers,
                content=body,
                extensions={"sni_hostname": parts.host},
            )
            try:
                return await self._send(request)
            except httpx2.ConnectError as error:
                refusal = error
        raise refusal

    async def _send(self, request: httpx2.Request) -> tuple[int, bytes]:
        response = await self._transport.handle_async_request(request)
        try:
            content = bytearray()
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > LONGEST_BODY_BYTES:
                    raise ProviderError(f"the answer is longer than {LONGEST_BODY_BYTES} bytes")
            return response.status_code, bytes(content)
        finally:
            await response.aclose()


async def _addresses_of(host: str, port: int | None, *, anywhere: bool) -> list[str]:
    """IP addresses of a host.

    Raises:
        ProviderError: One of them is not a public one, and the host may not be anywhere.
        OSError: It has none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    if not anywhere and not all(ipaddress.ip_address(one).is_global for one in addresses):
        raise ProviderError("the provider names an address that is not a public one")
    return addresses
