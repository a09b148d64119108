"""The event log that Pulumi's engine keeps of a run: `--event-log FILE`, one JSON object a line.

Source: sdk/go/common/apitype/events.go of Pulumi 3.259.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def parse(log: str) -> Iterator[dict[str, Any]]:
    """The events of a log, in order."""
    for line in log.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # the last line of a run that was killed
        if isinstance(event, dict):
            yield event


def steps(log: str, resource_type: str) -> Iterator[dict[str, Any]]:
    """What the engine said before each step on a resource of a type, in order."""
    for event in parse(log):
        step = (event.get("resourcePreEvent") or {}).get("metadata") or {}
        if step.get("type") == resource_type:
            yield step
