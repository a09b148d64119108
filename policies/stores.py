"""What holds data: protected, and out of reach of everything but the services."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from policies.properties import UNKNOWN, blocks, component, elements, given, label
from policies.subject import Parameters
from policies.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.subject import Subject

_FILES_VOLUME = re.compile(r".+-files-[0-9a-f]{12}")
"""Name of a volume that carries a component's files; it is made anew with every change of them."""


class Stores(Parameters):
    """Of a policy that treats stores differently."""

    stores: tuple[str, ...] = ("postgres", "mongo", "redis", "object-store")
    """Components that hold data."""


class StoreNetworks(Stores):
    """Parameters of `stores-on-data-network`."""

    internal_network: str = "data"
    """Network of the stores, which nothing leaves and nothing enters from the host."""

    publishing_network: str = "backend"
    """Network that a store may be on besides, where it publishes a port: the engine publishes none
    of a container that is on internal networks alone."""


def volume_protected(subject: Subject[Stores]) -> Iterator[Violation]:
    """The data volume of a store is protected: Pulumi refuses to delete it."""
    owner, name = component(subject.properties), given(subject.properties, "name")
    if owner not in subject.parameters.stores or not isinstance(name, str):
        return
    if not _FILES_VOLUME.fullmatch(name) and not subject.protected:
        yield Violation(
            "protect", "is not set on the volume of a store", "Set plinth:protect_data to true"
        )


def _is_network(name: str, network: str) -> bool:
    """Whether an engine's network is the stack's network of that short name."""
    return name == network or name.endswith(f"-{network}")


def networks(subject: Subject[StoreNetworks]) -> Iterator[Violation]:
    """A store is on the internal network alone; one with a port also on the publishing one."""
    properties, parameters = subject.properties, subject.parameters
    if component(properties) not in parameters.stores or given(properties, "start") is False:
        return
    joined = [
        (position, given(network, "name"))
        for position, network in blocks(properties, "networksAdvanced")
    ]
    is_open = (
        given(properties, "networksAdvanced") is UNKNOWN
        or UNKNOWN in elements(properties, "networksAdvanced")
        or any(name is UNKNOWN for _, name in joined)
    )
    names = [(position, name) for position, name in joined if isinstance(name, str)]
    if not is_open and not any(_is_network(name, parameters.internal_network) for _, name in names):
        yield Violation(
            "networksAdvanced",
            "leaves out the internal network of the stores",
            f"Put the store on the network {parameters.internal_network}",
        )
    is_published = bool(given(properties, "ports"))
    for position, name in names:
        if _is_network(name, parameters.internal_network):
            continue
        if is_published and _is_network(name, parameters.publishing_network):
            continue
        yield Violation(
            f"networksAdvanced[{position}]",
            "lets a store be reached from outside the data network",
            f"Take it out; only a store with a port needs {parameters.publishing_network}",
        )


def internal(subject: Subject[StoreNetworks]) -> Iterator[Violation]:
    """The network of the stores is internal."""
    properties, network = subject.properties, subject.parameters.internal_network
    if label(properties, "plinth.component") != f"{network}-network":
        return
    if given(properties, "internal") not in (True, UNKNOWN):
        yield Violation("internal", "lets the stores reach the outside", "Set it to true")
