"""The monitor: watches every component and stands in nobody's way.

What it watches follows from what is declared: each component's specification says how it is
watched, and here the list is made of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.observability import blackbox, prometheus
from infra.watch import Metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.container import ContainerService
    from infra.context import Context
    from infra.stores.endpoint import ExternalStore
    from infra.watch import Watch


def declare(
    context: Context, components: Sequence[ContainerService | ExternalStore]
) -> list[ContainerService]:
    """Declare the monitor of everything else that is declared; nothing unless it is enabled."""
    if not context.config.observability.enabled:
        return []
    probers_networks = blackbox.networks(
        component.networks
        for component in components
        if component.watch and not isinstance(component.watch, Metrics)
    )
    own_networks = prometheus.networks(
        (component.networks for component in components if isinstance(component.watch, Metrics)),
        prober=probers_networks,
    )
    return [
        blackbox.declare(context, probers_networks),
        prometheus.declare(context, watched(components), own_networks),
    ]


def watched(components: Sequence[ContainerService | ExternalStore]) -> dict[str, Watch]:
    """How each component is watched, by its name; one-shots are not."""
    declared = {component.component: component.watch for component in components if component.watch}
    return {**declared, blackbox.COMPONENT: blackbox.WATCH, prometheus.COMPONENT: prometheus.WATCH}
