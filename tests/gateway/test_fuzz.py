"""Whatever a request holds, the gateway answers it or closes the connection; it never fails.

`--hypothesis-profile=search` makes many more requests.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import SIGNING_KEY, access_token, status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import EchoServer, Gateway

pytestmark = pytest.mark.engine

UPSTREAM_FAILURES = (502, 503, 504)

fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

# Any octets but those that end a header line.
LINE = st.binary(max_size=120).map(lambda octets: re.sub(rb"[\r\n]", b"", octets))
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=120).map(str.encode)
PART = st.text("ABCabc019-_=+/. {}", max_size=60).map(str.encode)
TOKEN = st.lists(PART, min_size=2, max_size=4).map(b".".join)
SCHEME = st.sampled_from([b"Bearer ", b"bearer ", b"BEARER\t", b"Bearer", b"Basic ", b""])
AUTHORIZATION = st.builds(lambda scheme, token: scheme + token, SCHEME, TOKEN | TEXT | LINE)
KEY = (
    st.builds(
        lambda prefix, body: prefix + body,
        st.sampled_from([b"sb_publishable_", b"sb_secret_", b"eyJ", b""]),
        PART,
    )
    | TEXT
    | LINE
)
SEPARATOR = st.sampled_from(["/", "//", "/./", "/x/../", "%2f", ";/", "/%2e/", "\\"])
STEP = st.sampled_from(
    ["auth", "v1", "admin", "users", "%61dmin", "Admin", "..", "%2e%2e", "%00"]
) | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8)
PATH = (
    st.lists(st.tuples(SEPARATOR, STEP), max_size=6)
    .map(lambda steps: "/" + "".join(map("".join, steps)))
    .map(str.encode)
)
TO_THE_ADMINISTRATION = st.builds(
    lambda start, *parts: "".join((start, *parts)).encode(),
    st.sampled_from(["/", "//", "/rest/v1/../../", "/auth/v1/../../"]),
    st.sampled_from(["auth", "Auth", "%61uth"]),
    SEPARATOR,
    st.just("v1"),
    SEPARATOR,
    st.sampled_from(["admin", "Admin", "%61dmin", "admin%20", "admin."]),
    SEPARATOR,
    STEP,
)


def status_or_end(answer: bytes) -> int | None:
    """Status of an answer; None where the connection was closed without one."""
    status = status_of(answer)
    assert status or not answer.strip(), f"neither an answer nor the end: {answer[:80]!r}"
    return status


def request(path: bytes, *headers: tuple[bytes, bytes], method: bytes = b"GET") -> bytes:
    """A request that asks for the connection to be closed."""
    lines = [(b"Host", b"gateway.test"), (b"Connection", b"close"), *headers]
    return b"".join(
        [
            b"%s %s HTTP/1.1\r\n" % (method, path),
            *(b"%s: %s\r\n" % line for line in lines),
            b"\r\n",
        ]
    )


@pytest.mark.parametrize("path", [b"/rest/v1/todos", b"/auth/v1/admin/users"])
@fuzzed
@given(authorization=AUTHORIZATION, key=KEY)
def test_no_made_up_key_or_token_passes(
    send_raw: Callable[[bytes], bytes], path: bytes, authorization: bytes, key: bytes
) -> None:
    answer = send_raw(request(path, (b"Authorization", authorization), (b"apikey", key)))
    assert status_or_end(answer) in {400, 401, 403, 431, None}


@fuzzed
@given(authorization=AUTHORIZATION)
def test_no_made_up_token_passes_beside_a_right_key(
    gateway: Gateway, send_raw: Callable[[bytes], bytes], authorization: bytes
) -> None:
    key = gateway.key("publishable").encode()
    headers = ((b"Authorization", authorization), (b"apikey", key))
    status = status_or_end(send_raw(request(b"/rest/v1/todos", *headers)))
    # Without a bearer token there is nothing to check: the key alone says who asks.
    is_bearer = authorization.strip().lower().startswith(b"bearer")
    assert status in ({400, 401, 403, None} if is_bearer else {200, 400, 401, 403, None})


@fuzzed
@given(path=PATH | TO_THE_ADMINISTRATION)
def test_no_path_leads_to_the_administration_without_its_key(
    gateway: Gateway, echo: EchoServer, send_raw: Callable[[bytes], bytes], path: bytes
) -> None:
    before = len(echo.seen)
    key = gateway.key("publishable").encode()
    status = status_or_end(send_raw(request(path, (b"apikey", key))))
    assert status is None or status < 500 or status in UPSTREAM_FAILURES
    # As the services read it: decoded, and in the case that it is written in.
    assert not [seen for seen in echo.seen[before:] if unquote(seen).startswith("/admin/")]


@fuzzed
@given(
    method=st.sampled_from([b"GET", b"POST", b"OPTIONS", b"HEAD", b"PATCH", b"BREW"]) | TEXT,
    path=PATH | LINE,
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    *(b"Authorization", b"apikey", b"Origin", b"X-Forwarded-For", b"Expect"),
                    *(b"Upgrade", b"Transfer-Encoding", b"Content-Length", b"X-Request-ID"),
                    *(b"Access-Control-Request-Method", b"Content-Type", b":path", b"Host"),
                ]
            )
            | TEXT,
            TEXT | LINE,
        ),
        max_size=6,
    ),
)
def test_no_request_makes_the_gateway_fail(
    send_raw: Callable[[bytes], bytes],
    method: bytes,
    path: bytes,
    headers: list[tuple[bytes, bytes]],
) -> None:
    body_is_announced = any(
        name.strip().lower() in {b"content-length", b"transfer-encoding"} for name, _ in headers
    )
    sent = request(path, *headers, method=method)
    # A body that is announced is sent, so that nobody waits for it.
    status = status_or_end(send_raw(sent + (b"0\r\n\r\n" if body_is_announced else b"")))
    assert status is None or status < 500 or status in {501, *UPSTREAM_FAILURES}


@fuzzed
@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "jku", "b64"]),
        st.sampled_from(["ES256", "HS256", "none", SIGNING_KEY.identifier]) | st.text(max_size=9),
    )
)
def test_no_header_makes_a_token_of_its_own(
    gateway: Gateway, send_raw: Callable[[bytes], bytes], header: dict[str, str]
) -> None:
    _, claims, signature = access_token().split(".")
    changed = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=")
    token = b".".join([changed, claims.encode(), signature.encode()])
    key = gateway.key("publishable").encode()
    headers = ((b"Authorization", b"Bearer " + token), (b"apikey", key))
    assert status_or_end(send_raw(request(b"/rest/v1/todos", *headers))) == 401
