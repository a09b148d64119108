"""Reading a resource's properties without losing what is secret or not yet known.

The checks work on a plain tree: mappings, lists, strings, numbers, booleans and None, with two
additions. `UNKNOWN` stands for a value that the engine cannot know during a preview, and
`MarkedSecret` wraps a value that the program marked as secret. The engine marks a whole property:
one secret element makes the whole list `envs` a marked one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

Properties = Mapping[str, object]


class Unknown(Enum):
    """The type of `UNKNOWN`."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN
"""A value that is not known during a preview: nothing can be said against it yet."""


@dataclass(frozen=True)
class MarkedSecret:
    """A value that is encrypted in the state because the program marked it as secret."""

    value: object = field(repr=False)


def reveal(value: object) -> object:
    """The value itself, whether it is marked as secret or not."""
    return reveal(value.value) if isinstance(value, MarkedSecret) else value


def given(properties: Properties, name: str) -> object:
    """The property's value, `UNKNOWN`, or None when it is absent."""
    return reveal(properties.get(name))


def block(properties: Properties, name: str) -> Properties:
    """The property as a mapping; empty when it is absent, not known, or something else."""
    value = given(properties, name)
    return value if isinstance(value, Mapping) else {}


def elements(properties: Properties, name: str) -> Sequence[object]:
    """The elements of a list property, revealed; empty when it is absent or not known."""
    value = given(properties, name)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [reveal(element) for element in value]
    return ()


def blocks(properties: Properties, name: str) -> Sequence[tuple[int, Properties]]:
    """The mappings in a list property, each with its position."""
    return [
        (position, element)
        for position, element in enumerate(elements(properties, name))
        if isinstance(element, Mapping)
    ]


def hidden(value: object) -> bool:
    """Whether a value is beyond a check for plain text: marked as secret, or not known."""
    return isinstance(value, MarkedSecret) or value is UNKNOWN


def label(properties: Properties, name: str) -> object:
    """The value of a label, `UNKNOWN` where it may yet come, or None when there is none."""
    if given(properties, "labels") is UNKNOWN:
        return UNKNOWN
    found = blocks(properties, "labels")
    for _, entry in found:
        if given(entry, "label") == name:
            return given(entry, "value")
    is_open = UNKNOWN in elements(properties, "labels") or any(
        given(entry, "label") is UNKNOWN for _, entry in found
    )
    return UNKNOWN if is_open else None


def component(properties: Properties) -> str | Unknown | None:
    """The component that a resource belongs to, from its label `plinth.component`."""
    value = label(properties, "plinth.component")
    return value if isinstance(value, str | Unknown) else None


def environment(properties: Properties) -> Iterator[tuple[int, str, str]]:
    """The environment variables that are known, revealed: position, name and value."""
    for position, element in enumerate(elements(properties, "envs")):
        if isinstance(element, str):
            name, _, value = element.partition("=")
            yield position, name, value


def is_file_carrier(properties: Properties) -> bool:
    """Whether the container is, or may be, one that is never started and only carries files."""
    return given(properties, "start") in (False, UNKNOWN)


def is_one_shot(properties: Properties) -> bool:
    """Whether the container runs, or may run, once to its end instead of staying up."""
    return given(properties, "mustRun") in (False, UNKNOWN)
