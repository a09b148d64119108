"""What a report may show of a value: never a secret.

Pulumi hides what the program marked as secret. A report is read by more people than a state, so
values that only look like secrets, by their name or their format, are hidden as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from policies.secret_detection import (
    name_is_secret,
    secret_in_arguments,
    secret_in_pair,
    secret_in_text,
)

SECRET = "[secret]"  # noqa: S105  (the word that stands for one)
UNKNOWN = "(known after the update)"
"""Shown for a value that a preview cannot know."""

NOTES = frozenset({"__defaults"})
"""Members of an object that a provider keeps for itself."""

_LONGEST_VALUE = 80
_IMAGE = re.compile(r"(\S+@sha256:[0-9a-f]{12})[0-9a-f]{52}")
"""A reference by digest, up to as much of it as tells one from another."""

_UNKNOWN_MARK = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands for an unknown value in Pulumi's JSON: UnknownStringValue in its plugin/rpc.go."""


def shown(name: str, value: Any) -> str:  # noqa: ANN401  (any JSON)
    """A value as a report may show it: hidden, or its text in at most 80 characters.

    The digest in an image's reference is cut to its first 12 digits.

    Args:
        name: What the value is called: a property, an environment variable, a setting.
        value: Any JSON.
    """
    if _is_hidden(name, value):
        return SECRET
    text = value if isinstance(value, str) else _text(value)
    if _UNKNOWN_MARK in text:
        return UNKNOWN
    text = " ".join(text.split())
    if image := _IMAGE.fullmatch(text):
        # Its end says what it is; its beginning, which registry.
        text = f"{image[1]}…"
        return text if len(text) <= _LONGEST_VALUE else f"…{text[1 - _LONGEST_VALUE :]}"
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _is_hidden(name: str, value: Any) -> bool:  # noqa: ANN401  (any JSON)
    if value == SECRET:
        return True
    if isinstance(value, Mapping):
        # An encrypted setting of a stack file; any other object is judged part by part.
        return set(value) == {"secure"} or any(
            _is_hidden(f"{name}_{key}", part) for key, part in value.items()
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        words = [part if isinstance(part, str) else "" for part in value]
        return any(secret_in_arguments(words)) or any(_is_hidden(name, part) for part in value)
    if isinstance(value, str):
        # One word is a value; anything longer may be a file or a command that sets one.
        is_text = len(value.split()) > 1 and secret_in_text(value) is not None
        return is_text or secret_in_pair(name, value) is not None
    # A number or a switch under a secret's name.
    return value is not None and not isinstance(value, bool) and name_is_secret(name)


def _text(value: Any) -> str:  # noqa: ANN401  (any JSON)
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        parts = sorted((key, part) for key, part in value.items() if key not in NOTES)
        return ", ".join(f"{key}: {_text(part)}" for key, part in parts)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_text(part) for part in value) or "none"
    return str(value)


def hidden_in_text(text: str) -> str:
    """A message line by line, each hidden where it seems to hold a secret."""
    return "\n".join(
        SECRET if secret_in_text(line) is not None else line for line in text.splitlines()
    )
