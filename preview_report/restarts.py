"""Which components restart, for how long they are away, and who feels it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from policies.resource_types import CONTAINER
from preview_report.changes import has_generated_name, is_file_carrier, is_one_shot
from toolchain.containers import COMPONENT_LABEL, declared_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from preview_report.recording import Step

START_SECONDS: Final = 2
"""What stopping an idle container, creating the next one and starting its program take together."""

_UNITS: Final[Mapping[str, float]] = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}
_DEFAULT_INTERVAL = _DEFAULT_TIMEOUT = 30.0
_DEFAULT_RETRIES = 3


@dataclass(frozen=True)
class Restart:
    """A component that is stopped and started again."""

    component: str
    likely_seconds: int
    """Until the first health check can succeed."""
    longest_seconds: int
    """Until the update gives up waiting for it."""
    felt_by: tuple[str, ...]
    """Components that depend on it and keep running meanwhile."""


@dataclass(frozen=True)
class Movement:
    """What happens to the containers of the stack."""

    restarts: tuple[Restart, ...]
    hands_over: tuple[str, ...]
    """Components that are replaced while they serve: the new container starts beside the old."""
    runs: tuple[str, ...]
    """One-shots that run, again or for the first time."""
    starts: tuple[str, ...]
    """Components that are new."""
    ends: tuple[str, ...]
    """Components that are removed."""


def seconds(duration: object) -> float | None:
    """A duration as Docker and Go write it (`1m30s`, `5s`, `500ms`) in seconds; None for others."""
    if isinstance(duration, int | float):
        return float(duration)
    if not isinstance(duration, str) or not re.fullmatch(r"(?:[\d.]+(?:h|ms|m|s))+", duration):
        return None
    found = re.findall(r"([\d.]+)(h|ms|m|s)", duration)
    return sum(float(number) * _UNITS[unit] for number, unit in found)


def likely_seconds(inputs: Mapping[str, Any]) -> int:
    """How long a replacement is likely to take: starting, then the first health check.

    Docker makes the first check one interval after the start.
    """
    return round(START_SECONDS + _health(inputs, "interval", _DEFAULT_INTERVAL))


def longest_seconds(before: Mapping[str, Any], after: Mapping[str, Any]) -> int:
    """How long a replacement takes at most: the old one's stop grace, then the new one's start.

    The start is over when the health check's start period and retries are used up, or when the
    provider stops waiting, whichever comes first.
    """
    grace = seconds(before.get("destroyGraceSeconds")) or 0
    interval = _health(after, "interval", _DEFAULT_INTERVAL)
    timeout = _health(after, "timeout", _DEFAULT_TIMEOUT)
    retries = _health(after, "retries", _DEFAULT_RETRIES)
    start = _health(after, "startPeriod", 0) + retries * (interval + timeout)
    wait = seconds(after.get("waitTimeout"))
    return round(grace + (min(start, wait) if wait else start))


def movement(steps: Sequence[Step]) -> Movement:
    """Judge every container of a preview."""
    containers = {
        _component(step): step
        for step in steps
        if step.type == CONTAINER and not is_file_carrier(step)
    }
    replaced = {name for name, step in containers.items() if step.operation == "replace"}
    created = {name for name, step in containers.items() if step.operation == "create"}
    deleted = {name for name, step in containers.items() if step.operation == "delete"}
    one_shots = {name for name, step in containers.items() if is_one_shot(step)}
    handing_over = {name for name in replaced if has_generated_name(containers[name])}
    away = replaced - one_shots - handing_over
    dependents = _dependents(steps, containers)
    return Movement(
        restarts=tuple(
            Restart(
                component=name,
                likely_seconds=likely_seconds(containers[name].inputs()),
                longest_seconds=longest_seconds(
                    containers[name].inputs(before=True), containers[name].inputs()
                ),
                felt_by=tuple(sorted(dependents[name] - one_shots - replaced - created - deleted)),
            )
            for name in sorted(away)
        ),
        hands_over=tuple(sorted(handing_over)),
        runs=tuple(sorted((replaced | created) & one_shots)),
        starts=tuple(sorted(created - one_shots)),
        ends=tuple(sorted(deleted - one_shots)),
    )


def _component(step: Step) -> str:
    return declared_labels(step.inputs()).get(COMPONENT_LABEL, step.name)


def _health(inputs: Mapping[str, Any], name: str, default: float) -> float:
    check = inputs.get("healthcheck")
    found = seconds(check.get(name)) if isinstance(check, Mapping) else None
    return default if found is None else found


def _dependents(
    steps: Iterable[Step], containers: Mapping[str, Step]
) -> Mapping[str, frozenset[str]]:
    """For each component, those whose containers depend on its container, directly or not."""
    needs = {
        step.urn: frozenset((step.new or step.old).dependencies)  # type: ignore[union-attr]  # one is there
        for step in steps
        if step.new or step.old
    }

    def everything_needed(urn: str) -> set[str]:
        found: set[str] = set()
        pending = [urn]
        while pending:
            for needed in needs.get(pending.pop(), ()):
                if needed not in found:
                    found.add(needed)
                    pending.append(needed)
        return found

    needed_by = {name: everything_needed(step.urn) for name, step in containers.items()}
    return {
        name: frozenset(
            other for other, needed in needed_by.items() if step.urn in needed and other != name
        )
        for name, step in containers.items()
    }
