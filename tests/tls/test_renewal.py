"""A renewal of certificate files while clients are connected."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.certificates import self_signed

if TYPE_CHECKING:
    from .conftest import TlsStack

pytestmark = pytest.mark.engine

FILES = {"certificate_file": "chain.pem", "key_file": "key.pem"}  # in the checkout


@dataclass(frozen=True)
class Renewal:
    """What was seen of a renewal."""

    containers: tuple[str, str]
    """The gateway's, before and after."""
    redirect: httpx.Response
    open_connection: httpx.Response
    """Of a client that was connected before."""
    newly_connected: httpx.Response
    """Of a client that trusts the second certificate alone."""


def _write(stack: TlsStack, subject: str) -> ssl.SSLContext:
    chain, key = self_signed(subject)
    (stack.folder / "chain.pem").write_text(chain)
    (stack.folder / "key.pem").write_text(key)
    return ssl.create_default_context(cadata=chain)


def _connect_until_shown(stack: TlsStack, trust: ssl.SSLContext) -> httpx.Response:
    for _ in range(100):
        try:
            return httpx.get(f"{stack.url}/health/live", verify=trust)
        except httpx.ConnectError:
            time.sleep(0.1)
    return pytest.fail("new connections are shown the old certificate")


@pytest.fixture(scope="module")
def renewal(tls_stack: TlsStack) -> Renewal:
    first = _write(tls_stack, "first")
    tls_stack.up(FILES)
    before = tls_stack.container("gateway").id
    # It would rather connect anew than use a connection that has rested for seconds.
    patient = httpx.Limits(keepalive_expiry=None)
    with httpx.Client(base_url=tls_stack.url, verify=first, limits=patient) as client:
        client.get("/health/live").raise_for_status()
        second = _write(tls_stack, "second")
        tls_stack.up(FILES)
        newly_connected = _connect_until_shown(tls_stack, second)
        open_connection = client.get("/health/live")
    return Renewal(
        (before, tls_stack.container("gateway").id),
        httpx.get(f"{tls_stack.plain_url}/rest/v1/todos"),
        open_connection,
        newly_connected,
    )


def test_gateway_is_not_replaced(renewal: Renewal) -> None:
    before, after = renewal.containers
    assert before == after


def test_new_connection_is_shown_the_new_certificate(renewal: Renewal) -> None:
    assert renewal.newly_connected.status_code == 200


def test_open_connection_goes_on(renewal: Renewal) -> None:
    assert renewal.open_connection.status_code == 200


def test_plain_http_is_sent_to_https(renewal: Renewal, tls_stack: TlsStack) -> None:
    location = f"{tls_stack.url}/rest/v1/todos"
    assert (renewal.redirect.status_code, renewal.redirect.headers["location"]) == (308, location)
