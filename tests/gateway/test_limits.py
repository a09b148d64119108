"""Rate limits, sizes, paths that try to slip past a rule, and components that are away."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from .conftest import status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Gateway

pytestmark = pytest.mark.engine


def _limited(client: httpx.Client, key: dict[str, str], address: str) -> httpx.Response:
    return client.get("/limited/v1/", headers={**key, "X-Forwarded-For": address})


@pytest.fixture
def exhausted(client: httpx.Client, publishable: dict[str, str]) -> httpx.Response:
    """The refusal of the fourth of three requests a minute."""
    answers = [_limited(client, publishable, "198.51.100.1") for _ in range(5)]
    return answers[-1]


def test_too_many_requests(exhausted: httpx.Response) -> None:
    assert (exhausted.status_code, exhausted.json()["error"]["code"]) == (429, "rate_limited")


def test_refusal_says_when_to_come_again(exhausted: httpx.Response) -> None:
    assert exhausted.headers["retry-after"] == "20"


@pytest.mark.parametrize(
    ("name", "value"), [("x-ratelimit-limit", "3"), ("x-ratelimit-remaining", "2")]
)
def test_answer_says_what_is_left(
    client: httpx.Client, publishable: dict[str, str], name: str, value: str
) -> None:
    address = f"2001:db8:{len(name)}::1"
    assert _limited(client, publishable, address).headers[name] == value


@pytest.mark.usefixtures("exhausted")
def test_clients_are_counted_apart(client: httpx.Client, publishable: dict[str, str]) -> None:
    assert _limited(client, publishable, "198.51.100.2").status_code == 200


@pytest.mark.usefixtures("exhausted")
def test_client_cannot_choose_its_address_behind_the_trusted_proxy(
    client: httpx.Client, publishable: dict[str, str]
) -> None:
    answer = _limited(client, publishable, "203.0.113.9, 198.51.100.1")
    assert answer.status_code == 429


def test_addresses_of_one_ipv6_network_are_counted_together(
    client: httpx.Client, publishable: dict[str, str]
) -> None:
    answers = [_limited(client, publishable, f"2001:db8:ff::{host}") for host in range(1, 6)]
    assert answers[-1].status_code == 429


def test_client_cannot_choose_its_address_without_a_trusted_proxy(
    strict_client: httpx.Client, strict_gateway: Gateway
) -> None:
    key = {"apikey": strict_gateway.key("publishable")}
    answers = [_limited(strict_client, key, f"198.51.100.{host}") for host in range(5)]
    assert answers[-1].status_code == 429


def test_wrong_keys_are_counted(client: httpx.Client) -> None:
    answers = [_limited(client, {"apikey": "wrong"}, "198.51.100.50") for _ in range(5)]
    assert answers[-1].status_code == 429


def test_limit_can_be_off(
    start_gateway: Callable[..., Gateway], publishable: dict[str, str]
) -> None:
    gateway = start_gateway(rate_limits=False)
    answers = [httpx.get(f"{gateway.url}/limited/v1/", headers=publishable) for _ in range(5)]
    assert answers[-1].status_code == 200


@pytest.mark.parametrize("size", [0, 1, 1024])
def test_body_within_the_limit(
    client: httpx.Client, publishable: dict[str, str], size: int
) -> None:
    answer = client.post("/small/v1/", headers=publishable, content=b"x" * size)
    assert answer.json()["body_bytes"] == size


@pytest.mark.parametrize(
    "content",
    [b"x" * 1025, b"x" * 100_000, (b"x" * 600, b"x" * 600)],
    ids=["one byte more", "far more", "chunked"],
)
def test_body_beyond_the_limit(
    client: httpx.Client, publishable: dict[str, str], content: bytes | tuple[bytes, ...]
) -> None:
    answer = client.post("/small/v1/", headers=publishable, content=content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")


def test_default_body_limit_is_one_mebibyte(
    client: httpx.Client, publishable: dict[str, str]
) -> None:
    answer = client.post("/rest/v1/rpc/f", headers=publishable, content=b"x" * 1024 * 1024)
    assert answer.json()["body_bytes"] == 1024 * 1024


def test_body_of_a_request_without_key_is_not_waited_for(
    send_raw: Callable[[bytes], bytes],
) -> None:
    answer = send_raw(
        b"POST /rest/v1/todos HTTP/1.1\r\nHost: gateway\r\nContent-Length: 1000\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"X-Filler: " + b"x" * 40_000, b"431"),
        (b"\r\n".join(b"X-Filler-%d: x" % number for number in range(150)), b"431"),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"400"),
        (b"Content-Length: 5\r\nContent-Length: 6", b"400"),
        (b"Transfer-Encoding: xchunked", b"400"),
        (b"Header without colon", b"400"),
        (b"X-Null: a\x00b", b"400"),
    ],
    ids=["large header", "many headers", "two lengths", "two Content-Lengths",
         "unknown encoding", "no colon", "null byte"],
)  # fmt: skip
def test_unreadable_request_ends_cleanly(
    send_raw: Callable[[bytes], bytes], request_head: bytes, status: bytes
) -> None:
    answer = send_raw(b"POST /rest/v1/x HTTP/1.1\r\nHost: g\r\n" + request_head + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status + b" ")


@pytest.mark.parametrize(
    "path",
    [
        "/auth/v1//admin/users",
        "//auth/v1/admin/users",
        "/auth/v1/./admin/users",
        "/auth/v1/x/../admin/users",
        "/auth/v1/%2e/admin/users",
        "/auth/v1/x/%2e%2e/admin/users",
        "/auth/v1/x/.%2E/admin/users",
        "/rest/v1/../../auth/v1/admin/users",
        "/auth/v1/%61dmin/users",
        "/auth/v1/adm%69n/users",
        "/auth/v1/verify/../admin/users",
        "/auth/v1/admin?x=/verify",
        "/auth/v1/admin/?x",
        "/auth/v1/admin/.",
        "/auth/v1/x/../admin/.",
        "http://gateway/auth/v1/admin/users",
        "http://gateway//auth/v1/x/%2e%2e/admin/users",
        "http://elsewhere.example/auth/v1/admin/users",
    ],
)
def test_spelling_of_a_guarded_path_does_not_matter(
    send_raw: Callable[[bytes], bytes], gateway: Gateway, path: str
) -> None:
    assert _status(send_raw, gateway, path) == 403


@pytest.mark.parametrize(
    ("path", "difference"),
    [
        ("/auth/v1\\admin/users", "backslash"),
        ("/auth/v1/x\\..\\admin/users", "backslash"),
        ("http://user:password@gateway/auth/v1/admin/users", "user in the address"),
    ],
)
def test_unusual_spelling_of_a_guarded_path_does_not_pass(
    send_raw: Callable[[bytes], bytes], gateway: Gateway, path: str, difference: str
) -> None:
    assert _status(send_raw, gateway, path) == gateway.refusal(403, difference)


@pytest.mark.parametrize(
    "path",
    [
        "/auth/v1/x%2fadmin",
        "/auth/v1/x%2F..%2fadmin",
        "/auth/v1/%5cadmin",
        "/auth/v1%2fadmin",
        "/auth/v1/%00admin",
        "/auth/v1/admin#/verify",
        "/auth/v1/verify#/../admin",
        "/auth/v1/\tadmin",
        "auth/v1/admin",
    ],
)
def test_path_with_a_character_that_servers_read_differently_is_refused(
    send_raw: Callable[[bytes], bytes], gateway: Gateway, path: str
) -> None:
    assert _status(send_raw, gateway, path) == 400


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/auth/v1/admin;x/users", "/admin;x/users"),
        ("/auth/v1/admin./users", "/admin./users"),
        ("/auth/v1/administrator", "/administrator"),
        ("/auth/v1/%41dmin", "/Admin"),
        ("/auth/v1/ADMIN/users", "/ADMIN/users"),
        ("/auth/v1/%2561dmin/users", "/%2561dmin/users"),
        ("/auth/v1/%c0%aeadmin", "/%c0%aeadmin"),
        ("/rest/v1/todos?select=a%2Fb", "/todos?select=a%2Fb"),
    ],
)
def test_another_path_reaches_the_component_as_another_path(
    client: httpx.Client, publishable: dict[str, str], path: str, seen: str
) -> None:
    assert client.get(path, headers=publishable).json()["path"] == seen


@pytest.mark.parametrize(
    "path", ["/", "/rest", "/rest/v1x", "/rest/v10/todos", "/auth/v2/user", "/AUTH/v1/admin"]
)
def test_unknown_path(client: httpx.Client, publishable: dict[str, str], path: str) -> None:
    answer = client.get(path, headers=publishable)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_component_that_is_away(client: httpx.Client, publishable: dict[str, str]) -> None:
    answer = client.get("/down/v1/", headers=publishable)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upstream_unavailable")


def test_requests_beyond_what_a_component_takes_are_refused(
    gateway: Gateway, publishable: dict[str, str]
) -> None:
    def ask(_: int) -> int:
        url = f"{gateway.url}/narrow/v1/pause/1"
        return httpx.get(url, headers=publishable, timeout=10).status_code

    with ThreadPoolExecutor(8) as clients:
        # One on each thread of the gateway, and one that waits; the others are not kept waiting.
        assert set(clients.map(ask, range(8))) == {200, 503}


def test_health_needs_no_key(client: httpx.Client) -> None:
    assert client.get("/health/live").json() == {"status": "ok"}


def _status(send_raw: Callable[[bytes], bytes], gateway: Gateway, path: str) -> int | None:
    key = gateway.key("publishable")
    request = f"GET {path} HTTP/1.1\r\nHost: gateway\r\napikey: {key}\r\n\r\n"
    return status_of(send_raw(request.encode()))
