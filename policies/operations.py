"""What keeps a container operable: limits, health, logs, restart and a graceful stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.properties import (
    UNKNOWN,
    block,
    component,
    elements,
    given,
    is_file_carrier,
    is_one_shot,
)
from policies.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.properties import Properties

STORES = frozenset({"postgres", "mongo", "redis", "object-store"})
"""Components that write to disk until the end of a graceful stop."""

STORE_STOP_SECONDS = 30
"""Least time, in seconds, that a store is given to stop."""

ROTATION_OPTIONS: dict[str, tuple[str, ...]] = {
    "json-file": ("max-size", "max-file"),
    "local": (),  # rotates by itself: 5 files of 20 MB
}
"""Log drivers that can be read back with `docker logs`, each with its rotation options."""


def _is_positive(value: object) -> bool:
    """Whether a limit is set; a limit that is not known yet counts as set."""
    return value is UNKNOWN or (isinstance(value, int | float) and value > 0)


def memory(properties: Properties) -> Iterator[Violation]:
    """A container has a limit for memory and one for memory with swap, in MB."""
    for name in ("memory", "memorySwap"):
        if not _is_positive(given(properties, name)):
            yield Violation(name, "sets no limit", "Set memory and memorySwap to the same MB")
    limit, with_swap = given(properties, "memory"), given(properties, "memorySwap")
    if not (isinstance(limit, int | float) and isinstance(with_swap, int | float)):
        return
    if 0 < with_swap < limit:
        yield Violation("memorySwap", "is below memory", "Set it to the value of memory")


def cpu_shares(properties: Properties) -> Iterator[Violation]:
    """A container has a weight for the CPU, so that none starves the others."""
    if not _is_positive(given(properties, "cpuShares")):
        yield Violation("cpuShares", "is not set", "Set a weight; 1024 is the engine's default")


def health_check(properties: Properties) -> Iterator[Violation]:
    """A container that stays up has a health check."""
    if is_one_shot(properties) or is_file_carrier(properties):
        return
    declared = given(properties, "healthcheck")
    tests = given(block(properties, "healthcheck"), "tests")
    if UNKNOWN in (declared, tests):
        return
    commands = elements(block(properties, "healthcheck"), "tests")
    if not commands or commands[0] == "NONE":
        yield Violation(
            "healthcheck",
            "is missing",
            "Give a command that exists in the image as healthcheck.tests",
        )


def log_rotation(properties: Properties) -> Iterator[Violation]:
    """A container's log cannot fill the disk."""
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


def restart(properties: Properties) -> Iterator[Violation]:
    """A container that stays up comes back after a crash; a one-shot one does not repeat."""
    policy = given(properties, "restart")
    if policy is UNKNOWN or is_file_carrier(properties):
        return
    if is_one_shot(properties):
        if policy not in (None, "no", "on-failure"):
            yield Violation("restart", "repeats a one-shot container", 'Set it to "no"')
    elif policy not in ("unless-stopped", "always"):
        yield Violation(
            "restart", "does not bring the container back", 'Set it to "unless-stopped"'
        )


def stop_grace(properties: Properties) -> Iterator[Violation]:
    """A container that stays up may stop gracefully; a store has `STORE_STOP_SECONDS` for it.

    `stopTimeout` is what the engine grants, `destroyGraceSeconds` what Pulumi grants when it
    replaces or destroys the container; without the latter Pulumi kills at once.
    """
    if is_one_shot(properties) or is_file_carrier(properties):
        return
    least = STORE_STOP_SECONDS if component(properties) in STORES else 1
    for name in ("stopTimeout", "destroyGraceSeconds"):
        value = given(properties, name)
        if value is not UNKNOWN and not (isinstance(value, int | float) and value >= least):
            problem = "is too short for a store" if least > 1 else "is not set"
            yield Violation(name, problem, f"Set it to {least} seconds or more")
