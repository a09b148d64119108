"""Random bytes and identifiers: RandomBytes, RandomId, RandomUuid, RandomUuid4, RandomUuid7."""

import base64
import binascii
import re
import secrets
import time
import uuid
from typing import Final

from airgap.provider.resource import Created
from airgap.provider.values import Values
from airgap.random_provider.properties import integer

_UUID_FORM: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_BASE64_URL_FORM: Final = re.compile(r"[A-Za-z0-9_-]+")
_UUID7_VERSION: Final = 0x7
_UUID_VARIANT: Final = 0b10


def random_bytes(values: Values) -> Created:
    """Generate ``length`` bytes; their base64 form is the id, as the official provider has it."""
    return _bytes(secrets.token_bytes(integer(values, "length")))


def imported_bytes(identifier: str) -> tuple[Values, Created]:
    """Take existing bytes, given in standard base64.

    Raises:
        ValueError: the identifier is not base64.
    """
    raw = base64.b64decode(identifier, validate=True)
    if not raw:
        raise ValueError("no bytes")
    return {"length": len(raw)}, _bytes(raw)


def random_id(values: Values) -> Created:
    """Generate ``byteLength`` bytes in four notations, each behind the prefix."""
    return _id(secrets.token_bytes(integer(values, "byteLength")), str(values.get("prefix", "")))


def imported_id(identifier: str) -> tuple[Values, Created]:
    """Take existing bytes, given in URL-safe base64, after ``<prefix>,`` if there is one.

    Raises:
        ValueError: the identifier has another form.
    """
    prefix, _, encoded = identifier.rpartition(",")
    if not _BASE64_URL_FORM.fullmatch(encoded):
        raise ValueError("not URL-safe base64")
    try:
        raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except binascii.Error as error:
        raise ValueError("not URL-safe base64") from error
    values: Values = {"byteLength": len(raw)}
    if prefix:
        values["prefix"] = prefix
    return values, _id(raw, prefix)


def random_uuid(_values: Values) -> Created:
    """Generate 128 random bits in the notation of a UUID, without version or variant."""
    return _uuid(uuid.UUID(bytes=secrets.token_bytes(16)))


def random_uuid4(_values: Values) -> Created:
    """Generate a UUID of version 4."""
    return _uuid(uuid.uuid4())


def random_uuid7(_values: Values) -> Created:
    """Generate a UUID of version 7 (RFC 9562, section 5.7): milliseconds, then random bits."""
    milliseconds = time.time_ns() // 1_000_000
    number = milliseconds << 80
    number |= _UUID7_VERSION << 76
    number |= secrets.randbits(12) << 64
    number |= _UUID_VARIANT << 62
    number |= secrets.randbits(62)
    return _uuid(uuid.UUID(int=number))


def imported_uuid(identifier: str) -> tuple[Values, Created]:
    """Take an existing UUID.

    Raises:
        ValueError: the identifier is not a UUID.
    """
    if not _UUID_FORM.fullmatch(identifier):
        raise ValueError("not a UUID")
    return {}, _uuid(uuid.UUID(identifier))


def _bytes(raw: bytes) -> Created:
    encoded = base64.b64encode(raw).decode()
    return Created(encoded, {"base64": encoded, "hex": raw.hex()})


def _id(raw: bytes, prefix: str) -> Created:
    identifier = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    outputs: Values = {
        "b64Std": prefix + base64.b64encode(raw).decode(),
        "b64Url": prefix + identifier,
        "dec": f"{prefix}{int.from_bytes(raw)}",
        "hex": prefix + raw.hex(),
        "id": identifier,
    }
    return Created(identifier, outputs)


def _uuid(value: uuid.UUID) -> Created:
    return Created(str(value), {"id": str(value), "result": str(value)})
