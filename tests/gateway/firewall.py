"""The firewall in a container of its own, in front of whatever a test puts behind it."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra.container import FILES_DIRECTORY, RENEWED_FILES_DIRECTORY
from infra.gateway.settings import Upstream
from infra.gateway.waf import runtime
from infra.gateway.waf.component import MEMORY_MEBIBYTES
from infra.gateway.waf.nginx import render
from infra.gateway.waf.rules import render_rules
from infra.gateway.waf.settings import WafSettings

from .container import RunningContainer, address_of, run_docker, started

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from pathlib import Path

    from infra.gateway.routes import Route

STARTS_WITHIN_SECONDS = 30


def in_front_of(
    gateway: RunningContainer,
    folder: Path,
    fields: Mapping[str, Any],
    routes: tuple[Route, ...],
) -> RunningContainer:
    """Start a firewall in front of a gateway; both go when it is stopped.

    Args:
        gateway: A container, whose settings believe one proxy more.
        folder: Takes the firewall's files.
        fields: What the gateway's settings were made of.
        routes: The gateway's route table.
    """
    shared = ("trusted_proxies", "cors_origins", "secure", "client_limits")
    settings = WafSettings(
        gateway=Upstream(host=address_of(gateway), port=8000),
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
        _image(), *runtime.command(settings.gateway.host, tls=renewed is not None),
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
