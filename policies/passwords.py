"""Generated secrets: long, safe in a URL without escaping, and encrypted in the state."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from policies.properties import UNKNOWN, given
from policies.resource_types import RANDOM_BYTES
from policies.secret_detection import name_is_secret, snake_case
from policies.subject import Parameters
from policies.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.subject import Subject

URL_SAFE_SPECIALS = frozenset("-._~")
"""The special characters that a URL never escapes: `unreserved` of RFC 3986, section 2.3."""


class Passwords(Parameters):
    """Parameters of `password-strong-and-url-safe`."""

    minimum_length: Annotated[int, Field(ge=16)] = 32
    """Least number of characters. 32 letters and digits hold 190 bits."""


def random_password(subject: Subject[Passwords]) -> Iterator[Violation]:
    """A generated password is long enough and has only URL-safe characters."""
    properties, least = subject.properties, subject.parameters.minimum_length
    length = given(properties, "length")
    if length is not UNKNOWN and not (isinstance(length, int | float) and length >= least):
        yield Violation("length", "is too short", f"Set it to {least} or more")
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


_KEY_WORDS = re.compile(r"(?:^|_)(?:seed|key|pepper|salt)s?(?:_|$)")


def generator(subject: Subject) -> Iterator[Violation]:
    """No secret comes from a generator that keeps its value in clear.

    `RandomBytes` has its value as its id, and ids are never encrypted. `RandomId`, `RandomString`
    and `RandomUuid` do not mark their result as secret; their name says what they are for.
    """
    mend = "Use RandomPassword, whose result is secret"
    if subject.type_name == RANDOM_BYTES:
        yield Violation("id", "is the value itself, and ids are kept in clear", mend)
    elif name_is_secret(subject.name) or _KEY_WORDS.search(snake_case(subject.name)):
        yield Violation("result", "is generated for a secret and kept in clear", mend)
