"""A hook that is an HTTP endpoint: a signed request, as Standard Webhooks describes it.

The address comes from the operator alone, and redirects are not followed.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import hmac
import time
import uuid
from typing import TYPE_CHECKING

import httpx2
import structlog

from services.auth.errors import AuthError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from services.auth.hooks.targets import Endpoint

logger = structlog.get_logger()

LONGEST_ANSWER_BYTES = 200 * 1024
_TRIES = 3
_ACCEPTED = (200, 202, 204)
_BUSY = (429, 503)
_REFUSALS = {
    400: "Invalid payload sent to hook",
    401: "Hook requires authorization token",
}


async def call_endpoint(
    endpoint: Endpoint,
    payload: bytes,
    *,
    timeout_seconds: float = 5.0,
    pause_seconds: float = 2.0,
) -> bytes | None:
    """Send the payload. Returns the answer's body; None when it has none.

    A connection that fails is tried again after a pause, an endpoint that is busy and says so with
    Retry-After at once; three times at most, and never beyond the timeout.

    Raises:
        AuthError: The endpoint did not answer in time, or not in a way that counts.
    """
    try:
        async with (
            asyncio.timeout(timeout_seconds),
            # The client's own limit is one for each read. The environment's proxies are not asked.
            httpx2.AsyncClient(
                verify=_trust(), timeout=timeout_seconds, follow_redirects=False, trust_env=False
            ) as client,
        ):
            return await _call(client, endpoint, payload, pause_seconds)
    except TimeoutError:
        message = f"Failed to reach hook within maximum time of {timeout_seconds:f} seconds"
        raise AuthError(422, "hook_timeout", message) from None


def signed_headers(
    endpoint: Endpoint, payload: bytes, *, identifier: str, timestamp: int
) -> dict[str, str]:
    """Headers by which the endpoint knows that the payload is ours and new.

    Args:
        endpoint: For its secrets.
        payload: Body of the request.
        identifier: Id of the message.
        timestamp: Seconds since 1970.
    """
    signed = f"{identifier}.{timestamp}.".encode() + payload
    signatures = [
        "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        for secret in endpoint.secrets
    ]
    return {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        # The specification separates by a space. GoTrue writes a comma before it, which no
        # receiver that follows the specification can read.
        "webhook-signature": " ".join(signatures),
    }


@functools.cache
def _trust() -> ssl.SSLContext:
    """Certificate authorities, those of `SSL_CERT_FILE` where it is set. Slow to read."""
    return httpx2.create_ssl_context()


async def _call(
    client: httpx2.AsyncClient, endpoint: Endpoint, payload: bytes, pause_seconds: float
) -> bytes | None:
    for attempt in range(_TRIES):
        headers = signed_headers(
            endpoint, payload, identifier=str(uuid.uuid4()), timestamp=int(time.time())
        )
        try:
            async with client.stream(
                "POST", endpoint.address, content=payload, headers=headers
            ) as answer:
                if answer.status_code in _BUSY and answer.headers.get("retry-after"):
                    continue
                return await _body(answer)
        except httpx2.HTTPError as error:
            logger.warning("hook not reached", attempt=attempt + 1, reason=type(error).__name__)
            if attempt + 1 < _TRIES:
                await asyncio.sleep(pause_seconds)
                continue
            raise AuthError(
                422, "hook_timeout_after_retry", "Failed to reach hook after maximum retries"
            ) from None
    raise _unavailable()


async def _body(answer: httpx2.Response) -> bytes | None:
    if answer.status_code in _BUSY:
        raise _unavailable()
    if answer.status_code not in _ACCEPTED:
        raise _failure(
            _REFUSALS.get(
                answer.status_code,
                f"Unexpected status code returned from hook: {answer.status_code}",
            )
        )
    if answer.status_code == 204 and "content-type" not in answer.headers:  # noqa: PLR2004  (no content)
        return None
    _check_content_type(answer.headers)
    body = bytearray()
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > LONGEST_ANSWER_BYTES:
            raise AuthError(
                422,
                "hook_payload_over_size_limit",
                f"Payload size exceeded size limit of {LONGEST_ANSWER_BYTES} bytes",
            )
    return bytes(body)


def _check_content_type(headers: Mapping[str, str]) -> None:
    given = headers.get("content-type")
    if given is None:
        message = "Invalid Content-Type: Missing Content-Type header"
    elif given.partition(";")[0].strip().lower() != "application/json":
        message = f"Invalid JSON response. Received content-type: {given}"
    else:
        return
    raise AuthError(400, "hook_payload_invalid_content_type", message)


def _failure(message: str) -> AuthError:
    return AuthError(500, "unexpected_failure", message)


def _unavailable() -> AuthError:
    return _failure("Service currently unavailable due to hook")
