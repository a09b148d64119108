"""The gateway in its container: what others reach, how it is checked, and how it stops."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra.catalog import CATALOG
from infra.gateway.envoy import runtime
from infra.gateway.envoy.bootstrap import render
from infra.gateway.settings import GatewaySettings, Upstream

from .conftest import default_settings, start_container, wait_until_it_answers
from .container import address_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import EchoServer
    from .container import RunningContainer

pytestmark = pytest.mark.engine

ADMIN_PORT = 9901
METRICS_PORT = 9902


@pytest.fixture(scope="module")
def settings() -> GatewaySettings:
    fields: dict[str, Any] = default_settings()
    return GatewaySettings(**fields, admin_port=ADMIN_PORT)


@pytest.fixture(scope="module")
def container(
    gateway_image: str, tmp_path_factory: pytest.TempPathFactory, settings: GatewaySettings
) -> Iterator[RunningContainer]:
    folder = tmp_path_factory.mktemp("container") / "files"
    folder.mkdir(mode=0o755)
    (folder / runtime.CONFIGURATION_FILE).write_text(render(settings))
    (folder / runtime.START_FILE).write_text(runtime.START_SCRIPT)
    running = start_container(gateway_image, folder, settings)
    wait_until_it_answers(running.port, running.read_log)
    yield running
    running.stop()


def test_health_check_passes(container: RunningContainer) -> None:
    check = CATALOG["gateway"].health_check("packages")
    assert _run("docker", "exec", container.identifier, *check).returncode == 0


def test_admin_is_not_reached_from_another_container(
    container: RunningContainer, gateway_image: str
) -> None:
    assert _connect(container, gateway_image, ADMIN_PORT).returncode != 0


def test_public_port_is_reached_from_another_container(
    container: RunningContainer, gateway_image: str
) -> None:
    result = _connect(container, gateway_image, 8000)
    assert result.returncode == 0, result.stderr


def test_envoy_accepts_the_configuration_without_a_warning(
    gateway_image: str, tmp_path: Path, settings: GatewaySettings
) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "envoy.yaml").write_text(render(settings))
    (tmp_path / "envoy.yaml").chmod(0o644)
    result = _run(
        "docker", "run", "--rm", f"--volume={tmp_path}:/files:ro", gateway_image,
        "envoy", "--mode", "validate", "--log-level", "warning", "--disable-hot-restart",
        "--config-path", "/files/envoy.yaml",
    )  # fmt: skip
    assert (result.returncode, "warning" in result.stderr) == (0, False), result.stderr


async def _hold(address: str, count: int) -> str:
    """Hold connections that have each had an answer, and ask for one more; its first line."""
    held = []
    for _ in range(0, count, 500):
        held += await asyncio.gather(
            *(asyncio.open_connection(address, 8000, limit=1024) for _ in range(500))
        )
    for _, writer in held:
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: g\r\n\r\n")
    for reader, _ in held:
        await reader.readuntil(b"}")
    reader, writer = await asyncio.open_connection(address, 8000)
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: g\r\n\r\n")
    answer = await reader.readline()
    for _, writer in held:
        writer.transport.abort()
    return answer.decode().strip()


def test_ten_thousand_idle_connections(container: RunningContainer) -> None:
    # The container's own address: the engine's port forwarding has a limit of its own.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    assert asyncio.run(_hold(address_of(container), 10_000)) == "HTTP/1.1 200 OK"


@pytest.mark.parametrize("path", ["/", "/stats", "/config_dump", "/metrics/../config_dump"])
def test_metrics_port_shows_nothing_else(container: RunningContainer, path: str) -> None:
    answer = httpx.get(f"http://{address_of(container)}:{METRICS_PORT}{path}")
    assert answer.status_code == 404


def test_metrics_port_changes_nothing(container: RunningContainer) -> None:
    answer = httpx.post(f"http://{address_of(container)}:{METRICS_PORT}/metrics")
    assert answer.status_code == 404


def test_metrics_are_per_route(container: RunningContainer) -> None:
    httpx.get(f"http://127.0.0.1:{container.port}/rest/v1/todos")
    text = httpx.get(f"http://{address_of(container)}:{METRICS_PORT}/metrics").text
    assert (
        'envoy_vhost_route_upstream_rq_total{envoy_virtual_host="gateway",envoy_route="rest"'
        in text
    )


def _connect(
    container: RunningContainer, image: str, port: int
) -> subprocess.CompletedProcess[str]:
    return _run(
        "docker", "run", "--rm", image, "timeout", "5", "bash", "-c",
        f"exec 3<>/dev/tcp/{address_of(container)}/{port}",
    )  # fmt: skip


def test_request_under_way_is_answered_after_a_stop(
    gateway_image: str, tmp_path: Path, settings: GatewaySettings, echo: EchoServer
) -> None:
    folder = tmp_path / "files"
    folder.mkdir(mode=0o755)
    upstream = Upstream(host="host.docker.internal", port=echo.server_address[1])
    stopped = settings.model_copy(update={"upstreams": {"rest": upstream}})
    (folder / runtime.CONFIGURATION_FILE).write_text(render(stopped))
    (folder / runtime.START_FILE).write_text(runtime.START_SCRIPT)
    running = start_container(gateway_image, folder, stopped)
    wait_until_it_answers(running.port, running.read_log)
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(
            httpx.get,
            f"http://127.0.0.1:{running.port}/rest/v1/pause/2.75",
            headers={"apikey": stopped.api_keys[0].value.get_secret_value()},
            timeout=20,
        )
        while "/pause/2.75" not in echo.seen:
            time.sleep(0.05)
        stop = _run("docker", "stop", "--time=30", running.identifier)
    code = _run("docker", "inspect", "--format", "{{.State.ExitCode}}", running.identifier)
    running.stop()
    assert (answer.result().status_code, stop.returncode, code.stdout.strip()) == (200, 0, "0")


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, check=False, capture_output=True, text=True)
