"""What holds for the stack as a whole: health of every component, ports as configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.config.loading import load
from infra.config.section import ConfigurationError
from policies.operations import missing_health_check
from policies.properties import UNKNOWN, blocks, given, is_file_carrier, is_one_shot
from policies.resource_types import CONTAINER, CONTAINER_SERVICE
from policies.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.subject import Graph, Member


def components(graph: Graph) -> Iterator[tuple[Member, Violation]]:
    """Every component has one container that runs, and it is checked for health if it stays up."""
    containers = graph.of_type(CONTAINER)
    for component in graph.of_type(CONTAINER_SERVICE):
        running = [
            container
            for container in containers
            if container.parent == component.urn
            and given(container.properties, "start") is not False
        ]
        if len(running) != 1:
            yield (
                component,
                Violation(
                    "container",
                    f"is declared {len(running)} times",
                    "Declare one container for a component that runs",
                ),
            )
        for container in running:
            properties = container.properties
            stays_up = not is_one_shot(properties) and not is_file_carrier(properties)
            if stays_up and missing_health_check(properties):
                yield (
                    component,
                    Violation(
                        "healthcheck",
                        "is missing on the container that stays up",
                        "Give the specification a health check",
                    ),
                )


def published_ports(graph: Graph) -> Iterator[tuple[Member, Violation]]:
    """Every port of the host that a container takes is in the stack's configuration, once."""
    try:
        published = load(graph.configuration).published_ports()
    except ConfigurationError:
        return  # the program says what is wrong with it, and nothing is touched
    configured = {port: path for path, port in published.items()}
    taken: set[object] = set()
    for container in graph.of_type(CONTAINER):
        for position, port in blocks(container.properties, "ports"):
            external = given(port, "external")
            if external is UNKNOWN:
                continue
            path = f"ports[{position}].external"
            number = int(external) if isinstance(external, int | float) else None
            if number not in configured:
                yield (
                    container,
                    Violation(
                        path,
                        "is no port of the stack's configuration",
                        "Make it a setting in infra/config, listed by published_ports",
                    ),
                )
            elif number in taken:
                yield (
                    container,
                    Violation(
                        path,
                        f"is taken by another container too ({configured[number]})",
                        "Publish each configured port once",
                    ),
                )
            taken.add(number)
