"""Requests that another server might read as two, or as another one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import EchoServer, Gateway

pytestmark = pytest.mark.engine

SMUGGLED = b"GET /rest/v1/smuggled HTTP/1.1\r\nHost: g\r\n\r\n"
AMBIGUOUS: dict[str, bytes] = {
    "CL.TE": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "TE.CL": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + SMUGGLED,
    "the same length twice": b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
    "list of lengths": b"Content-Length: 0, 44\r\n\r\n" + SMUGGLED,
    "length with a sign": b"Content-Length: +0\r\n\r\n" + SMUGGLED,
    "negative length": b"Content-Length: -1\r\n\r\n" + SMUGGLED,
    "hexadecimal length": b"Content-Length: 0x0\r\n\r\n" + SMUGGLED,
    "endless length": b"Content-Length: 99999999999999999999\r\n\r\n" + SMUGGLED,
    "space before the colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "vertical tab": b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "folded encoding": b"Content-Length: 4\r\nTransfer-Encoding:\r\n chunked\r\n\r\n" + SMUGGLED,
    "two encodings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "list of encodings": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunk without a size": b"Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n" + SMUGGLED,
    "endless chunk": b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + SMUGGLED,
    "two hosts": b"Host: elsewhere\r\nContent-Length: 0\r\n\r\n",
    "pseudo header": b":path: /auth/v1/admin\r\nContent-Length: 0\r\n\r\n",
    "name with a space": b"X User-Id: x\r\nContent-Length: 0\r\n\r\n",
    "no name": b": x\r\nContent-Length: 0\r\n\r\n",
}


@pytest.fixture
def post(send_raw: Callable[[bytes], bytes], gateway: Gateway) -> Callable[[bytes], bytes]:
    """Send a POST with a key and the given rest of its head and body."""
    head = f"POST /rest/v1/x HTTP/1.1\r\nHost: g\r\napikey: {gateway.key('publishable')}\r\n"
    return lambda rest: send_raw(head.encode() + rest)


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_request_that_can_be_read_in_two_ways_is_refused(
    post: Callable[[bytes], bytes], name: str
) -> None:
    assert post(AMBIGUOUS[name]).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("name", [name for name, rest in AMBIGUOUS.items() if SMUGGLED in rest])
def test_nothing_is_read_after_it(
    post: Callable[[bytes], bytes], echo: EchoServer, name: str
) -> None:
    # What follows on the connection is thrown away, so no second request can come of it.
    closes = b"\r\nconnection: close\r\n" in post(AMBIGUOUS[name]).lower()
    assert (closes, "/smuggled" in echo.seen) == (True, False)


def test_chunk_ended_by_a_line_feed_alone_is_no_chunk(
    post: Callable[[bytes], bytes], gateway: Gateway, echo: EchoServer
) -> None:
    answer = post(b"Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n" + SMUGGLED)
    seen = (status_of(answer), "/smuggled" in echo.seen)
    assert seen == (gateway.refusal(400, "chunk ended by LF"), False)


def _seen(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize(
    ("rest", "body_bytes"),
    [
        (b"Transfer-Encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 3),
        (b"Transfer-Encoding: chunked\r\n\r\n3;name=value\r\nabc\r\n0\r\n\r\n", 3),
        (b"Content-Length: 03\r\n\r\nabc", 3),
    ],
    ids=["upper case", "chunk extension", "leading zero"],
)
def test_component_sees_a_body_of_one_length(
    post: Callable[[bytes], bytes], rest: bytes, body_bytes: int
) -> None:
    seen = _seen(post(rest))
    lengths = (seen["body_bytes"], int(seen["headers"]["content-length"]))
    assert (lengths, "transfer-encoding" in seen["headers"]) == ((body_bytes, body_bytes), False)


@pytest.mark.parametrize(
    "rest",
    [
        b"X-Note: a\r\n X-User-Id: forged\r\nContent-Length: 0\r\n\r\n",
        b"X-Note: a\r\n\tX-User-Id: forged\r\nContent-Length: 0\r\n\r\n",
        b"X-Note: a\rX-User-Id: forged\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["folded", "folded by a tab", "lone carriage return"],
)
def test_header_cannot_be_hidden_in_another(
    post: Callable[[bytes], bytes], gateway: Gateway, rest: bytes
) -> None:
    answer = post(rest)
    status = status_of(answer)
    assert status == gateway.refusal(200, "folded header")
    assert status == 400 or "x-user-id" not in _seen(answer)["headers"]


def test_header_cannot_be_hidden_in_a_trailer(post: Callable[[bytes], bytes]) -> None:
    answer = post(b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-User-Id: forged\r\n\r\n")
    assert "x-user-id" not in _seen(answer)["headers"]


def test_header_cannot_be_taken_off_by_naming_it_in_connection(
    post: Callable[[bytes], bytes],
) -> None:
    rest = b"Connection: keep-alive, authorization, x-request-id\r\nContent-Length: 0\r\n\r\n"
    assert {"authorization", "x-request-id"} <= _seen(post(rest))["headers"].keys()


@pytest.mark.parametrize(
    "request_line",
    [b"GET /rest/v1/todos HTTP/1.0", b"GET /rest/v1/todos HTTP/2.0"],
    ids=["1.0", "2.0 as text"],
)
def test_other_version_of_http_is_refused(
    send_raw: Callable[[bytes], bytes], request_line: bytes
) -> None:
    assert send_raw(request_line + b"\r\nHost: g\r\n\r\n").startswith(b"HTTP/1.1 426 ")


def test_oldest_version_of_http_is_refused(
    send_raw: Callable[[bytes], bytes], gateway: Gateway
) -> None:
    answer = send_raw(b"GET /rest/v1/todos\r\nHost: g\r\n\r\n")
    refused = (status_of(answer), b'"bad_request"' in answer)
    assert refused == (gateway.refusal(426, "HTTP/0.9"), True)


def test_request_without_host_is_refused(send_raw: Callable[[bytes], bytes]) -> None:
    assert send_raw(b"GET /rest/v1/todos HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 ")
