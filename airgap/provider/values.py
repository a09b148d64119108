"""Property values on the wire and in Python.

The engine sends properties as protobuf Structs in which secrets, unknown values, assets and
references are marked by signatures (pulumi/pulumi, ``sdk/go/common/resource/properties.go``).
This module turns them into plain Python values, with `Secret` and `UNKNOWN` where the engine
marked them, and back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct
from google.protobuf.struct_pb2 import Value as WireValue

SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  a protocol constant
OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
RESOURCE_SIGNATURE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
ASSET_SIGNATURE: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE_SIGNATURE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"

UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UNKNOWN_SENTINELS: Final = frozenset(
    {
        UNKNOWN_STRING,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)


class Unknown(Enum):
    """The type of `UNKNOWN`."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN
"""A value that is known only once another resource exists; occurs during previews."""


@dataclass(frozen=True)
class Secret:
    """A value that the engine keeps encrypted in the state and masks in its output."""

    value: "Value"

    def __repr__(self) -> str:
        return "Secret(…)"


Value: TypeAlias = (
    bool | int | float | str | Unknown | Secret | list["Value"] | dict[str, "Value"] | None
)
Values: TypeAlias = dict[str, Value]


class UnsupportedValueError(ValueError):
    """A value of a kind that the provider does not take; the text names the kind."""


def decode(properties: Struct) -> Values:
    """Turn the properties of a request into Python values.

    Whole numbers become ``int``.

    Raises:
        UnsupportedValueError: an asset, an archive or a signature that is not known.
    """
    return {key: _decode_value(value) for key, value in properties.fields.items()}


def _decode_value(wire: WireValue) -> Value:
    match wire.WhichOneof("kind"):
        case "bool_value":
            return wire.bool_value
        case "number_value":
            number = wire.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return UNKNOWN if wire.string_value in UNKNOWN_SENTINELS else wire.string_value
        case "list_value":
            return [_decode_value(item) for item in wire.list_value.values]
        case "struct_value":
            return _decode_struct(wire.struct_value)
        case _:
            return None


def _decode_struct(struct: Struct) -> Value:
    fields = struct.fields
    if SIGNATURE_KEY not in fields:
        return decode(struct)
    match fields[SIGNATURE_KEY].string_value:
        case signature if signature == SECRET_SIGNATURE:
            return Secret(_decode_value(fields["value"]))
        case signature if signature == OUTPUT_SIGNATURE:
            known = _decode_value(fields["value"]) if "value" in fields else UNKNOWN
            is_secret = "secret" in fields and fields["secret"].bool_value
            return Secret(known) if is_secret else known
        case signature if signature == RESOURCE_SIGNATURE:
            return _decode_value(fields["id"]) if "id" in fields else fields["urn"].string_value
        case signature if signature in {ASSET_SIGNATURE, ARCHIVE_SIGNATURE}:
            raise UnsupportedValueError("assets and archives are not supported; pass a string")
        case _:
            raise UnsupportedValueError("a value of an unknown kind (signature not known)")


def encode(values: Mapping[str, Value]) -> Struct:
    """Turn Python values into the properties of a response."""
    return Struct(fields={key: _encode_value(value) for key, value in values.items()})


def _encode_value(value: Value) -> WireValue:
    wire = WireValue()
    match value:
        case None:
            wire.null_value = NULL_VALUE
        case bool():
            wire.bool_value = value
        case int() | float():
            wire.number_value = value
        case str():
            wire.string_value = value
        case Unknown():
            wire.string_value = UNKNOWN_STRING
        case Secret():
            marked = encode({SIGNATURE_KEY: SECRET_SIGNATURE, "value": value.value})
            wire.struct_value.CopyFrom(marked)
        case list():
            wire.list_value.CopyFrom(ListValue(values=[_encode_value(item) for item in value]))
        case dict():
            wire.struct_value.CopyFrom(encode(value))
    return wire


def reveal(value: Value) -> Value:
    """Return the value without its `Secret` marks, at any depth."""
    match value:
        case Secret():
            return reveal(value.value)
        case list():
            return [reveal(item) for item in value]
        case dict():
            return {key: reveal(item) for key, item in value.items()}
        case _:
            return value


def reveal_all(values: Mapping[str, Value]) -> Values:
    """Return a copy of the properties without `Secret` marks."""
    return {key: reveal(value) for key, value in values.items()}


def contains_secret(value: Value) -> bool:
    """Tell whether the value is, or holds at any depth, a secret."""
    match value:
        case Secret():
            return True
        case list():
            return any(contains_secret(item) for item in value)
        case dict():
            return any(contains_secret(item) for item in value.values())
        case _:
            return False


def contains_unknown(value: Value) -> bool:
    """Tell whether the value is, or holds at any depth, an unknown value."""
    match value:
        case Unknown():
            return True
        case Secret():
            return contains_unknown(value.value)
        case list():
            return any(contains_unknown(item) for item in value)
        case dict():
            return any(contains_unknown(item) for item in value.values())
        case _:
            return False


def secret_keys(values: Mapping[str, Value]) -> frozenset[str]:
    """Return the names of the properties that are, or hold, a secret."""
    return frozenset(key for key, value in values.items() if contains_secret(value))


def conceal(values: Mapping[str, Value], keys: frozenset[str]) -> Values:
    """Mark whole properties as secret.

    Args:
        values: Properties without `Secret` marks.
        keys: Names of the properties to mark; absent and null ones are left alone.
    """
    return {
        key: Secret(value) if key in keys and value is not None else value
        for key, value in values.items()
    }


# Shorter secret strings are too likely to be ordinary words of a log line.
_SHORTEST_REDACTED: Final = 12


def secret_strings(value: Value, *, inside: bool = False) -> frozenset[str]:
    """Return the strings that are secret, for `redact`.

    Of a ``NAME=value`` entry of an environment the value counts as well as the whole.
    """
    match value:
        case Secret():
            return secret_strings(value.value, inside=True)
        case list():
            parts = [secret_strings(item, inside=inside) for item in value]
        case dict():
            parts = [secret_strings(item, inside=inside) for item in value.values()]
        case str() if inside:
            parts = [frozenset({value, value.partition("=")[2]})]
        case _:
            parts = []
    found: frozenset[str] = frozenset().union(*parts)
    return frozenset(text for text in found if len(text) >= _SHORTEST_REDACTED)


def redact(text: str, secrets: frozenset[str]) -> str:
    """Return the text with every secret string in it replaced by ``[secret]``."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text
