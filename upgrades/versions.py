"""What a publisher says about a pin, and how versions are compared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from upgrades.pins import Pin

_NUMBERS = re.compile(r"\d+")


class UnreachableError(Exception):
    """A publisher could not be asked; a few words on why."""


@dataclass(frozen=True)
class Answer:
    """The newest versions that a publisher has. The pinned one where none is newer."""

    in_series: str
    """Of the pinned version's series."""
    newest: str
    """Of all."""


def newest(pin: Pin, published: Iterable[str]) -> Answer:
    """The newest of the published versions, by PEP 440, which orders those of npm and Go as well.

    What is no version (`latest`, a Go pseudo-version) and, unless one is pinned, what is not yet
    released does not count. A mirror may not list the pinned version itself.
    """
    pinned = Version(pin.version)
    found = {pinned: pin.version}
    for text in published:
        try:
            version = Version(text)
        except InvalidVersion:
            continue
        if version > pinned and (pinned.is_prerelease or not version.is_prerelease):
            found[version] = text
    series = [version for version in found if _series(version, pin) == _series(pinned, pin)]
    return Answer(found[max(series)], found[max(found)])


def _series(version: Version, pin: Pin) -> tuple[int, ...]:
    return version.release[: pin.series]


def same_form(tag: str, others: Iterable[str]) -> list[str]:
    """Those tags that are written like a tag: `17.6` → `17.12`, neither `17.6-alpine` nor `17`."""
    form = re.compile(r"\d+".join(map(re.escape, _NUMBERS.split(tag))))
    return [other for other in others if form.fullmatch(other)]
