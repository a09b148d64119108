"""Verification of JSON Web Tokens against a key set, with the algorithm pinned by key.

The key that a token names decides the algorithm (RFC 8725, section 3.1): the token's own `alg` is
only compared with it. A public key can therefore never be used as an HMAC secret, and `none` is no
key's algorithm.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_P256_COORDINATE_BYTES = 32
_ALGORITHM_BY_TYPE = {"EC": "ES256", "oct": "HS256"}


class InvalidTokenError(Exception):
    """The token is refused; the message says why, without the token."""


class InvalidKeyError(ValueError):
    """A JSON Web Key is not one that this platform uses; the message never holds the key."""


@dataclass(frozen=True)
class VerificationKey:
    """One key that tokens may be signed by, and the only algorithm it is used with."""

    identifier: str
    algorithm: str
    key: ec.EllipticCurvePublicKey | bytes = field(repr=False)


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Key id of a JSON Web Key: its SHA-256 thumbprint by RFC 7638, base64url."""
    required = {"EC": ("crv", "kty", "x", "y"), "oct": ("k", "kty")}[jwk["kty"]]
    canonical = json.dumps({name: jwk[name] for name in required}, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def verification_key(jwk: Mapping[str, Any]) -> VerificationKey:
    """Key of a JSON Web Key: EC P-256 (used with ES256) or symmetric (HS256).

    Raises:
        InvalidKeyError: Another kind of key, another algorithm, or members that are not one.
    """
    kind = jwk.get("kty")
    algorithm = _ALGORITHM_BY_TYPE.get(kind) if isinstance(kind, str) else None
    if algorithm is None or jwk.get("alg", algorithm) != algorithm:
        raise InvalidKeyError("a key is neither EC P-256 with ES256 nor symmetric with HS256")
    try:
        key: ec.EllipticCurvePublicKey | bytes
        if kind == "EC":
            if jwk["crv"] != "P-256":
                raise InvalidKeyError("an EC key is not on curve P-256")
            x, y = (decode_base64url(jwk[name]) for name in ("x", "y"))
            if not len(x) == len(y) == _P256_COORDINATE_BYTES:
                raise InvalidKeyError("an EC key has coordinates of a wrong length")
            key = ec.EllipticCurvePublicNumbers(
                int.from_bytes(x), int.from_bytes(y), ec.SECP256R1()
            ).public_key()
        else:
            key = decode_base64url(jwk["k"])
        return VerificationKey(str(jwk.get("kid") or thumbprint(jwk)), algorithm, key)
    except (KeyError, ValueError, TypeError) as error:
        if isinstance(error, InvalidKeyError):
            raise
        raise InvalidKeyError("a key lacks a member or holds a value that is none") from None


def symmetric_key(secret: str) -> VerificationKey:
    """Key of the HS256 secret behind legacy keys."""
    encoded = base64.urlsafe_b64encode(secret.encode()).rstrip(b"=").decode()
    return verification_key({"kty": "oct", "k": encoded})


class KeySet:
    """The keys that a service accepts.

    Attributes:
        keys: by key id.
    """

    def __init__(self, keys: Iterable[VerificationKey]) -> None:
        self.keys = {key.identifier: key for key in keys}

    @classmethod
    def from_jwks(cls, text: str) -> KeySet:
        """Key set of a JWKS document (RFC 7517, section 5).

        Raises:
            InvalidKeyError: Not a JWKS, or one of its keys is not acceptable.
        """
        try:
            members = json.loads(text)["keys"]
        except (ValueError, TypeError, KeyError):
            raise InvalidKeyError("not a JSON Web Key Set") from None
        return cls(verification_key(member) for member in members)

    def verify(
        self, token: str, *, audience: str | None = None, issuer: str | None = None
    ) -> dict[str, Any]:
        """Claims of a token whose signature, `exp` and `nbf` are right.

        Args:
            token: Compact serialization (RFC 7515).
            audience: The `aud` that the token must name; None accepts any.
            issuer: The `iss` that the token must name; None accepts any.

        Raises:
            InvalidTokenError: The token is refused. The reasons are worded as golang-jwt words
                them, because GoTrue hands its words to clients.
        """
        if token.count(".") != 2:  # noqa: PLR2004  (a JWS has three parts)
            raise InvalidTokenError(
                "token is malformed: token contains an invalid number of segments"
            )
        key = self._key_of(token)
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                audience=audience,
                issuer=issuer,
                options={
                    "require": ["exp"],
                    "verify_aud": audience is not None,
                    "verify_iss": issuer is not None,
                    "verify_iat": False,
                    "verify_sub": False,
                },
            )
        except jwt.InvalidTokenError as error:
            raise InvalidTokenError(_reason(error)) from None
        return claims

    def _key_of(self, token: str) -> VerificationKey:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise InvalidTokenError("token is malformed: could not decode its header") from None
        identifier, algorithm = header.get("kid"), header.get("alg")
        if identifier is None:
            # Legacy keys of older bundles name no key: theirs can only be the one symmetric key.
            symmetric = [key for key in self.keys.values() if key.algorithm == "HS256"]
            key = symmetric[0] if len(symmetric) == 1 else None
        else:
            key = self.keys.get(identifier) if isinstance(identifier, str) else None
        if key is None:
            raise InvalidTokenError(
                "token is unverifiable: error while executing keyfunc: unrecognized JWT kid"
            )
        if algorithm != key.algorithm:
            raise InvalidTokenError(
                "token signature is invalid: its algorithm is not the one of its key"
            )
        return key


def decode_base64url(text: str) -> bytes:
    """Bytes of unpadded base64url text (RFC 7515, appendix C).

    Raises:
        ValueError: The text is not base64url.
    """
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _reason(error: jwt.InvalidTokenError) -> str:
    reasons: tuple[tuple[type[jwt.InvalidTokenError], str], ...] = (
        (jwt.ExpiredSignatureError, "token has invalid claims: token is expired"),
        (jwt.ImmatureSignatureError, "token has invalid claims: token is not valid yet"),
        (jwt.InvalidAudienceError, "token has invalid claims: token has invalid audience"),
        (jwt.InvalidIssuerError, "token has invalid claims: token has invalid issuer"),
        (jwt.MissingRequiredClaimError, "token is missing a required claim"),
        (jwt.InvalidSignatureError, "token signature is invalid: signature is invalid"),
    )
    for kind, reason in reasons:
        if isinstance(error, kind):
            return reason
    return "token is malformed: could not decode its parts"
