"""Which components a preview would give another image, read from the engine's event log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolchain import engine_events
from toolchain.containers import COMPONENT_LABEL, ROLE_LABEL, declared_labels

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTAINER_TYPE = "docker:index/container:Container"


@dataclass(frozen=True)
class ImageChange:
    """A component whose container, which keeps data in a volume, gets another image."""

    component: str
    before: str
    after: str
    """Empty where it is not known before the image is made."""


def of_stores(events: str) -> tuple[ImageChange, ...]:
    """The components with data of their own that get another image, by name.

    A container that is gone counts too: what it ran is what the state remembers.

    Args:
        events: the event log of a preview, one JSON object a line.
    """
    before: dict[str, str] = {}
    found: dict[str, ImageChange] = {}
    for step in engine_events.steps(events, CONTAINER_TYPE):
        urn = step["urn"]
        old, new = _inputs(step.get("old")), _inputs(step.get("new"))
        if "image" in old:
            before.setdefault(urn, str(old["image"]))
        if step["op"] == "refresh" or not _keeps_data(new):
            continue
        after = str(new.get("image") or "")
        if urn in before and after != before[urn]:
            component = declared_labels(new)[COMPONENT_LABEL]
            found[component] = ImageChange(component, before[urn], after)
    return tuple(found[name] for name in sorted(found))


def _inputs(state: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return (state or {}).get("inputs") or {}


def _keeps_data(inputs: Mapping[str, Any]) -> bool:
    """Whether a container writes to a volume: those that carry files are mounted read-only."""
    if declared_labels(inputs).get(ROLE_LABEL) == "files":
        return False
    return any(
        mount.get("volumeName") and not mount.get("readOnly")
        for mount in inputs.get("volumes") or ()
    )
