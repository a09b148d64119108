"""How long the stack takes to start, as the engine's own events tell it."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.environment import LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment import Environment

NANOSECONDS = 1e9


@dataclass(frozen=True)
class ComponentStart:
    """When a component was created and ready, in seconds after `pulumi up` was called.

    Ready is healthy or, for a one-shot, ended.
    """

    component: str
    created: float
    ready: float


@dataclass(frozen=True)
class Start:
    """A start of the whole stack with warm images."""

    components: tuple[ComponentStart, ...]
    healthy: float
    """Seconds from calling `pulumi up` to the last component's readiness."""
    command: float
    """Seconds that `pulumi up` took."""


def _is_ready(event: dict[str, Any]) -> bool:
    role = event["Actor"]["Attributes"].get("plinth.role")
    action = event["Action"]
    return bool(action == ("die" if role == "one-shot" else "health_status: healthy"))


@contextlib.contextmanager
def _recording(environment: Environment) -> Iterator[list[dict[str, Any]]]:
    """Collect the events of the stack's containers."""
    events: list[dict[str, Any]] = []
    stream = environment.engine.events(decode=True, filters={"type": "container", "label": LABEL})
    reader = threading.Thread(target=lambda: events.extend(stream), daemon=True)
    reader.start()
    try:
        yield events
    finally:
        stream.close()
        reader.join(timeout=5)


def measure(environment: Environment) -> Start:
    """Remove the stack's containers, bring it up again and say what took how long."""
    environment.remove_containers()
    with _recording(environment) as events:
        called = time.time()
        command = environment.up("--refresh")
    created: dict[str, float] = {}
    ready: dict[str, float] = {}
    for event in events:
        attributes = event["Actor"]["Attributes"]
        if attributes.get("plinth.role") == "files":
            continue
        component = attributes["plinth.component"]
        after = event["timeNano"] / NANOSECONDS - called
        if event["Action"] == "create":
            created[component] = after
        elif _is_ready(event):
            ready.setdefault(component, after)
    components = [
        ComponentStart(component, created[component], ready[component]) for component in created
    ]
    components.sort(key=lambda start: start.ready)
    return Start(tuple(components), max(ready.values()), command)
