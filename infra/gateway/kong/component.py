"""The gateway's container where Kong runs in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from infra.catalog import CATALOG
from infra.container import (
    FILES_DIRECTORY,
    RENEWED_FILES_DIRECTORY,
    ContainerSpec,
    HealthCheck,
)
from infra.gateway.kong.declarative import render
from infra.gateway.kong.environment import CONFIGURATION_FILE, Node, environment
from infra.gateway.settings import STOP_GRACE_SECONDS
from infra.watch import Metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from infra.container import PublishedPort
    from infra.context import Context
    from infra.gateway.certificates import Certificate
    from infra.gateway.settings import GatewaySettings

ENGINE = "kong"

START_FILE = "start.sh"
_START_SCRIPT = Path(__file__).with_name(START_FILE).read_text(encoding="utf-8")

_RUN = ("/docker-entrypoint.sh", "kong", "docker-start")
"""What the image runs by itself."""

_USER = "1000:1000"
"""Kong writes below its prefix only, so that it runs as anybody."""

_MEMORY_MEBIBYTES = 1024
_PREFIX_SIZE = "256m"
"""Of the container's memory: nginx puts a body there that is larger than its buffer."""


def container(
    context: Context,
    settings: pulumi.Output[GatewaySettings],
    node: Node,
    certificate: Certificate | None,
    ports: Sequence[PublishedPort],
) -> ContainerSpec:
    """The container of Kong.

    Args:
        context: The environment.
        settings: What the declarative file is rendered from; a secret.
        node: What is not in that file.
        certificate: What it shows clients; None for plain HTTP.
        ports: What the host publishes.
    """
    start = ("bash", f"{FILES_DIRECTORY}/{START_FILE}", RENEWED_FILES_DIRECTORY, *_RUN)
    return ContainerSpec(
        component="gateway",
        image=context.images.alternative("gateway", ENGINE),
        user=_USER,
        command=start if certificate else _RUN[1:],
        environment=environment(node),
        files={
            CONFIGURATION_FILE: settings.apply(render),
            **({START_FILE: _START_SCRIPT} if certificate else {}),
        },
        renewed_files=certificate.files if certificate else {},
        temporary={"/tmp": f"rw,size={_PREFIX_SIZE}"},  # noqa: S108 - the container's own, in memory
        networks=("edge", "backend"),
        ports=ports,
        health=HealthCheck(CATALOG["gateway"].alternatives[ENGINE].health_check, timeout_seconds=5),
        watch=Metrics(node.metrics_port),
        memory_mebibytes=_MEMORY_MEBIBYTES,
        cpu_shares=1024,
        stop_grace_seconds=STOP_GRACE_SECONDS,
    )
