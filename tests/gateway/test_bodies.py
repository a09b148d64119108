"""Bodies that are passed on while they arrive, and what is counted of them."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ResponseReceived, StreamReset

from infra.gateway.routes import MEBIBYTE

from .conftest import UPLOAD, WITHOUT_TLS, read_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from h2.events import Event

    from .conftest import EchoServer, Gateway

pytestmark = pytest.mark.engine

ENDINGS = (StreamReset, ResponseReceived)


@pytest.fixture
def http2_client(gateway: Gateway) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=gateway.url, verify=WITHOUT_TLS, http1=False, http2=True, timeout=10
    ) as http:
        yield http


def _chunks(size: int) -> Iterator[bytes]:
    for sent in range(0, size, 65_536):
        yield b"x" * min(65_536, size - sent)


def test_component_sees_the_request_before_its_body_is_whole(
    gateway: Gateway, echo: EchoServer
) -> None:
    name = uuid4().hex
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(
            f"PUT /upload/v1/{name} HTTP/1.1\r\nHost: g\r\n"
            f"apikey: {gateway.key('publishable')}\r\nContent-Length: 1000\r\n\r\nfirst".encode()
        )
        for _ in range(100):
            if f"/{name}" in echo.seen:
                break
            time.sleep(0.05)
        seen_early = f"/{name}" in echo.seen
        connection.sendall(b"x" * 995)
        answer = read_answer(connection)
    assert (seen_early, b'"body_bytes": 1000' in answer) == (True, True)


@pytest.mark.parametrize("size", [0, 1, UPLOAD.body_limit_bytes])
def test_body_of_a_known_length_within_the_limit(
    client: httpx.Client, publishable: dict[str, str], size: int
) -> None:
    answer = client.put("/upload/v1/x", headers=publishable, content=b"x" * size)
    assert answer.json()["body_bytes"] == size


@pytest.mark.parametrize("length", [UPLOAD.body_limit_bytes + 1, 10**15])
def test_body_of_a_known_length_beyond_the_limit(
    send_raw: Callable[[bytes], bytes], gateway: Gateway, length: int
) -> None:
    head = (
        f"PUT /upload/v1/x HTTP/1.1\r\nHost: g\r\napikey: {gateway.key('publishable')}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    )
    answer = send_raw(head.encode() + b"x" * (MEBIBYTE + 1))
    assert (answer.startswith(b"HTTP/1.1 413 "), b'"payload_too_large"' in answer) == (True, True)


def test_body_of_an_unknown_length_is_held(
    client: httpx.Client, publishable: dict[str, str]
) -> None:
    answer = client.put("/upload/v1/x", headers=publishable, content=_chunks(MEBIBYTE))
    assert answer.json()["body_bytes"] == MEBIBYTE


def test_body_of_an_unknown_length_beyond_what_is_held(
    client: httpx.Client, publishable: dict[str, str]
) -> None:
    answer = client.put("/upload/v1/x", headers=publishable, content=_chunks(MEBIBYTE + 1))
    assert answer.status_code == 413


def test_http2_body_within_the_limit(
    http2_client: httpx.Client, publishable: dict[str, str]
) -> None:
    answer = http2_client.put("/upload/v1/x", headers=publishable, content=b"x" * MEBIBYTE)
    assert (answer.http_version, answer.json()["body_bytes"]) == ("HTTP/2", MEBIBYTE)


def test_http2_body_of_an_unknown_length_beyond_what_is_held(
    http2_client: httpx.Client, publishable: dict[str, str]
) -> None:
    answer = http2_client.put("/upload/v1/x", headers=publishable, content=_chunks(MEBIBYTE + 1))
    assert answer.status_code == 413


def _ending(event: Event) -> int | None:
    """Status of an answer; None where there is none, because the stream is reset."""
    return int(dict(event.headers)[b":status"]) if isinstance(event, ResponseReceived) else None


@pytest.mark.parametrize("size", [1, 11, 1000], ids="{} of 10 bytes".format)
def test_http2_body_of_another_length_than_it_said(gateway: Gateway, size: int) -> None:
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    client.send_headers(
        1,
        [
            (":method", "PUT"),
            (":path", "/upload/v1/x"),
            (":scheme", "http"),
            (":authority", "g"),
            ("apikey", gateway.key("publishable")),
            ("content-length", "10"),
        ],
    )
    client.send_data(1, b"x" * size, end_stream=True)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(client.data_to_send())
        events: list[Event] = []
        while not any(isinstance(event, ENDINGS) for event in events):
            events = client.receive_data(connection.recv(65536))
    first = next(event for event in events if isinstance(event, ENDINGS))
    assert _ending(first) == gateway.refusal(None, "HTTP/2 length")


@pytest.mark.parametrize(
    "headers",
    [{}, {"Upgrade": "websocket"}, {"Upgrade": "websocket", "Connection": "Upgrade"}],
    ids=["plain", "upgrade that is none", "upgrade with a body"],
)
def test_body_on_a_websocket_route_is_counted_too(
    client: httpx.Client, publishable: dict[str, str], headers: dict[str, str]
) -> None:
    answer = client.post(
        "/socket/v1/x", headers={**publishable, **headers}, content=b"x" * (MEBIBYTE + 1)
    )
    assert answer.status_code == 413
