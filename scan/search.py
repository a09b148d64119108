"""Looks for secrets in texts, and says where they are without saying what they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scan.known import Secret

_HIDDEN = "(hidden)"


@dataclass(frozen=True)
class Place:
    """A text and where it stands."""

    source: str
    """What was looked at, such as `state` or `container auth`."""

    path: str
    """Where in it."""

    text: str = field(repr=False)


@dataclass(frozen=True, order=True)
class Finding:
    """A secret that stands in clear. None of its parts ever holds the value."""

    source: str
    path: str
    owner: str
    """Whose secret it is."""


def texts(source: str, value: Any, path: str = "") -> Iterator[Place]:  # noqa: ANN401  any JSON
    """Every text in a JSON value, its keys included, as places."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            inner = f"{path}.{key}" if path else str(key)
            yield Place(source, inner, str(key))
            yield from texts(source, part, inner)
    elif isinstance(value, list):
        for position, part in enumerate(value):
            yield from texts(source, part, f"{path}[{position}]")
    elif isinstance(value, str):
        yield Place(source, path, value)


def find(places: Iterable[Place], secrets: Iterable[Secret]) -> list[Finding]:
    """Where which secrets stand, sorted, each place and secret once."""
    known = [(secret.owner, form) for secret in secrets for form in secret.forms]

    def masked(path: str) -> str:
        """A path that holds a secret itself, as the key of a mapping, is not shown."""
        return _HIDDEN if any(form in path for _, form in known) else path

    return sorted(
        {
            Finding(place.source, masked(place.path), owner)
            for place in places
            for owner, form in known
            if form in place.text
        }
    )
