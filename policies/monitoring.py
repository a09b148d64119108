"""Every component is watched where a monitor runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import yaml

from policies.properties import UNKNOWN, blocks, component, given, is_file_carrier, is_one_shot
from policies.resource_types import CONTAINER
from policies.subject import Exceptions
from policies.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.subject import Graph, Member

TARGETS = "targets"
"""What Prometheus calls the addresses that it watches: `static_configs[].targets`."""


class Monitoring(Exceptions):
    """Parameters of `components-monitored`."""

    monitor: str = "prometheus"
    """Component whose configuration files list the targets."""


def components(graph: Graph[Monitoring]) -> Iterator[tuple[Member, Violation]]:
    """Where the monitor runs, each component that stays up is among its targets.

    A stack without it, and one whose target list is not known yet, pass.
    """
    parameters = graph.parameters
    containers = {
        container.urn: component(container.properties) for container in graph.of_type(CONTAINER)
    }
    if parameters.monitor not in containers.values():
        return
    listed: set[str] = set()
    for container in graph.of_type(CONTAINER):
        if containers[container.urn] != parameters.monitor:
            continue
        for _, upload in blocks(container.properties, "uploads"):
            content = given(upload, "content")
            if content is UNKNOWN:
                return
            listed |= set(hosts(str(content)))
    for container in graph.of_type(CONTAINER):
        name = containers[container.urn]
        properties = container.properties
        stays_up = not is_one_shot(properties) and not is_file_carrier(properties)
        if stays_up and name not in listed and not parameters.exempt(name):
            yield (
                container,
                Violation(
                    "labels",
                    f"is in no target list of {parameters.monitor}",
                    "Add its address to the monitor's targets, or an exception with its reason",
                ),
            )


def hosts(configuration: str) -> Iterator[str]:
    """Host of every target in a file of the monitor; nothing where it is no YAML.

    Args:
        configuration: Its text. Targets are `host:port`, or URLs.
    """
    try:
        document = yaml.safe_load(configuration)
    except yaml.YAMLError:
        return
    for target in _targets(document):
        host = urlsplit(target if "//" in target else f"//{target}").hostname
        if host:
            yield host


def _targets(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            if name == TARGETS and isinstance(part, Sequence):
                yield from map(str, part)
            else:
                yield from _targets(part)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from _targets(part)
