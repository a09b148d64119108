"""The prober: asks components that have no metrics of their own whether they serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from infra.container import FILES_DIRECTORY, ContainerService, ContainerSpec
from infra.watch import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infra.context import Context

COMPONENT = "blackbox"
PORT = 9115
WATCH = Metrics(PORT)

_CONFIGURATION_FILE = "blackbox.yaml"
_TIMEOUT = "5s"


def configuration() -> str:
    """The modules, one for each kind of probe.

    Source: https://github.com/prometheus/blackbox_exporter/blob/v0.26.0/CONFIGURATION.md
    """
    modules = {
        "http": {
            "prober": "http",
            "timeout": _TIMEOUT,
            "http": {"preferred_ip_protocol": "ip4", "follow_redirects": False},
        },
        "tcp": {
            "prober": "tcp",
            "timeout": _TIMEOUT,
            "tcp": {"preferred_ip_protocol": "ip4"},
        },
    }
    return yaml.safe_dump({"modules": modules}, sort_keys=False)


def networks(probed: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Networks on which the prober reaches everything that it probes.

    Whoever reaches the prober can have it try addresses, so it stays off `backend`, where the
    gateway is, unless something is reached there alone.

    Args:
        probed: The networks of each probed component.
    """
    needed = {"data" if "data" in names else names[0] for names in probed}
    return tuple(sorted(needed)) or ("data",)


def declare(context: Context, on: Sequence[str]) -> ContainerService:
    """Declare the prober.

    Args:
        context: The environment.
        on: Its networks.
    """
    return ContainerService(
        ContainerSpec(
            component=COMPONENT,
            image=context.images.reference(COMPONENT),
            user="65534:65534",
            command=(f"--config.file={FILES_DIRECTORY}/{_CONFIGURATION_FILE}",),
            files={_CONFIGURATION_FILE: configuration()},
            networks=on,
            health=context.images.health_check(COMPONENT),
            watch=WATCH,
            memory_mebibytes=64,
            cpu_shares=128,
        ),
        context.site,
    )
