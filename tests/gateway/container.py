"""Containers of the gateway's tests."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class RunningContainer:
    """A started gateway or firewall, whatever runs it."""

    identifier: str
    port: int
    read_log: Callable[[], str]
    stop: Callable[[], None]


def run_docker(*arguments: str) -> str:
    """What a Docker command printed."""
    return subprocess.run(
        ["docker", *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def started(container: str, port: int) -> RunningContainer:
    """A container that was started with a port of its own on the host's loopback address."""

    def read_log() -> str:
        output = subprocess.run(
            ["docker", "logs", container], check=True, capture_output=True, text=True
        )
        return output.stdout + output.stderr

    def stop() -> None:
        run_docker("rm", "--force", "--volumes", container)

    published = run_docker("port", container, str(port))
    return RunningContainer(
        container, int(published.splitlines()[0].rsplit(":", 1)[1]), read_log, stop
    )


def address_of(container: RunningContainer) -> str:
    """A container's address in the engine's own network."""
    return run_docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", container.identifier)


def engine_address() -> str:
    """The host's address in the engine's own network."""
    gateway = "{{(index .IPAM.Config 0).Gateway}}"
    return run_docker("network", "inspect", "--format", gateway, "bridge")
