"""Durations as Go writes them (`time.ParseDuration`): `60s`, `1h30m`, `-1.5h`."""

from __future__ import annotations

import datetime as dt
import re

_DURATION = re.compile(r"([+-]?)((?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_LONGEST = dt.timedelta(days=365 * 100)


def go_duration(text: str) -> dt.timedelta:
    """The duration that Go reads in the text; `0` needs no unit.

    Raises:
        ValueError: It is none, or longer than a hundred years.
    """
    if text == "0":
        return dt.timedelta(0)
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid duration {text[:64]!r}")
    sign, parts = match.groups()
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(parts))
    if seconds > _LONGEST.total_seconds():
        raise ValueError("longer than a hundred years")
    return dt.timedelta(seconds=-seconds if sign == "-" else seconds)
