"""Signing keys, tokens and API keys, all derived from generated secrets.

Everything here is a pure function of its arguments: the same secret gives the same key and the
same token on every run, so a second `pulumi up` changes nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Role = Literal["anon", "service_role"]
JsonObject = dict[str, object]

AUDIENCE = "authenticated"
"""The `aud` of every token of the platform, as Supabase clients expect it."""

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_COORDINATE_BYTES = 32
_MINTED_AT = 1_767_225_600
"""2026-01-01T00:00:00Z. A fixed time of issue keeps minted tokens the same on every run."""
_MINTED_LIFETIME_SECONDS = 10 * 365 * 86_400

_API_KEY_PREFIX: Mapping[Role, str] = {
    "anon": "sb_publishable_",
    "service_role": "sb_secret_",
}


@dataclass(frozen=True)
class SigningKey:
    """An EC P-256 key pair with its RFC 7638 thumbprint as key id."""

    private: ec.EllipticCurvePrivateKey
    identifier: str

    def public_jwk(self) -> JsonObject:
        """Public JSON Web Key (RFC 7517)."""
        return {
            **_public_members(self.private),
            "kid": self.identifier,
            "alg": "ES256",
            "use": "sig",
            "key_ops": ["verify"],
        }

    def private_jwk(self, *, signs: bool) -> JsonObject:
        """Private JSON Web Key as the auth component takes it.

        Args:
            signs: Whether new tokens are signed by it. A key that does not sign comes without its
                private part: nothing needs it any more.
        """
        if not signs:
            return self.public_jwk()
        number = self.private.private_numbers().private_value
        return {
            **self.public_jwk(),
            "d": _base64url(number.to_bytes(_COORDINATE_BYTES, "big")),
            "key_ops": ["sign", "verify"],
        }


def signing_key(seed: bytes) -> SigningKey:
    """Derive the P-256 key that belongs to a generated secret.

    64 bits more than the order needs are drawn before the reduction, so no key is likelier than
    another (FIPS 186-5, appendix A.2.1).
    """
    material = _derive(seed, b"plinth signing key", _COORDINATE_BYTES + 8)
    scalar = int.from_bytes(material, "big") % (_P256_ORDER - 1) + 1
    private = ec.derive_private_key(scalar, ec.SECP256R1())
    return SigningKey(private, _thumbprint(_public_members(private)))


def symmetric_jwk(secret: str) -> JsonObject:
    """JSON Web Key of the HS256 secret behind the legacy keys."""
    key = _base64url(secret.encode())
    return {
        "kty": "oct",
        "k": key,
        "kid": _thumbprint({"kty": "oct", "k": key}),
        "alg": "HS256",
        "use": "sig",
        "key_ops": ["verify"],
    }


def key_set(keys: Sequence[JsonObject]) -> str:
    """JSON Web Key Set as text."""
    return json.dumps({"keys": list(keys)}, separators=(",", ":"), sort_keys=True)


def api_key(seed: bytes, role: Role) -> str:
    """Opaque API key: prefix, 22 characters (130 bits), and a checksum of 8 characters.

    The checksum lets a scanner tell a real key from a look-alike without asking anyone.
    """
    body = _base62(_derive(seed, f"plinth api key {role}".encode(), 32), 22)
    prefix = _API_KEY_PREFIX[role]
    checksum = _base62(hashlib.sha256((prefix + body).encode()).digest(), 8)
    return f"{prefix}{body}_{checksum}"


def role_token(key: SigningKey, role: Role, issuer: str) -> str:
    """ES256 token by which the gateway replaces an API key."""
    signing_input = _signing_input(
        {"alg": "ES256", "kid": key.identifier, "typ": "JWT"}, _role_claims(role, issuer)
    )
    # Deterministic signatures (RFC 6979): PyJWT draws a new nonce for every signature.
    algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    r, s = decode_dss_signature(key.private.sign(signing_input.encode(), algorithm))
    signature = b"".join(part.to_bytes(_COORDINATE_BYTES, "big") for part in (r, s))
    return f"{signing_input}.{_base64url(signature)}"


def legacy_key(secret: str, role: Role, issuer: str) -> str:
    """HS256 token in the form of the older bundles' `anon` and `service_role` keys."""
    header = {"alg": "HS256", "kid": symmetric_jwk(secret)["kid"], "typ": "JWT"}
    signing_input = _signing_input(header, _role_claims(role, issuer))
    signature = hmac.digest(secret.encode(), signing_input.encode(), "sha256")
    return f"{signing_input}.{_base64url(signature)}"


def _role_claims(role: Role, issuer: str) -> JsonObject:
    return {
        "iss": issuer,
        "aud": AUDIENCE,
        "role": role,
        "iat": _MINTED_AT,
        "exp": _MINTED_AT + _MINTED_LIFETIME_SECONDS,
    }


def _signing_input(header: JsonObject, claims: JsonObject) -> str:
    return ".".join(
        _base64url(json.dumps(part, separators=(",", ":"), sort_keys=True).encode())
        for part in (header, claims)
    )


def _public_members(private: ec.EllipticCurvePrivateKey) -> JsonObject:
    numbers = private.public_key().public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": _base64url(numbers.x.to_bytes(_COORDINATE_BYTES, "big")),
        "y": _base64url(numbers.y.to_bytes(_COORDINATE_BYTES, "big")),
    }


def _thumbprint(members: JsonObject) -> str:
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def _derive(seed: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=purpose).derive(seed)


def _base62(material: bytes, length: int) -> str:
    number = int.from_bytes(material, "big")
    characters = []
    for _ in range(length):
        number, digit = divmod(number, len(_BASE62))
        characters.append(_BASE62[digit])
    return "".join(characters)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
