"""Durations as Go writes them (``1m30s``) and as the engine's API does (nanoseconds)."""

import re
from typing import Final

_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def to_nanoseconds(text: str) -> int:
    """Read a duration such as ``2s``, ``1m30s`` or ``1.5h``; an empty one is 0.

    Raises:
        ValueError: the text is not a duration.
    """
    if text in {"", "0"}:
        return 0
    parts = _PART.findall(text)
    if "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration; write it as 500ms, 10s or 1m30s")
    return round(sum(float(number) * _NANOSECONDS[unit] for number, unit in parts))


def from_nanoseconds(nanoseconds: int) -> str:
    """Write a duration as Go's ``Duration.String`` does."""
    if nanoseconds < _NANOSECONDS["s"]:
        for unit in ("ms", "us", "ns"):
            if nanoseconds >= _NANOSECONDS[unit]:
                return f"{_trim(nanoseconds / _NANOSECONDS[unit])}{unit.replace('us', 'µs')}"
        return "0s"
    minutes, rest = divmod(nanoseconds, _NANOSECONDS["m"])
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_trim(rest / _NANOSECONDS['s'])}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _trim(number: float) -> str:
    return f"{number:.9f}".rstrip("0").rstrip(".")
