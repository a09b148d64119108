"""Keyed hashes: two values can be told apart without either of them being kept or shown."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

_SHOWN_DIGITS = 16


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints under one random key, so that those of two runs cannot be compared."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def of(self, value: str | bytes) -> str:
        """The fingerprint of a value: `#` and 16 hexadecimal digits."""
        data = value.encode() if isinstance(value, str) else value
        return f"#{hmac.new(self.key, data, hashlib.sha256).hexdigest()[:_SHOWN_DIGITS]}"
