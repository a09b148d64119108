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
