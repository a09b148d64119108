"""Generated passwords are long, and safe in a URL without escaping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.properties import UNKNOWN, given
from policies.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.properties import Properties

LEAST_LENGTH = 32
"""Characters of a generated password."""

URL_SAFE_SPECIALS = frozenset("-._~")
"""The special characters that a URL never escapes: `unreserved` of RFC 3986, section 2.3."""


def random_password(properties: Properties) -> Iterator[Violation]:
    """A generated password has `LEAST_LENGTH` characters and only URL-safe ones."""
    length = given(properties, "length")
    if length is not UNKNOWN and not (isinstance(length, int | float) and length >= LEAST_LENGTH):
        yield Violation("length", "is too short", f"Set it to {LEAST_LENGTH} or more")
    special = given(properties, "special")
    if special is UNKNOWN or special is False:
        return
    specials = given(properties, "overrideSpecial")
    if specials is UNKNOWN:
        return
    if not (isinstance(specials, str) and specials and set(specials) <= URL_SAFE_SPECIALS):
        yield Violation(
            "special" if specials is None else "overrideSpecial",
            "allows characters that break a connection URL",
            'Set special to false, or overrideSpecial to characters of "-._~"',
        )
