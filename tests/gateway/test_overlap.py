"""Two containers under one name, while one takes over from the other.

The host stands for both: one server on the address of the engine's default network, the other on
that of a network of the test's own, both on the same port.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import docker
import httpx
import pytest

from infra.gateway.settings import Upstream

from .conftest import Echo, Gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

pytestmark = pytest.mark.engine

REQUESTS = 40
NOTICED_SECONDS = 3
"""The gateway asks for health every second, and nothing outside says when it has."""
PATH = "/twin/v1/things"


@dataclass
class Twin:
    """One of the two: a server whose behaviour a test changes."""

    server: ThreadingHTTPServer
    ready: bool = True
    drops: bool = False
    unavailable: bool = False
    seen: list[str] = field(default_factory=list)
    """Paths of the requests, those for its health left out."""

    @classmethod
    def start(cls, address: str, port: int) -> Twin:
        class Handler(Echo):
            def _echo(self) -> None:
                if self.path == "/health/ready":
                    self._end(200 if twin.ready else 503)
                    return
                twin.seen.append(self.path)
                if twin.drops:
                    self.close_connection = True
                elif twin.unavailable:
                    self._end(503)
                else:
                    super()._echo()

            def _end(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        twin = cls(ThreadingHTTPServer((address, port), Handler))
        threading.Thread(target=twin.server.serve_forever, daemon=True).start()
        return twin

    def stop(self) -> None:
        """Take no connections any more."""
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[str, str]]:
    engine: Any = docker.from_env()
    network = engine.networks.create(f"gateway-test-{uuid4().hex[:8]}")
    try:
        found = [
            engine.networks.get(name).attrs["IPAM"]["Config"][0]["Gateway"]
            for name in ("bridge", network.id)
        ]
        yield found[0], found[1]
    finally:
        network.remove()


@pytest.fixture
def twins(addresses: tuple[str, str]) -> Iterator[tuple[Twin, Twin]]:
    """The one that stays, and the one that leaves."""
    staying = Twin.start(addresses[0], 0)
    leaving = Twin.start(addresses[1], staying.server.server_address[1])
    yield staying, leaving
    staying.stop()
    leaving.stop()


@pytest.fixture
def twin_client(
    start_gateway: Callable[..., Gateway],
    twins: tuple[Twin, Twin],
    addresses: tuple[str, str],
) -> Iterator[httpx.Client]:
    """Client of a gateway that sends to both by now."""
    gateway = start_gateway(
        hosts=[("twin", address) for address in addresses],
        upstreams={"twin": Upstream(host="twin", port=twins[0].server.server_address[1])},
    )
    with httpx.Client(
        base_url=gateway.url, headers={"apikey": gateway.key("publishable")}, timeout=10
    ) as client:
        deadline = time.monotonic() + 10
        while not all(twin.seen for twin in twins):
            client.get(PATH)
            assert time.monotonic() < deadline, gateway.read_log()
        yield client


def statuses(
    client: httpx.Client, method: str, headers: Mapping[str, str] | None = None
) -> list[int]:
    return [
        client.request(method, f"{PATH}/{number}", headers=headers).status_code
        for number in range(REQUESTS)
    ]


@pytest.mark.parametrize("behaviour", ["drops", "unavailable"])
def test_a_read_that_one_container_fails_is_answered_by_the_other(
    twin_client: httpx.Client, twins: tuple[Twin, Twin], behaviour: str
) -> None:
    setattr(twins[1], behaviour, True)
    assert statuses(twin_client, "GET") == [200] * REQUESTS


@pytest.mark.parametrize(
    "headers", [{}, {"X-Envoy-Retry-On": "reset"}], ids=["as it comes", "asking for it by header"]
)
def test_a_write_that_a_container_has_seen_is_never_repeated(
    twin_client: httpx.Client, twins: tuple[Twin, Twin], headers: dict[str, str]
) -> None:
    for twin in twins:
        twin.seen.clear()
    twins[1].drops = True
    statuses(twin_client, "POST", headers)
    assert sorted([*twins[0].seen, *twins[1].seen]) == sorted(
        f"/things/{number}" for number in range(REQUESTS)
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_request_is_lost_to_a_container_that_is_gone(
    twin_client: httpx.Client, twins: tuple[Twin, Twin], method: str
) -> None:
    twins[1].stop()
    assert statuses(twin_client, method) == [200] * REQUESTS


def test_a_container_that_is_not_ready_gets_no_request(
    twin_client: httpx.Client, twins: tuple[Twin, Twin]
) -> None:
    twins[1].ready = False
    time.sleep(NOTICED_SECONDS)
    twins[1].seen.clear()
    statuses(twin_client, "POST")
    assert twins[1].seen == []


def test_a_container_that_fails_request_after_request_is_left_out(
    twin_client: httpx.Client, twins: tuple[Twin, Twin]
) -> None:
    twins[1].unavailable = True
    # Five failures in a row, on each of the gateway's threads that find out at the same time.
    assert statuses(twin_client, "POST").count(503) <= REQUESTS // 4


def test_a_component_that_is_not_ready_answers_for_itself(
    twin_client: httpx.Client, twins: tuple[Twin, Twin]
) -> None:
    for twin in twins:
        twin.ready = False
    time.sleep(NOTICED_SECONDS)
    assert statuses(twin_client, "GET") == [200] * REQUESTS
