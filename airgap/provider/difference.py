"""What changed between two sets of inputs, property by property."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import zip_longest
from typing import Final

from airgap.provider.values import Value


class Kind(Enum):
    """How one property differs."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True)
class PropertyDifference:
    """A difference of one property and whether it replaces the resource."""

    kind: Kind
    replaces: bool


@dataclass(frozen=True)
class Difference:
    """The outcome of a comparison.

    Attributes:
        properties: Property path (``ports[0].external``) to its difference.
        delete_before_replace: Whether the old resource must be gone before the new one is made.
    """

    properties: Mapping[str, PropertyDifference] = field(default_factory=dict)
    delete_before_replace: bool = False

    @property
    def replaces(self) -> list[str]:
        """The top-level properties that replace the resource, sorted."""
        return sorted(
            {top_level(path) for path, found in self.properties.items() if found.replaces}
        )

    @property
    def changed(self) -> list[str]:
        """The top-level properties that differ, sorted."""
        return sorted({top_level(path) for path in self.properties})


def top_level(path: str) -> str:
    """Return the first part of a property path."""
    return path.partition(".")[0].partition("[")[0]


def _as_is(_key: str, value: Value) -> Value:
    return value


def always_replaces(_key: str) -> bool:
    """Say that a change of any property replaces the resource."""
    return True


_ABSENT: Final = object()


def compare(
    old: Mapping[str, Value],
    new: Mapping[str, Value],
    *,
    replaces: Callable[[str], bool],
    canonical: Callable[[str, Value], Value] = _as_is,
    delete_before_replace: bool = False,
) -> Difference:
    """Compare the inputs of a resource.

    Args:
        old: The inputs that the resource was made from.
        new: The inputs that the program asks for.
        replaces: Whether a change of the named top-level property replaces the resource.
        canonical: Gives the form in which two values of a property are equal when they mean the
            same, for instance a sorted list for a set.
        delete_before_replace: Passed on into the result.
    """
    found: dict[str, PropertyDifference] = {}
    for key in sorted(old.keys() | new.keys()):
        if key.startswith("__"):
            continue
        before, after = old.get(key), new.get(key)
        if canonical(key, before) == canonical(key, after):
            continue
        replacing = replaces(key)
        for path, kind in _walk(key, before, after):
            found[path] = PropertyDifference(kind, replacing)
    return Difference(found, delete_before_replace)


def _walk(path: str, before: object, after: object) -> Iterator[tuple[str, Kind]]:
    """Yield the paths at and below ``path`` that differ; null counts as absent."""
    if before == after:
        return
    if before is _ABSENT or before is None:
        yield path, Kind.ADD
    elif after is _ABSENT or after is None:
        yield path, Kind.DELETE
    else:
        yield from list(_walk_children(path, before, after)) or [(path, Kind.UPDATE)]


def _walk_children(path: str, before: object, after: object) -> Iterator[tuple[str, Kind]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            if not key.startswith("__"):
                step = f"{path}{_step(key)}"
                yield from _walk(step, before.get(key, _ABSENT), after.get(key, _ABSENT))
    elif isinstance(before, list) and isinstance(after, list):
        pairs = zip_longest(before, after, fillvalue=_ABSENT)
        for index, (old_item, new_item) in enumerate(pairs):
            yield from _walk(f"{path}[{index}]", old_item, new_item)


def _step(key: str) -> str:
    return f".{key}" if key.replace("_", "").isalnum() else f'["{key}"]'
