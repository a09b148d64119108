"""What the gateway sees of a request, and what the firewall takes for itself."""

from __future__ import annotations

import contextlib
import json
import select
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra.gateway.settings import Upstream
from tests.gateway.conftest import read_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.gateway.container import RunningContainer

pytestmark = pytest.mark.engine

FORGED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Real-IP": "203.0.113.7",
}


def _seen(client: httpx.Client, **headers: str) -> dict[str, Any]:
    answer = client.get("/rest/v1/todos", headers=headers)
    seen: dict[str, Any] = answer.json()["headers"]
    return seen


def test_client_cannot_say_where_it_comes_from(client: httpx.Client) -> None:
    assert not set(FORGED.values()) & set(_seen(client, **FORGED).values())


def test_gateway_sees_the_address_of_the_client(client: httpx.Client) -> None:
    assert _seen(client)["x-forwarded-for"].count(".") == 3


def test_address_from_a_trusted_proxy_is_added_to(start: Callable[..., RunningContainer]) -> None:
    firewall = start(trusted_proxies=1)
    with httpx.Client(base_url=f"http://127.0.0.1:{firewall.port}") as client:
        addresses = _seen(client, **FORGED)["x-forwarded-for"].split(", ")
    assert (addresses[0], len(addresses)) == ("203.0.113.7", 2)


@pytest.mark.parametrize("name", ["Authorization", "apikey", "Prefer", "X_Under_Score"])
def test_header_reaches_the_gateway_as_it_came(client: httpx.Client, name: str) -> None:
    assert _seen(client, **{name: "as it came"})[name.lower()] == "as it came"


@pytest.mark.parametrize("path", ["/rest/v1/a%20b", "/rest/v1//a", "/rest/v1", "/rest/v1/a;b=c"])
def test_path_reaches_the_gateway_as_it_came(client: httpx.Client, path: str) -> None:
    assert client.get(path).json()["path"] == path


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"a": 1', 400),
        (b'{"a": NaN}', 400),
        (b"[" * 5000 + b"]" * 5000, 400),
        (b'"' + b"x" * 1_048_576 + b'"', 413),
    ],
    ids=["cut off", "no JSON number", "deep", "large"],
)
def test_body_that_cannot_be_inspected_is_refused(
    client: httpx.Client, content: bytes, status: int
) -> None:
    answer = client.post(
        "/rest/v1/todos", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == status


def test_query_with_more_than_is_inspected_is_refused(client: httpx.Client) -> None:
    assert (
        client.get("/rest/v1/todos?" + "&".join(f"a{n}=1" for n in range(300))).status_code == 400
    )


def test_more_values_than_are_inspected_are_refused_where_no_rows_are(client: httpx.Client) -> None:
    body = {f"a{number}": number for number in range(1100)}
    assert client.post("/auth/v1/signup", json=body).status_code == 400


def test_bodies_that_do_not_end_are_counted(firewall: RunningContainer) -> None:
    head = b"POST /rest/v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 9\r\n\r\n"
    with contextlib.ExitStack() as held:
        opened = [
            held.enter_context(socket.create_connection(("127.0.0.1", firewall.port), timeout=10))
            for _ in range(520)
        ]
        for connection in opened:
            connection.sendall(head)
        answered, _, _ = select.select(opened, [], [], 10)
        assert read_answer(answered[0]).startswith(b"HTTP/1.1 429 ")


@pytest.fixture(scope="module")
def nothing_behind(start: Callable[..., RunningContainer]) -> Iterator[httpx.Client]:
    firewall = start(gateway=Upstream(host="127.0.0.1", port=1), requests_per_minute=3)
    with httpx.Client(base_url=f"http://127.0.0.1:{firewall.port}") as client:
        yield client


def test_gateway_that_is_away_is_said_to_be(nothing_behind: httpx.Client) -> None:
    answer = nothing_behind.get("/health/live")
    code = json.loads(answer.text)["error"]["code"]
    assert (answer.status_code, code) == (503, "upstream_unavailable")


def test_client_that_asks_for_more_than_the_gateway_gives_is_not_inspected(
    nothing_behind: httpx.Client,
) -> None:
    statuses = [nothing_behind.get("/rest/v1/x").status_code for _ in range(6)]
    assert statuses[-1] == 429
