"""Prometheus: collects what the components say, keeps it, and judges it by rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from infra.container import (
    FILES_DIRECTORY,
    ContainerService,
    ContainerSpec,
    DataVolume,
    PublishedPort,
)
from infra.observability import blackbox
from infra.observability.scraping import RULES_FILE, configuration
from infra.watch import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from infra.context import Context
    from infra.watch import Watch

COMPONENT = "prometheus"
PORT = 9090
WATCH = Metrics(PORT)
RULES = Path(__file__).with_name(RULES_FILE)

_CONFIGURATION_FILE = "prometheus.yaml"
_MEMORY_MEBIBYTES = 384


def files(watched: Mapping[str, Watch]) -> dict[str, str]:
    """Content by file name: the configuration and the rules.

    Args:
        watched: How each component is watched, by its name; this one and the prober included.
    """
    return {
        _CONFIGURATION_FILE: configuration(watched, f"{blackbox.COMPONENT}:{blackbox.PORT}"),
        RULES_FILE: RULES.read_text(encoding="utf-8"),
    }


def command(data_directory: str, retention_days: int) -> list[str]:
    """Flags of the server. Those that would let a client change or end it are off by default."""
    return [
        f"--config.file={FILES_DIRECTORY}/{_CONFIGURATION_FILE}",
        f"--storage.tsdb.path={data_directory}",
        f"--storage.tsdb.retention.time={retention_days}d",
        f"--web.listen-address=0.0.0.0:{PORT}",
    ]


def networks(scraped: Iterable[Sequence[str]], prober: Sequence[str]) -> tuple[str, ...]:
    """Networks on which it reaches everything that it asks.

    `backend` is always one: a container on internal networks alone cannot publish its port.

    Args:
        scraped: The networks of each component with metrics.
        prober: The prober's networks.
    """
    needed = {"backend", prober[0]}
    for names in scraped:
        if needed.isdisjoint(names):
            needed.add(names[0])
    return tuple(sorted(needed))


def declare(context: Context, watched: Mapping[str, Watch], on: Sequence[str]) -> ContainerService:
    """Declare the server. It waits for nothing, and nothing waits for it.

    Args:
        context: The environment.
        watched: How each component is watched, by its name; this one and the prober included.
        on: Networks on which it reaches them.
    """
    settings = context.config.observability
    data_directory = context.images.data_directory(COMPONENT)
    return ContainerService(
        ContainerSpec(
            component=COMPONENT,
            image=context.images.reference(COMPONENT),
            user="65534:65534",
            command=command(data_directory, settings.retention_days),
            # The garbage collector works harder before the limit, instead of being ended by it.
            environment={"GOMEMLIMIT": f"{_MEMORY_MEBIBYTES * 9 // 10}MiB"},
            files=files(watched),
            volumes=[DataVolume("prometheus-data", data_directory)],
            networks=on,
            ports=[PublishedPort(PORT, settings.port)],
            health=context.images.health_check(COMPONENT),
            watch=WATCH,
            memory_mebibytes=_MEMORY_MEBIBYTES,
            cpu_shares=256,
            stop_grace_seconds=30,
        ),
        context.site,
    )
