"""The firewall in a container of its own, in front of whatever a test puts behind it."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra.container import FILES_DIRECTORY, RENEWED_FILES_DIRECTORY
from infra.gateway.waf import runtime
from infra.gateway.waf.component import MEMORY_MEBIBYTES
from infra.gateway.waf.nginx import render
from infra.gateway.waf.rules import render_rules
from infra.gateway.waf.settings import WafSettings

from .container import RunningContainer, run_docker, started

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from pathlib import Path

    from infra.gateway.routes import Route
    from infra.gateway.settings import Upstream

STARTS_WITHIN_SECONDS = 30


@dataclass(frozen=True)
class Difference:
    """A request that is answered in another way with the firewall in front."""

    status: int | None
    """None where the answer has none."""
    why: str


DIFFERENCES = {
    "header twice": Difference(
        400, "nginx refuses a second Authorization by itself; the gateway finds no key in the two"
    ),
    "folded header": Difference(
        400, "nginx refuses it; the gateway makes one line of the two (RFC 9112, section 5.2)"
    ),
    "backslash": Difference(400, "refused, where the gateway reads a slash: nginx does not"),
    "user in the address": Difference(400, "nginx refuses it; the gateway passes over it"),
    "unknown method": Difference(405, "refused as every method that is not served"),
    "HTTP/0.9": Difference(None, "nginx answers in HTTP/0.9, with a body and nothing else"),
    "HTTP/2 length": Difference(400, "nginx answers, where the gateway resets the stream"),
    "slow head": Difference(None, "nginx closes a connection that has sent no whole request"),
    "chunk ended by LF": Difference(
        200, "nginx reads it, and writes every body anew: the gateway sees no such chunk"
    ),
}
"""By name. All but the last are refusals as well."""


def in_front_of(
    gateway: RunningContainer,
    address: Upstream,
    folder: Path,
    fields: Mapping[str, Any],
    routes: tuple[Route, ...],
) -> RunningContainer:
    """Start a firewall in front of a gateway.

    Args:
        gateway: One whose settings believe one proxy more.
        address: Where it is reached from a container.
        folder: Takes the firewall's files.
        fields: What the gateway's settings were made of.
        routes: The gateway's route table.
    """
    shared = ("trusted_proxies", "cors_origins", "secure", "client_limits")
    settings = WafSettings(
        gateway=address,
        **{name: fields[name] for name in shared if name in fields},
    )
    firewall = start_firewall(folder, settings, routes)

    def read_log() -> str:
        return gateway.read_log() + firewall.read_log()

    return RunningContainer(gateway.identifier, firewall.port, read_log, firewall.stop)


def start_firewall(
    folder: Path,
    settings: WafSettings,
    routes: tuple[Route, ...],
    renewed: Path | None = None,
    trust: ssl.SSLContext | None = None,
) -> RunningContainer:
    """Start a firewall as the program does: read-only, without privileges.

    Args:
        folder: Takes its files.
        settings: What they are rendered from.
        routes: The same.
        renewed: Folder with certificate and key, where the settings say TLS.
        trust: Whose certificates are believed, where the settings say TLS.
    """
    folder.chmod(0o755)
    files = {
        runtime.CONFIGURATION_FILE: render(settings, routes),
        runtime.RULES_FILE: render_rules(settings),
        **runtime.fixed_files(),
    }
    for name, content in files.items():
        (folder / name).write_text(content)
        (folder / name).chmod(0o644)
    container = run_docker(
        "run", "--detach", "--init", "--read-only", "--cap-drop=ALL", "--user=33:33",
        "--tmpfs=/tmp:rw,size=64m", "--security-opt=no-new-privileges:true",
        f"--memory={MEMORY_MEBIBYTES}m",
        f"--volume={folder}:{FILES_DIRECTORY}:ro",
        *([f"--volume={renewed}:{RENEWED_FILES_DIRECTORY}:ro"] if renewed else []),
        "--add-host=host.docker.internal:host-gateway",
        f"--publish=127.0.0.1::{settings.listen_port}",
        _image(), *runtime.command(settings.gateway.host, settings.tls),
    )  # fmt: skip
    running = started(container, settings.listen_port)
    _wait_until_it_answers(running, trust)
    return running


def _image() -> str:
    """The firewall's image, built unless the engine holds it."""
    built = subprocess.run(
        [sys.executable, "-m", "infra.image_build", "waf"],
        check=True,
        capture_output=True,
        text=True,
    )
    return built.stdout.strip().splitlines()[-1]


def _wait_until_it_answers(running: RunningContainer, trust: ssl.SSLContext | None) -> None:
    scheme = "https" if trust else "http"
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        try:
            # Whatever the answer: what stands behind may be slower.
            httpx.get(f"{scheme}://127.0.0.1:{running.port}/health/live", verify=trust or True)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the firewall does not answer; its log:\n{running.read_log()}")
