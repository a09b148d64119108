"""The three networks of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_docker as docker

if TYPE_CHECKING:
    from collections.abc import Mapping

INTERNAL: Mapping[str, bool] = {
    "edge": False,  # what clients reach: the gateway
    "backend": False,  # the gateway and the services behind it
    "data": True,  # the stores; no way out, and no way in from the host
}
"""Whether each network is cut off from the outside."""


def declare(stack: str) -> dict[str, docker.Network]:
    """Declare the networks of a stack, by name."""
    return {
        name: docker.Network(
            f"{name}-network",
            name=f"plinth-{stack}-{name}",
            driver="bridge",
            internal=internal,
            labels=[
                docker.NetworkLabelArgs(label="plinth.component", value=f"{name}-network"),
                docker.NetworkLabelArgs(label="plinth.stack", value=stack),
            ],
        )
        for name, internal in INTERNAL.items()
    }
