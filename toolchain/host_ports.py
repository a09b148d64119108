"""Ports of the host that a preview would hand from one container to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolchain import engine_events
from toolchain.image_changes import CONTAINER_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping

_STARTS = frozenset({"create", "replace", "create-replacement"})


def handed_over(events: str) -> frozenset[str]:
    """Names of containers that are declared no more and leave a port to one that is started.

    Pulumi removes such a container last, when the other has not been able to start.

    Args:
        events: the event log of a preview, one JSON object a line.
    """
    left: dict[str, frozenset[int]] = {}
    taken: set[int] = set()
    for step in engine_events.steps(events, CONTAINER_TYPE):
        if step["op"] == "delete":
            old = step.get("old") or {}
            left[_name(old)] = _ports(old)
        elif step["op"] in _STARTS:
            taken |= _ports(step.get("new") or {})
    return frozenset(name for name, ports in left.items() if ports & taken)


def _name(state: Mapping[str, Any]) -> str:
    # One that Pulumi named has its name among the outputs alone.
    named = [(state.get(values) or {}).get("name") for values in ("outputs", "inputs")]
    return str(named[0] or named[1])


def _ports(state: Mapping[str, Any]) -> frozenset[int]:
    published = (state.get("inputs") or {}).get("ports") or ()
    # Numbers of a state are floating-point.
    return frozenset(int(port["external"]) for port in published if port.get("external"))
