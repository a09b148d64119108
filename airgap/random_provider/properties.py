"""The inputs of the random resources: types, defaults and the form in which they are compared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from airgap.provider.values import UNKNOWN, Value, Values


class PropertyType(Enum):
    """The type of an input; the value says it in an error message."""

    INTEGER = "an integer"
    BOOLEAN = "true or false"
    STRING = "a string"
    STRINGS = "a list of strings"
    STRING_MAP = "a map of strings"


@dataclass(frozen=True)
class Property:
    """An input.

    Attributes:
        type: Its type.
        required: Whether it must be given.
        default: The value that stands for an absent one.
        minimum: The smallest integer that is taken.
    """

    type: PropertyType
    required: bool = False
    default: Value = None
    minimum: int | None = None


KEEPERS: Final = Property(PropertyType.STRING_MAP)
"""Arbitrary values; a change of one replaces the resource."""


class MistypedError(ValueError):
    """A value is not of its property's type."""


def _boolean(value: Value) -> Value:
    spelled = {"true": True, "false": False}
    if isinstance(value, str) and value in spelled:
        return spelled[value]
    if isinstance(value, bool):
        return value
    raise MistypedError


def _integer(value: Value) -> Value:
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError as error:
            raise MistypedError from error
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise MistypedError


def _string(value: Value) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise MistypedError


def _strings(value: Value) -> Value:
    if isinstance(value, list):
        return [convert(item, PropertyType.STRING) for item in value]
    raise MistypedError


def _string_map(value: Value) -> Value:
    if isinstance(value, dict):
        return {key: convert(item, PropertyType.STRING) for key, item in value.items()}
    raise MistypedError


_CONVERTERS: Final[Mapping[PropertyType, Callable[[Value], Value]]] = {
    PropertyType.BOOLEAN: _boolean,
    PropertyType.INTEGER: _integer,
    PropertyType.STRING: _string,
    PropertyType.STRINGS: _strings,
    PropertyType.STRING_MAP: _string_map,
}


def convert(value: Value, property_type: PropertyType) -> Value:
    """Return the value in its property's type.

    Strings that spell a number or a boolean, and numbers and booleans where a string is asked
    for, are converted as the official provider does it. Null and unknown values stay as they are.

    Raises:
        MistypedError: the value cannot be converted.
    """
    if value is None or value is UNKNOWN:
        return value
    return _CONVERTERS[property_type](value)


def integer(values: Values, name: str) -> int:
    """Return an integer input that passed `failures`."""
    value = values[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} is not an integer")
    return value


def failures(properties: Mapping[str, Property], inputs: Values) -> list[tuple[str, str]]:
    """Return pairs of property and reason for every input that cannot be accepted on its own.

    A reason holds numbers that were given for sizes, never another value.
    """
    found: list[tuple[str, str]] = []
    for name in sorted(inputs.keys() - properties.keys()):
        if not name.startswith("__"):
            known = ", ".join(sorted(properties))
            found.append((name, f"there is no input {name}; the inputs are {known}"))
    for name, expected in properties.items():
        given = inputs.get(name)
        if given is None:
            if expected.required:
                found.append((name, f"{name} is required"))
            continue
        try:
            value = convert(given, expected.type)
        except MistypedError:
            found.append((name, f"{name} must be {expected.type.value}"))
            continue
        if isinstance(value, int) and expected.minimum is not None and value < expected.minimum:
            found.append((name, f"{name} must be at least {expected.minimum}, but is {value}"))
    return found


def effective(properties: Mapping[str, Property], values: Values) -> Values:
    """Return the inputs as the resource uses them, in the order of ``properties``.

    Defaults are filled in. What means the same as leaving an input out is left out: null, an
    empty string or map without a default, and the null entries of a map.

    Args:
        properties: The resource's inputs.
        values: Inputs that passed `failures`, or outputs; other keys are left out.
    """
    result: Values = {}
    for name, expected in properties.items():
        value = convert(values.get(name), expected.type)
        if isinstance(value, dict):
            value = {key: item for key, item in value.items() if item is not None}
        if expected.default is None and value in ("", {}):
            value = None
        if value is None:
            value = expected.default
        if value is not None:
            result[name] = value
    return result
