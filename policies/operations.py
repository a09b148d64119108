"""What keeps a container operable: limits, health, logs, restart and a graceful stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from policies.properties import (
    UNKNOWN,
    block,
    component,
    elements,
    given,
    is_file_carrier,
    is_one_shot,
)
from policies.stores import Stores
from policies.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.properties import Properties
    from policies.subject import Subject

ROTATION_OPTIONS: dict[str, tuple[str, ...]] = {
    "json-file": ("max-size", "max-file"),
    "local": (),  # rotates by itself: 5 files of 20 MB
}
"""Log drivers that can be read back with `docker logs`, each with its rotation options."""


def _is_positive(value: object) -> bool:
    """Whether a limit is set; a limit that is not known yet counts as set."""
    return value is UNKNOWN or (isinstance(value, int | float) and value > 0)


def memory(subject: Subject) -> Iterator[Violation]:
    """A container has a limit for memory and one for memory with swap, in MB."""
    properties = subject.properties
    for name in ("memory", "memorySwap"):
        if not _is_positive(given(properties, name)):
            yield Violation(name, "sets no limit", "Set memory and memorySwap to the same MB")
    limit, with_swap = given(properties, "memory"), given(properties, "memorySwap")
    if not (isinstance(limit, int | float) and isinstance(with_swap, int | float)):
        return
    if 0 < with_swap < limit:
        yield Violation("memorySwap", "is below memory", "Set it to the value of memory")


def cpu_shares(subject: Subject) -> Iterator[Violation]:
    """A container has a weight for the CPU, so that none starves the others."""
    properties = subject.properties
    if not _is_positive(given(properties, "cpuShares")):
        yield Violation("cpuShares", "is not set", "Set a weight; 1024 is the engine's default")


def missing_health_check(properties: Properties) -> bool:
    """Whether it is known that a container has no health check."""
    declared = given(properties, "healthcheck")
    tests = given(block(properties, "healthcheck"), "tests")
    if UNKNOWN in (declared, tests):
        return False
    commands = elements(block(properties, "healthcheck"), "tests")
    return not commands or commands[0] == "NONE"


def health_check(subject: Subject) -> Iterator[Violation]:
    """A container that stays up has a health check."""
    properties = subject.properties
    if is_one_shot(properties) or is_file_carrier(properties):
        return
    if missing_health_check(properties):
        yield Violation(
            "healthcheck",
            "is missing",
            "Give a command that exists in the image as healthcheck.tests",
        )


def log_rotation(subject: Subject) -> Iterator[Violation]:
    """A container's log cannot fill the disk."""
    properties = subject.properties
    driver = given(properties, "logDriver")
    if driver is UNKNOWN:
        return
    if driver not in ROTATION_OPTIONS:
        drivers = " or ".join(sorted(ROTATION_OPTIONS))
        yield Violation("logDriver", "is not one that rotates here", f"Set it to {drivers}")
        return
    if given(properties, "logOpts") is UNKNOWN:
        return
    for option in ROTATION_OPTIONS[str(driver)]:
        if not given(block(properties, "logOpts"), option):
            yield Violation(f'logOpts["{option}"]', "is missing", "Set it, for example 10m and 3")


def restart(subject: Subject) -> Iterator[Violation]:
    """A container that stays up comes back after a crash; a one-shot one does not repeat."""
    properties = subject.properties
    policy = given(properties, "restart")
    if UNKNOWN in (policy, given(properties, "mustRun")) or is_file_carrier(properties):
        return
    if is_one_shot(properties):
        if policy not in (None, "no", "on-failure"):
            yield Violation("restart", "repeats a one-shot container", 'Set it to "no"')
    elif policy not in ("unless-stopped", "always"):
        yield Violation(
            "restart", "does not bring the container back", 'Set it to "unless-stopped"'
        )


class StopGrace(Stores):
    """Parameters of `stop-grace-sufficient`."""

    seconds: Annotated[int, Field(ge=1)] = 1
    """Least time that a component is given to stop."""

    store_seconds: Annotated[int, Field(ge=1)] = 30
    """Least time that a store is given to stop: it writes to disk until the end."""


def stop_grace(subject: Subject[StopGrace]) -> Iterator[Violation]:
    """A container that stays up may stop gracefully; a store has longer for it.

    `stopTimeout` is what the engine grants, `destroyGraceSeconds` what Pulumi grants when it
    replaces or destroys the container; without the latter Pulumi kills at once.
    """
    properties = subject.properties
    if is_one_shot(properties) or is_file_carrier(properties):
        return
    is_store = component(properties) in subject.parameters.stores
    least = subject.parameters.store_seconds if is_store else subject.parameters.seconds
    for name in ("stopTimeout", "destroyGraceSeconds"):
        value = given(properties, name)
        if value is not UNKNOWN and not (isinstance(value, int | float) and value >= least):
            problem = "is too short for a store" if is_store else "is not set or too short"
            yield Violation(name, problem, f"Set it to {least} seconds or more")
