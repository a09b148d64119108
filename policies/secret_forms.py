"""The forms in which a secret may be written: as it is, and in the common encodings."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

_BITS_OF_A_CHARACTER = 6


def forms(secret: str) -> frozenset[str]:
    """Every text whose presence gives the secret away.

    Plain, inside JSON, percent-encoded, in hexadecimal, and in both alphabets of base64. Inside
    base64 of a longer text, for example of `user:secret`, the secret may start at any of three
    positions; of each, the characters that depend on the secret alone are looked for.
    """
    raw = secret.encode()
    return frozenset(
        {
            secret,
            json.dumps(secret)[1:-1],
            quote(secret, safe=""),
            quote_plus(secret),
            raw.hex(),
            raw.hex().upper(),
            *(core for offset in range(3) for core in _base64_cores(raw, offset)),
        }
    )


def _base64_cores(raw: bytes, offset: int) -> tuple[str, str]:
    """What base64, standard and URL-safe, makes of bytes that follow `offset` other bytes."""
    padded = b"\0" * offset + raw
    # The first character that no earlier byte takes part in, and the last that no later one does.
    start = -(-offset * 8 // _BITS_OF_A_CHARACTER)
    end = len(padded) * 8 // _BITS_OF_A_CHARACTER
    standard = base64.b64encode(padded).decode()[start:end]
    return standard, standard.replace("+", "-").replace("/", "_")
