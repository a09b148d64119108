"""The end of the firewall's container."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.gateway.container import run_docker

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gateway.container import RunningContainer

pytestmark = pytest.mark.engine


def test_request_under_way_ends_before_the_container_does(
    start: Callable[..., RunningContainer],
) -> None:
    firewall = start()
    with ThreadPoolExecutor() as threads:
        url = f"http://127.0.0.1:{firewall.port}/pause/2"
        under_way = threads.submit(httpx.get, url, timeout=20)
        time.sleep(0.5)
        run_docker("stop", "--time=30", firewall.identifier)
        exit_code = run_docker("inspect", "--format={{.State.ExitCode}}", firewall.identifier)
        assert (under_way.result().status_code, exit_code) == (200, "0")
