"""When a certificate is renewed, and when a directory that failed is asked again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Failure = Literal["unreachable", "refused", "limited", "unexpected"]
"""Why there is no certificate: the directory does not answer, it refuses, it was asked too often,
or something else went wrong, such as a full disk."""

CHECK_INTERVAL = timedelta(days=1)
_JITTER = 0.1
_SHORTEST_WAIT = timedelta(seconds=1)
_RENEWED_LIFETIME = 1 / 3
_LARGEST_RENEWED_LIFETIME = 2 / 3


@dataclass(frozen=True)
class BackOff:
    """A time that doubles with each failure in a row."""

    first: timedelta
    longest: timedelta


BACK_OFFS: dict[Failure, BackOff] = {
    # Costs the directory nothing, and is soon over where the machine itself is just starting.
    "unreachable": BackOff(timedelta(seconds=2), timedelta(minutes=10)),
    # Four tries in the first hour: Let's Encrypt takes five that fail in an hour for each name.
    "refused": BackOff(timedelta(minutes=5), timedelta(hours=6)),
    "limited": BackOff(timedelta(hours=6), timedelta(days=1)),
    # A certificate may have been issued, which directories count, and could not be kept.
    "unexpected": BackOff(timedelta(hours=6), timedelta(days=1)),
}


def renewal_time(
    begins: datetime,
    expires: datetime,
    suggested: datetime | None,
    before: timedelta | None,
) -> datetime:
    """When to renew.

    Args:
        begins: From when on the certificate is valid.
        expires: Until when.
        suggested: What its directory says (RFC 9773), if it says anything. A time that is too late
            is not believed.
        before: How long before its end at the latest, where that is configured. Never so long that
            a certificate would be renewed in the first third of its lifetime.
    """
    lifetime = expires - begins
    due = expires - lifetime * _RENEWED_LIFETIME
    if suggested is not None and suggested < expires:
        due = suggested
    if before is None:
        return due
    return min(due, expires - min(before, lifetime * _LARGEST_RENEWED_LIFETIME))


def wait(now: datetime, due: datetime) -> timedelta:
    """How long to rest before the next look: until `due`, and no longer than about a day."""
    return max(_SHORTEST_WAIT, min(due - now, _spread(CHECK_INTERVAL)))


def back_off(failure: Failure, in_a_row: int) -> timedelta:
    """How long to rest after a failure.

    Args:
        failure: What happened.
        in_a_row: How many times it has happened without anything else between, from 1.
    """
    known = BACK_OFFS[failure]
    # Beyond that any of them is at its longest, and the power would not fit a timedelta.
    doublings = min(in_a_row - 1, 16)
    return _spread(min(known.first * 2**doublings, known.longest))


def _spread(time: timedelta) -> timedelta:
    """About that time: not every stack asks at the same moment."""
    return time * random.uniform(1 - _JITTER, 1)  # noqa: S311  (guards nothing)
