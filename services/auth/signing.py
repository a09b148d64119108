"""The keys behind access tokens: one signs, all of them verify."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.shared.tokens import (
    InvalidKeyError,
    KeySet,
    decode_base64url,
    symmetric_key,
    thumbprint,
    verification_key,
)

_P256_SCALAR_BYTES = 32
_PUBLIC_EC_MEMBERS = ("kty", "crv", "x", "y")


@dataclass(frozen=True)
class SigningKeys:
    """Keys of `GOTRUE_JWT_KEYS`.

    Attributes:
        identifier: Key id of the key that signs.
        private: The key that signs, with ES256.
        public: Public JSON Web Keys of all asymmetric keys, for `/.well-known/jwks.json`.
        accepted: Every key that a token may be signed by.
    """

    identifier: str
    private: ec.EllipticCurvePrivateKey = field(repr=False)
    public: tuple[dict[str, Any], ...]
    accepted: KeySet = field(repr=False)

    @classmethod
    def from_json(cls, text: str, *, legacy_secret: str | None = None) -> SigningKeys:
        """Keys of a JSON array of JSON Web Keys, or of a JWKS document.

        The one key whose `key_ops` hold `sign` signs; the others, and it too, verify. A key that
        only verifies may come without its private part.

        Args:
            text: As GoTrue takes it.
            legacy_secret: HS256 secret of legacy keys; it verifies and never signs.

        Raises:
            InvalidKeyError: Not JSON, no signing key or several, or an unsupported key.
        """
        members = _members(text)
        signing = [member for member in members if "sign" in member.get("key_ops", ())]
        if len(signing) != 1:
            raise InvalidKeyError(
                f'{len(signing)} keys have "sign" in key_ops; exactly one must have it'
            )
        keys = [verification_key(member) for member in members]
        if legacy_secret is not None:
            keys.append(symmetric_key(legacy_secret))
        return cls(
            identifier=verification_key(signing[0]).identifier,
            private=_private_key(signing[0]),
            public=tuple(_public_jwk(member) for member in members if member["kty"] == "EC"),
            accepted=KeySet(keys),
        )

    def sign(self, claims: dict[str, Any]) -> str:
        """Compact JWS of the claims, by the current key."""
        return jwt.encode(claims, self.private, algorithm="ES256", headers={"kid": self.identifier})

    def derive(self, purpose: str) -> bytes:
        """Secret key of 32 bytes for another purpose, from the key that signs (RFC 5869)."""
        scalar = self.private.private_numbers().private_value.to_bytes(_P256_SCALAR_BYTES)
        derivation = HKDF(hashes.SHA256(), 32, salt=None, info=f"plinth auth {purpose}".encode())
        return derivation.derive(scalar)


def _members(text: str) -> list[dict[str, Any]]:
    try:
        value = json.loads(text)
    except ValueError:
        raise InvalidKeyError("it is not JSON") from None
    members = value.get("keys") if isinstance(value, dict) else value
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        raise InvalidKeyError("it is neither a JSON array of keys nor a JWKS")
    return members


def _private_key(member: dict[str, Any]) -> ec.EllipticCurvePrivateKey:
    public = verification_key(member).key
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise InvalidKeyError("the signing key is symmetric; it must be EC P-256")
    try:
        number = int.from_bytes(decode_base64url(member["d"]))
        return ec.EllipticCurvePrivateNumbers(number, public.public_numbers()).private_key()
    except (KeyError, ValueError, TypeError):
        raise InvalidKeyError(
            'the signing key lacks its private part "d", or it is wrong'
        ) from None


def _public_jwk(member: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: member[name] for name in _PUBLIC_EC_MEMBERS},
        "kid": member.get("kid") or thumbprint(member),
        "alg": "ES256",
        "use": "sig",
        "key_ops": ["verify"],
    }
