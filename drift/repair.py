"""Puts drift right by taking away what drifted, so that an update makes it as declared.

An update that replaces a resource makes the new one first unless told otherwise, and a name can be
taken only once; a refresh that finds it gone makes it again under any provider. Data volumes are
never touched, nor are the anonymous volumes of what is removed.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docker.errors import APIError, NotFound

from drift.database import BOOTSTRAP
from drift.finding import Remedy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import docker

    from drift.declaration import Declaration
    from drift.finding import Finding

_STOP_SECONDS = 10
_PAUSED = "paused"
_NEEDS_UPDATE = frozenset(
    {
        Remedy.REPLACE,
        Remedy.REFILL,
        Remedy.REBUILD_NETWORK,
        Remedy.UPDATE,
        Remedy.DATABASE,
    }
)
REPAIRED = frozenset(Remedy) - {Remedy.BY_HAND, Remedy.APPLY_FIRST}
"""Remedies that `carry_out` and an update bring about."""


@dataclass(frozen=True)
class Plan:
    """What is done on the engine before the update, in this order.

    Attributes:
        tags: image id and the reference that it gets.
        containers: names or ids to stop and remove, dependants first.
        disconnections: network and container.
        networks: ids to remove.
        volumes: names of volumes that only hold declared files.
        needs_update: whether an update has to make something.
    """

    tags: tuple[tuple[str, str], ...] = ()
    containers: tuple[str, ...] = ()
    disconnections: tuple[tuple[str, str], ...] = ()
    networks: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    needs_update: bool = False


def plan(findings: Iterable[Finding], declaration: Declaration) -> Plan:
    """What puts the findings right."""
    by_remedy: dict[Remedy, list[Finding]] = {remedy: [] for remedy in Remedy}
    for finding in findings:
        by_remedy[finding.remedy].append(finding)
    volumes = _volumes_to_fill(by_remedy[Remedy.REFILL], declaration)
    rebuilt = {finding.component for finding in by_remedy[Remedy.REBUILD_NETWORK]}
    networks = {each.inputs.name for each in declaration.networks if each.resource in rebuilt}
    replaced = {finding.component for finding in by_remedy[Remedy.REPLACE]}
    names = [
        container.name
        # The state lists what others depend on first.
        for container in reversed(declaration.containers)
        if container.resource in replaced
        or container.networks & networks
        or container.volumes & volumes
        or (container.resource == BOOTSTRAP and by_remedy[Remedy.DATABASE])
    ]
    # One that was given another name is known by its id alone.
    identifiers = [finding.target for finding in by_remedy[Remedy.REPLACE] if finding.target]
    strays = [finding.target for finding in by_remedy[Remedy.REMOVE_CONTAINER]]
    return Plan(
        tags=tuple(_pair(finding.target) for finding in by_remedy[Remedy.TAG]),
        containers=tuple(dict.fromkeys([*strays, *names, *identifiers])),
        disconnections=tuple(_pair(finding.target) for finding in by_remedy[Remedy.DETACH]),
        networks=tuple(
            dict.fromkeys(
                finding.target
                for remedy in (Remedy.REMOVE_NETWORK, Remedy.REBUILD_NETWORK)
                for finding in by_remedy[remedy]
                if finding.target
            )
        ),
        volumes=tuple(sorted(volumes)),
        needs_update=any(by_remedy[remedy] for remedy in _NEEDS_UPDATE),
    )


def _volumes_to_fill(findings: Iterable[Finding], declaration: Declaration) -> frozenset[str]:
    targets = {finding.target for finding in findings}
    return frozenset(
        volume
        for carrier in declaration.containers
        if carrier.is_carrier and targets & {carrier.name, *carrier.volumes}
        for volume in carrier.volumes
    )


def _pair(target: str) -> tuple[str, str]:
    first, _, second = target.partition(" ")
    return first, second


def carry_out(
    planned: Plan, client: docker.DockerClient, grace: dict[str, int], say: Callable[[str], None]
) -> None:
    """Do on the engine what was planned; what is gone already is no failure.

    Args:
        planned: what to do.
        client: the engine.
        grace: seconds that a container is given to stop, by name.
        say: is told every step before it is taken.
    """
    for identifier, reference in planned.tags:
        say(f"giving {reference} back to {identifier.removeprefix('sha256:')[:12]}")
        repository, _, tag = reference.rpartition(":")
        client.api.tag(identifier, repository, tag)
    for reference in planned.containers:
        _remove_container(client, reference, grace, say)
    for network, container in planned.disconnections:
        with contextlib.suppress(NotFound):
            say(f"disconnecting container {client.containers.get(container).name}")
            client.api.disconnect_container_from_network(container, network, force=True)
    for identifier in planned.networks:
        _remove_network(client, identifier, say)
    for name in planned.volumes:
        with contextlib.suppress(NotFound):
            say(f"removing volume {name}, which holds declared files only")
            client.api.remove_volume(name)


def _remove_container(
    client: docker.DockerClient, reference: str, grace: dict[str, int], say: Callable[[str], None]
) -> None:
    try:
        container = client.containers.get(reference)
    except NotFound:
        return
    say(f"removing container {container.name}")
    if container.status == _PAUSED:
        container.unpause()
    with contextlib.suppress(NotFound):
        container.stop(timeout=grace.get(str(container.name), _STOP_SECONDS))
        container.remove(v=False, force=True)


def _remove_network(
    client: docker.DockerClient, identifier: str, say: Callable[[str], None]
) -> None:
    try:
        network = client.networks.get(identifier)
    except NotFound:
        return
    say(f"removing network {network.name}")
    for container in network.attrs.get("Containers") or {}:
        with contextlib.suppress(NotFound, APIError):
            network.disconnect(container, force=True)
    network.remove()
