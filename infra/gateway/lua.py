"""Values of the program as literals of a Lua script."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Value: TypeAlias = (
    "str | int | float | bool | Sequence[Value] | Mapping[str, Value] | Mapping[int, Value]"
)


def literal(value: Value) -> str:
    """Lua literal of a value: a list and an object become tables.

    Raises:
        ValueError: Text that holds more than printable ASCII, whose escapes differ between JSON and
            Lua.
    """
    if isinstance(value, str):
        if not (value.isascii() and value.isprintable()):
            raise ValueError("only printable ASCII can be written into a script")
        # Of such characters JSON escapes two, and Lua reads both alike.
        return json.dumps(value)
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, Mapping):
        fields = (f"[{literal(key)}] = {literal(entry)}" for key, entry in value.items())
        return "{ " + ", ".join(fields) + " }"
    return "{ " + ", ".join(literal(entry) for entry in value) + " }"


def definitions(values: Mapping[str, Value]) -> str:
    """One `local` for each value, by name."""
    return "\n".join(f"local {name} = {literal(value)}" for name, value in values.items())
