"""The table that `make upgrades` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from upgrades.versions import Answer, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upgrades.pins import Pin

_HEAD: Final = ("USED BY", "PROGRAM", "PINNED", "SAME SERIES", "NEWEST", "PINNED IN")
_NOTHING_NEWER: Final = "-"


def is_newer(pin: Pin, answer: Answer | UnreachableError) -> bool:
    """Whether there is a newer version than the pinned one."""
    return isinstance(answer, Answer) and {answer.in_series, answer.newest} != {pin.version}


def render(answers: Mapping[Pin, Answer | UnreachableError]) -> str:
    """The table, then where the newer versions' release notes are, then a summary."""
    lines = _aligned([_HEAD, *(_row(pin, answer) for pin, answer in answers.items())])
    newer = [pin for pin, answer in answers.items() if is_newer(pin, answer)]
    if newer:
        notes = dict.fromkeys((pin.program, pin.used_by, pin.release_notes) for pin in newer)
        lines += ["", "Release notes:"]
        lines += [f"  {used_by}, {program}: {url}" for program, used_by, url in notes]
    unasked = sum(isinstance(answer, UnreachableError) for answer in answers.values())
    lines += ["", _summary(len(answers), len(newer), unasked)]
    return "".join(f"{line}\n" for line in lines)


def _row(pin: Pin, answer: Answer | UnreachableError) -> tuple[str, ...]:
    start = (pin.used_by, pin.program, pin.version)
    if isinstance(answer, UnreachableError):
        return (*start, f"not known: {answer}")
    found = (_unless_pinned(pin, answer.in_series), _unless_pinned(pin, answer.newest))
    return (*start, *found, pin.pinned_in)


def _unless_pinned(pin: Pin, version: str) -> str:
    return _NOTHING_NEWER if version == pin.version else version


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    whole = [row for row in rows if len(row) == len(_HEAD)]
    widths = [max(len(row[column]) for row in whole) for column in range(len(_HEAD))]
    # The first columns hold those rows too that could not be asked about.
    for column in range(3):
        widths[column] = max(len(row[column]) for row in rows)
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]


def _summary(asked: int, newer: int, unasked: int) -> str:
    told = f"{asked} pinned, {newer or 'none'} with a newer version"
    return f"{told}, {unasked} not known." if unasked else f"{told}."
