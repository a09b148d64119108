"""Clients that take their time, and answers that do."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from infra.gateway.envoy import overload
from infra.gateway.settings import ClientLimits

from .conftest import read_answer, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Gateway

pytestmark = pytest.mark.engine

LIMITS = ClientLimits(header_seconds=1, body_seconds=1, silence_seconds=2.5, idle_seconds=1)
PAUSE = 3
"""Longer than any of them, in seconds."""


@pytest.fixture(scope="module")
def impatient_gateway(start_gateway: Callable[..., Gateway], firewall: bool) -> Gateway:  # noqa: FBT001 - a fixture
    return start_gateway(client_limits=LIMITS, firewall=firewall)


@pytest.fixture
def connection(impatient_gateway: Gateway) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", impatient_gateway.port), timeout=20) as opened:
        yield opened


def _trickle(connection: socket.socket, content: bytes) -> bytes:
    """Send a byte every tenth of a second until the gateway answers; its answer."""
    connection.settimeout(0.1)
    for byte in content:
        connection.sendall(bytes([byte]))
        try:
            first = connection.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            continue
        connection.settimeout(20)
        return read_answer(connection) if first else b""
    return pytest.fail("the gateway took all of it")


def _post(gateway: Gateway, path: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: g\r\napikey: {gateway.key('publishable')}\r\n"
        "Content-Length: 500\r\n\r\n"
    ).encode()


def test_headers_a_byte_at_a_time(connection: socket.socket, impatient_gateway: Gateway) -> None:
    answer = _trickle(connection, b"GET /rest/v1/todos HTTP/1.1\r\nX-Slow: " + b"x" * 500)
    assert status_of(answer) == impatient_gateway.refusal(408, "slow head")


def test_body_a_byte_at_a_time(connection: socket.socket, impatient_gateway: Gateway) -> None:
    connection.sendall(_post(impatient_gateway, "/hasty/v1/x"))
    answer = _trickle(connection, b"x" * 500)
    assert (answer.startswith(b"HTTP/1.1 408 "), b'"request_timeout"' in answer) == (True, True)


def test_body_that_stops_arriving(connection: socket.socket, impatient_gateway: Gateway) -> None:
    connection.sendall(_post(impatient_gateway, "/upload/v1/x") + b"x" * 10)
    assert read_answer(connection).startswith(b"HTTP/1.1 408 ")


def test_connection_without_a_request_is_closed(connection: socket.socket) -> None:
    assert connection.recv(1) == b""


def test_idle_connections_end_while_memory_is_short(
    start_gateway: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Enough for the gateway itself and some hundred connections.
    monkeypatch.setattr(overload, "MEMORY_MEBIBYTES", 24)
    gateway = start_gateway()
    with contextlib.ExitStack() as held:
        connections = [
            held.enter_context(socket.create_connection(("127.0.0.1", gateway.port), timeout=20))
            for _ in range(3000)
        ]
        ended = [connection.recv(1) == b"" for connection in connections[:100]]
    assert (all(ended), httpx.get(f"{gateway.url}/health/live").status_code) == (True, 200)


def test_answer_that_takes_too_long(
    impatient_gateway: Gateway, publishable: dict[str, str]
) -> None:
    answer = httpx.get(
        f"{impatient_gateway.url}/hasty/v1/pause/{PAUSE}", headers=publishable, timeout=20
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_unavailable")


def test_events_go_on_after_a_silence(
    impatient_gateway: Gateway, publishable: dict[str, str]
) -> None:
    answer = httpx.get(
        f"{impatient_gateway.url}/socket/v1/events/{PAUSE}", headers=publishable, timeout=20
    )
    assert answer.text == "data: first\n\ndata: second\n\n"


def test_websocket_goes_on_after_a_silence(
    connection: socket.socket, impatient_gateway: Gateway
) -> None:
    key = impatient_gateway.key("publishable")
    connection.sendall(
        f"GET /socket/v1/join?apikey={key} HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\n\r\n".encode()
    )
    read_answer(connection)
    time.sleep(PAUSE)
    connection.sendall(b"still there")
    assert connection.recv(100) == b"still there"
