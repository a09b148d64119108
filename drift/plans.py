"""What Pulumi itself says of the stack: its state, its own refresh, and what was not applied yet.

Both previews are read from the engine's event log, of which only names are kept: the resource, the
operation and the properties, never a value.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drift.finding import Finding, Remedy
from toolchain import engine_events, failure, paths
from toolchain import stack as stacks
from toolchain.errors import ToolchainError
from toolchain.processes import capture, last_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolchain.stack import Stack

LONGEST_SECONDS = 300
_UNCHANGED = frozenset({"same", "read", "refresh", ""})
_EVENTS = ("resourcePreEvent", "resOutputsEvent")
_INCIDENTAL = frozenset({"bridge", "containerLogs", "exitCode", "id", "networkDatas"})
"""Outputs of a container that change whenever it is started again."""


@dataclass(frozen=True)
class Change:
    """One resource that Pulumi would change: its name, the operation, and the properties."""

    resource: str
    operation: str
    properties: tuple[str, ...]


def deployment(stack: Stack) -> dict[str, Any]:
    """The stack's state with its secrets shown, held in memory only.

    Raises:
        ToolchainError: the state could not be read.
    """
    done = _capture(stack, "stack", "export", "--show-secrets")
    if done.returncode != 0:
        if "no stack named" in done.stderr:
            raise ToolchainError(
                f"there is no stack {stack.name}", f"make up STACK={stack.name} makes it."
            )
        raise ToolchainError(
            f"the state of stack {stack.name} could not be read",
            failure.sentence_for(done.stderr, stack.name),
            evidence=last_lines(done.stderr, 5),
        )
    exported: dict[str, Any] = json.loads(done.stdout).get("deployment") or {}
    return exported


def refreshed(stack: Stack) -> list[Change]:
    """What `pulumi refresh` would take into the state.

    Raises:
        ToolchainError: it failed.
    """
    return _previewed(stack, "refresh", "--preview-only")


def unapplied(stack: Stack) -> list[Change]:
    """What this checkout declares otherwise than the last update did.

    Raises:
        ToolchainError: it failed.
    """
    return _previewed(stack, "preview")


def changes(events: str) -> list[Change]:
    """The changes in an event log, one for each resource."""
    found: dict[str, Change] = {}
    for metadata in _metadata(events):
        operation = str(metadata.get("op") or "")
        detailed = metadata.get("detailedDiff") or {}
        names = {str(path).split(".")[0].split("[")[0] for path in detailed}
        properties = (names or set(map(str, metadata.get("diffs") or ()))) - _INCIDENTAL
        is_incidental = operation == "update" and not properties
        if operation in _UNCHANGED or is_incidental:
            continue
        urn = str(metadata["urn"])
        found[urn] = Change(urn.rsplit("::", 1)[-1], operation, tuple(sorted(properties)))
    return list(found.values())


def _metadata(events: str) -> Iterator[dict[str, Any]]:
    for event in engine_events.parse(events):
        for name in _EVENTS:
            if name in event:
                yield event[name]["metadata"]


def refresh_findings(found: Iterable[Change], reported: Iterable[str]) -> list[Finding]:
    """What Pulumi's refresh sees of resources that nothing else was found about."""
    known = set(reported)
    return [
        Finding(
            change.resource, "Pulumi's refresh", "as in the state", _words(change), Remedy.UPDATE
        )
        for change in found
        if change.resource not in known
    ]


def unapplied_findings(found: Iterable[Change]) -> list[Finding]:
    """What was declared in this checkout and never applied."""
    return [
        Finding(
            change.resource,
            "declaration not applied",
            _words(change),
            "as last applied",
            Remedy.APPLY_FIRST,
        )
        for change in found
    ]


def _words(change: Change) -> str:
    names = ", ".join(change.properties)
    return f"{change.operation}: {names}" if names else change.operation


def _capture(stack: Stack, *arguments: str) -> Any:  # noqa: ANN401
    with stacks.keeping_stack_file(stack):
        return capture(
            [str(stack.cli.executable), *arguments, "--stack", stack.name, "--non-interactive"],
            # The event log is one of the CLI's debugging options.
            environment={**stack.environment(), "PULUMI_DEBUG_COMMANDS": "true"},
            timeout_seconds=LONGEST_SECONDS,
        )


def _previewed(stack: Stack, operation: str, *options: str) -> list[Change]:
    folder = paths.make_private(paths.LOGS)
    with tempfile.TemporaryDirectory(dir=folder) as kept:
        log = Path(kept) / "events.json"
        done = _capture(stack, operation, *options, "--suppress-outputs", "--event-log", str(log))
        events = log.read_text(encoding="utf-8") if log.exists() else ""
    if done.returncode != 0:
        text = "\n".join(problem.message for problem in failure.problems(events)) or done.stderr
        raise ToolchainError(
            f"pulumi {operation} of stack {stack.name} failed",
            failure.sentence_for(text, stack.name),
            evidence=last_lines(text, 5),
        )
    return changes(events)
