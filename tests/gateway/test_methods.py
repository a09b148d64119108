"""Methods: whatever a request asks to do, the same rules hold for its path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .conftest import status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from .conftest import Gateway

pytestmark = pytest.mark.engine

PATHS = (
    "/health/live",
    "/rest/v1",
    "/rest/v1/todos",
    "/auth/v1/token",
    "/auth/v1/verify",
    "/auth/v1/admin",
    "/auth/v1/admin/users",
    "/auth/v1/metrics",
    "/auth/v1/health/ready",
    "/nowhere",
)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", PATHS)
class TestPathIsGuardedForEveryMethod:
    def test_without_key(self, client: httpx.Client, method: str, path: str) -> None:
        assert client.request(method, path).status_code == client.get(path).status_code

    def test_with_key(
        self, client: httpx.Client, publishable: dict[str, str], method: str, path: str
    ) -> None:
        answer = client.request(method, path, headers=publishable)
        assert answer.status_code == client.get(path, headers=publishable).status_code


def test_method_of_another_name_by_header_does_nothing(
    client: httpx.Client, publishable: dict[str, str]
) -> None:
    headers = {**publishable, "X-HTTP-Method-Override": "DELETE"}
    seen = client.get("/rest/v1/todos", headers=headers).json()["headers"]
    assert "x-http-method-override" not in seen


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "LOCK"])
def test_other_method_is_refused(
    client: httpx.Client, publishable: dict[str, str], method: str
) -> None:
    answer = client.request(method, "/rest/v1/todos", headers=publishable)
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


def test_refusal_of_a_method_says_which_there_are(client: httpx.Client) -> None:
    assert "PATCH" in client.request("TRACE", "/rest/v1/todos").headers["allow"].split(", ")


@pytest.fixture
def refused_request_line(
    send_raw: Callable[[bytes], bytes], gateway: Gateway
) -> Callable[..., Any]:
    """Send a request that starts with the given words; the status of the answer."""
    rest = f" HTTP/1.1\r\nHost: g\r\napikey: {gateway.key('publishable')}\r\n\r\n".encode()
    return lambda words: status_of(send_raw(words + rest))


@pytest.mark.parametrize("words", [b"CONNECT rest:3000", b"get /rest/v1/todos"])
def test_tunnel_and_unreadable_method_end_cleanly(
    refused_request_line: Callable[..., Any], words: bytes
) -> None:
    assert refused_request_line(words) == 400


def test_unknown_method_ends_cleanly(
    refused_request_line: Callable[..., Any], gateway: Gateway
) -> None:
    status = refused_request_line(b"EVIL /rest/v1/todos")
    assert status == gateway.refusal(400, "unknown method")


@pytest.mark.parametrize("protocol", ["websocket", "WebSocket", "h3", "websocket, h2c"])
@pytest.mark.parametrize("key", ["publishable", "secret"])
def test_upgrade_on_a_plain_route_is_refused(
    send_raw: Callable[[bytes], bytes], gateway: Gateway, protocol: str, key: str
) -> None:
    answer = send_raw(
        (
            f"GET /rest/v1/todos HTTP/1.1\r\nHost: g\r\napikey: {gateway.key(key)}\r\n"
            f"Connection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
        ).encode()
    )
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "headers",
    [
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n",
        b"Upgrade: websocket\r\n",
    ],
    ids=["h2c", "without Connection"],
)
def test_upgrade_that_is_none_never_reaches_the_component(
    send_raw: Callable[[bytes], bytes], gateway: Gateway, headers: bytes
) -> None:
    key = gateway.key("publishable").encode()
    answer = send_raw(
        b"GET /auth/v1/user HTTP/1.1\r\nHost: g\r\napikey: " + key + b"\r\n" + headers + b"\r\n"
    )
    assert (answer.startswith(b"HTTP/1.1 200 "), b'"upgrade"' in answer) == (True, False)
