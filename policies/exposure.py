"""Nothing but the gateway is reachable from other machines."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from policies.properties import UNKNOWN, blocks, component, given
from policies.subject import Parameters
from policies.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.subject import Subject


class Published(Parameters):
    """Parameters of `only-gateway-published`."""

    components: tuple[str, ...] = ("gateway", "waf")
    """Components that may be published on any address."""


def _is_loopback(address: object) -> bool:
    """Whether a port's host address is a loopback one; no address means every address."""
    try:
        return ipaddress.ip_address(str(address)).is_loopback
    except ValueError:
        return False


def published_ports(subject: Subject[Published]) -> Iterator[Violation]:
    """Only the gateway or the firewall in front of it publishes a port beyond loopback.

    Nothing publishes all its ports.
    """
    properties = subject.properties
    if given(properties, "publishAllPorts") is True:
        yield Violation(
            "publishAllPorts",
            "publishes every port of the image on every address",
            "Leave it out and list the ports that are needed",
        )
    if component(properties) in (*subject.parameters.components, UNKNOWN):
        return
    for position, port in blocks(properties, "ports"):
        address = given(port, "ip")
        if address is UNKNOWN or _is_loopback(address):
            continue
        problem = (
            "is published on every address" if address is None else "is not a loopback address"
        )
        mend = 'Set it to "127.0.0.1", or reach the component through the gateway'
        yield Violation(f"ports[{position}].ip", problem, mend)
