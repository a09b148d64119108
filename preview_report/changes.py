"""What happens to each resource, in a reviewer's terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from policies.resource_types import CONTAINER, IMAGE, NETWORK, REMOTE_IMAGE, TAG, VOLUME
from preview_report.disclosure import NOTES, SECRET, shown
from toolchain.containers import COMPONENT_LABEL, ROLE_LABEL, declared_labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from preview_report.recording import Step

OPERATIONS: Final[Mapping[str, str]] = {
    "create": "created",
    "update": "changed",
    "replace": "replaced",
    "delete": "deleted",
    "same": "unchanged",
}
"""What the engine does → how the report says it. A refresh or a read changes nothing outside."""

KINDS: Final[Mapping[str, str]] = {
    CONTAINER: "container",
    VOLUME: "volume",
    NETWORK: "network",
    IMAGE: "image",
    REMOTE_IMAGE: "image",
    TAG: "image",
}
IDENTIFYING: Final = ("label", "containerPath", "file", "internal", "name")
"""By which member an entry of a list is told from the others: labels, mounts, files, ports,
networks."""

SHARED: Final[Mapping[str, str]] = {"network": "networks", "image": "images", "secret": "secrets"}
"""What resources that serve several components are listed under, by kind."""


@dataclass(frozen=True)
class PropertyChange:
    """One property before and after, fit to be shown."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """What happens to one resource."""

    outcome: str
    """`created`, `changed`, `replaced` or `deleted`."""
    component: str
    kind: str
    name: str
    properties: tuple[PropertyChange, ...]
    """For what is changed or replaced."""


def kind_of(step: Step) -> str:
    """What a resource is: `container`, `volume`, `network`, `image`, `secret`, or its type."""
    if step.type.startswith("random:"):
        return "secret"
    return KINDS.get(step.type, step.type)


def component_of(step: Step) -> str:
    """The component that a resource belongs to, or what it is listed under."""
    kind = kind_of(step)
    if kind in SHARED:
        return SHARED[kind]
    return declared_labels(step.inputs()).get(COMPONENT_LABEL, "other")


def is_file_carrier(step: Step) -> bool:
    """Whether a container only brings files into a volume; it is created and never started."""
    return step.type == CONTAINER and declared_labels(step.inputs()).get(ROLE_LABEL) == "files"


def is_one_shot(step: Step) -> bool:
    """Whether a container runs to its end once."""
    return step.type == CONTAINER and declared_labels(step.inputs()).get(ROLE_LABEL) == "one-shot"


def has_generated_name(step: Step) -> bool:
    """Whether the provider names the resource, so that a replacement can stand beside it."""
    return "name" in step.inputs().get("__defaults", ())


def change_of(step: Step) -> Change | None:
    """What happens to a resource; None where nothing does."""
    outcome = OPERATIONS.get(step.operation)
    if outcome is None or outcome == "unchanged":
        return None
    is_kept = outcome in {"changed", "replaced"}
    return Change(
        outcome=outcome,
        component=component_of(step),
        kind=kind_of(step),
        name=step.name,
        properties=property_changes(step) if is_kept else (),
    )


def property_changes(step: Step) -> tuple[PropertyChange, ...]:
    """The inputs that differ, by name; lists of pairs by the pair's name."""
    before, after = step.inputs(before=True), step.inputs()
    # A generated name is another one in every preview.
    left_out = NOTES | {"name"} if has_generated_name(step) else NOTES
    names = sorted({*before, *after, *step.changed, *step.replacing} - left_out)
    found: list[PropertyChange] = []
    for name in names:
        old, new = before.get(name), after.get(name)
        if old != new:
            found += _differences(name, old, new)
        elif name in step.changed or name in step.replacing:
            # Equal where shown: the difference is inside a secret, or in what the engine reports.
            place = SECRET if SECRET in str(new) else "another value on the engine"
            found.append(PropertyChange(name, place, shown(name, new)))
    return tuple(found)


def _differences(name: str, old: Any, new: Any) -> list[PropertyChange]:  # noqa: ANN401  (any JSON)
    parts_before, parts_after = _parts(old), _parts(new)
    if parts_before is None or parts_after is None:
        return [PropertyChange(name, shown(name, old), shown(name, new))]
    return [
        PropertyChange(
            f"{name} {part}",
            shown(part, parts_before.get(part)),
            shown(part, parts_after.get(part)),
        )
        for part in sorted({*parts_before, *parts_after})
        if parts_before.get(part) != parts_after.get(part)
    ]


def _parts(value: Any) -> dict[str, Any] | None:  # noqa: ANN401  (any JSON)
    """Named parts: variables of an environment, pairs of labels, members of an object."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return {str(key): part for key, part in value.items() if key not in NOTES}
    if not isinstance(value, list) or not value:
        return {} if value == [] else None
    if all(isinstance(entry, dict) for entry in value):
        return _named(value)
    if all(isinstance(entry, str) and "=" in entry for entry in value):
        return dict(entry.split("=", 1) for entry in value)
    return None


def _named(entries: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Entries of a list by what tells them apart; None where nothing does."""
    for member in IDENTIFYING:
        names = [entry[member] for entry in entries if isinstance(entry.get(member), str | int)]
        if len(set(names)) == len(entries):
            return {str(entry[member]): _rest(entry, without=member) for entry in entries}
    return None


def _rest(entry: dict[str, Any], *, without: str) -> Any:  # noqa: ANN401  (any JSON)
    """What an entry says besides its name; a single member stands for itself."""
    rest = {key: part for key, part in entry.items() if key not in {without, *NOTES}}
    return next(iter(rest.values())) if len(rest) == 1 else rest
