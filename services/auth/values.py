"""Values that clients send as text: addresses, numbers, durations."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from services.auth.errors import AuthError, validation_failed

_LONGEST_EMAIL = 255
_LONGEST_DURATION = dt.timedelta(days=365 * 100)

# "A valid e-mail address" of the HTML standard, which GoTrue's checker follows too.
_EMAIL = re.compile(
    r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@"
    r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*",
    re.ASCII,
)
_E164 = re.compile(r"[1-9][0-9]{1,14}", re.ASCII)

# Go's time.ParseDuration: a sign, then numbers with a unit each.
_DURATION = re.compile(r"([+-]?)((?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
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


def email_address(text: str) -> str:
    """The address in lower case.

    Raises:
        AuthError: It is none.
    """
    if not text:
        raise validation_failed("An email address is required")
    if len(text) > _LONGEST_EMAIL:
        raise validation_failed("An email address is too long")
    if not _EMAIL.fullmatch(text):
        raise validation_failed("Unable to validate email address: invalid format")
    return text.lower()


def phone_number(text: str) -> str:
    """The number as digits (E.164 without its plus sign).

    Raises:
        AuthError: It is none.
    """
    digits = text.removeprefix("+").replace(" ", "")
    if not _E164.fullmatch(digits):
        raise validation_failed("Invalid phone number format (E.164 required)")
    return digits


def ban_duration(text: str) -> dt.timedelta:
    """Duration such as `24h` or `1h30m`; `none` is zero.

    Raises:
        AuthError: It is none, or longer than a hundred years.
    """
    if text == "none":
        return dt.timedelta(0)
    match = _DURATION.fullmatch(text) if text != "0" else None
    if match is None:
        if text == "0":
            return dt.timedelta(0)
        raise validation_failed(f"invalid format for ban duration: invalid duration {text[:64]!r}")
    sign, parts = match.groups()
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(parts))
    if seconds > _LONGEST_DURATION.total_seconds():
        raise validation_failed("invalid format for ban duration: longer than a hundred years")
    return dt.timedelta(seconds=-seconds if sign == "-" else seconds)


def without_nulls(metadata: dict[str, Any] | None) -> dict[str, Any]:
    """Metadata to start with: a member that is null means that there is none."""
    return {name: value for name, value in (metadata or {}).items() if value is not None}


def only_one_contact(email: str, phone: str, *, action: str) -> AuthError | None:
    """Error when both an address and a number are given."""
    if email and phone:
        return validation_failed(
            f"Only an email address or phone number should be provided on {action}."
        )
    return None
