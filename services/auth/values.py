"""Values that clients send as text: addresses, numbers, durations."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from services.auth.durations import go_duration
from services.auth.errors import AuthError, validation_failed

_LONGEST_EMAIL = 255

# "A valid e-mail address" of the HTML standard, which GoTrue's checker follows too.
_EMAIL = re.compile(
    r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@"
    r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*",
    re.ASCII,
)
_E164 = re.compile(r"[1-9][0-9]{1,14}", re.ASCII)


def is_email_address(text: str) -> bool:
    """Whether the text is a valid address of a usual length."""
    return len(text) <= _LONGEST_EMAIL and _EMAIL.fullmatch(text) is not None


def email_address(text: str) -> str:
    """The address in lower case.

    Raises:
        AuthError: It is none.
    """
    if not text:
        raise validation_failed("An email address is required")
    if len(text) > _LONGEST_EMAIL:
        raise validation_failed("An email address is too long")
    if not is_email_address(text):
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
    try:
        return go_duration(text)
    except ValueError as error:
        raise validation_failed(f"invalid format for ban duration: {error}") from None


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
