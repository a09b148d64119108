"""A stack that speaks HTTPS, and a renewal of its certificate while clients are connected.

The stack is `tls`, in a copy of the checkout.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import docker
import httpx
import pytest

from tests.certificates import self_signed
from tests.checkout import Checkout

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.engine

NAME = "tls"
PORT = 28120
REDIRECT_PORT = 28121
URL = f"https://localhost:{PORT}"
SETTINGS: dict[str, Any] = {
    "environment": "test",
    "gateway": {
        "port": PORT,
        "public_url": URL,
        "tls": {
            "certificate_file": "chain.pem",  # in the checkout
            "key_file": "key.pem",
            "redirect_port": REDIRECT_PORT,
        },
    },
    "auth": {"autoconfirm": True},
}


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


def _write(checkout: Checkout, subject: str) -> ssl.SSLContext:
    chain, key = self_signed(subject)
    (checkout.folder / "chain.pem").write_text(chain)
    (checkout.folder / "key.pem").write_text(key)
    return ssl.create_default_context(cadata=chain)


def _up(checkout: Checkout) -> None:
    run = checkout.make(NAME, "up")
    assert run.code == 0, run.printed


def _gateway() -> str:
    engine: Any = docker.from_env()
    labels = [f"plinth.stack={NAME}", "plinth.component=gateway"]
    (container,) = engine.containers.list(filters={"label": labels})
    return str(container.id)


def _connect_until_shown(trust: ssl.SSLContext) -> httpx.Response:
    for _ in range(100):
        try:
            return httpx.get(f"{URL}/health/live", verify=trust)
        except httpx.ConnectError:
            time.sleep(0.1)
    return pytest.fail("new connections are shown the old certificate")


@pytest.fixture(scope="module")
def renewal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Renewal]:
    checkout = Checkout.copy(tmp_path_factory.mktemp("checkout"))
    checkout.configure(NAME, SETTINGS)
    first = _write(checkout, "first")
    try:
        _up(checkout)
        before = _gateway()
        # It would rather connect anew than use a connection that has rested for seconds.
        patient = httpx.Limits(keepalive_expiry=None)
        with httpx.Client(base_url=URL, verify=first, limits=patient) as client:
            client.get("/health/live").raise_for_status()
            second = _write(checkout, "second")
            _up(checkout)
            newly_connected = _connect_until_shown(second)
            open_connection = client.get("/health/live")
        yield Renewal(
            (before, _gateway()),
            httpx.get(f"http://127.0.0.1:{REDIRECT_PORT}/rest/v1/todos"),
            open_connection,
            newly_connected,
        )
    finally:
        checkout.make(NAME, "destroy")


def test_gateway_is_not_replaced(renewal: Renewal) -> None:
    before, after = renewal.containers
    assert before == after


def test_new_connection_is_shown_the_new_certificate(renewal: Renewal) -> None:
    assert renewal.newly_connected.status_code == 200


def test_open_connection_goes_on(renewal: Renewal) -> None:
    assert renewal.open_connection.status_code == 200


def test_plain_http_is_sent_to_https(renewal: Renewal) -> None:
    location = f"{URL}/rest/v1/todos"
    assert (renewal.redirect.status_code, renewal.redirect.headers["location"]) == (308, location)
