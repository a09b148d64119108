"""A firewall in front of the echoing server: what comes through is seen as it came."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra.gateway.settings import Upstream
from infra.gateway.waf.settings import WafSettings
from tests.gateway.conftest import ORIGIN, TEST_ROUTES, WITHOUT_TLS, read_answer
from tests.gateway.firewall import start_firewall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.gateway.conftest import EchoServer
    from tests.gateway.container import RunningContainer


@pytest.fixture(scope="session")
def start(
    tmp_path_factory: pytest.TempPathFactory, echo: EchoServer
) -> Iterator[Callable[..., RunningContainer]]:
    """Start a firewall with the given settings; all are stopped at the end of the session."""
    running: list[RunningContainer] = []

    def run(**changes: Any) -> RunningContainer:
        fields: dict[str, Any] = {
            "gateway": Upstream(host="host.docker.internal", port=echo.server_address[1]),
            "cors_origins": (ORIGIN,),
            **changes,
        }
        folder = tmp_path_factory.mktemp("firewall")
        running.append(start_firewall(folder, WafSettings(**fields), TEST_ROUTES))
        return running[-1]

    yield run
    for firewall in running:
        firewall.stop()


@pytest.fixture(scope="session")
def firewall(start: Callable[..., RunningContainer]) -> RunningContainer:
    """Facing clients directly, as strict as by default."""
    return start()


@pytest.fixture
def client(firewall: RunningContainer) -> Iterator[httpx.Client]:
    # A body that comes without any key is refused by the gateway, and not inspected.
    with httpx.Client(
        base_url=f"http://127.0.0.1:{firewall.port}",
        headers={"apikey": "a key"},
        verify=WITHOUT_TLS,
        timeout=20,
    ) as http:
        yield http


@pytest.fixture
def firewall_raw(firewall: RunningContainer) -> Callable[[str, str, bytes], int]:
    """Send JSON to a path as it is written, and return the status of the answer."""

    def send(method: str, path: str, body: bytes) -> int:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", firewall.port), timeout=10) as connection:
            connection.sendall(head.encode() + body)
            return int(read_answer(connection).split()[1])

    return send
