"""Bearer tokens that no rendering of the gateway may let pass."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra import keys
from tests.gateway.conftest import FOREIGN_KEY, LEGACY_SECRET, SIGNING_KEY, access_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric import ec

SYMMETRIC_KEY_ID = str(keys.symmetric_jwk(LEGACY_SECRET)["kid"])
PUBLIC_KEY_TEXT = SIGNING_KEY.private.public_key().public_bytes(
    Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
)


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _with_header(**header: object) -> str:
    """A valid token whose header is changed and whose signature is kept."""
    _, claims, signature = access_token().split(".")
    return f"{_part(header)}.{claims}.{signature}"


def _hs256_by_public_key(secret: bytes = PUBLIC_KEY_TEXT, **header: object) -> str:
    named = {"alg": "HS256", "typ": "JWT", "kid": SIGNING_KEY.identifier, **header}
    signed = f"{_part(named)}.{access_token().split('.')[1]}"
    signature = hmac.digest(secret, signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def signed_by_us(**header: object) -> str:
    """A token with our signature and a header of its own."""
    return _signed_by(SIGNING_KEY.private, **header)


def _signed_by(key: ec.EllipticCurvePrivateKey, **header: object) -> str:
    """A token whose header names the key that verifies it."""
    claims = jwt.decode(access_token(), options={"verify_signature": False})
    return jwt.encode(claims, key, algorithm="ES256", headers=header)


def _signed_under_another_algorithm(algorithm: str) -> str:
    """A token with our signature, whose header says that it is of another kind."""
    header = _part({"alg": algorithm, "typ": "JWT", "kid": SIGNING_KEY.identifier})
    signed = f"{header}.{access_token().split('.')[1]}"
    signature = SIGNING_KEY.private.sign(signed.encode(), ECDSA(SHA256()))
    r, s = (number.to_bytes(32, "big") for number in decode_dss_signature(signature))
    return f"{signed}.{base64.urlsafe_b64encode(r + s).rstrip(b'=').decode()}"


def _signed_at_length() -> str:
    """A token whose signature has the right two numbers, one of them a byte longer."""
    signed, _, signature = access_token().rpartition(".")
    numbers = base64.urlsafe_b64decode(signature + "==")
    longer = numbers[:32] + b"\0" + numbers[32:]
    return f"{signed}.{base64.urlsafe_b64encode(longer).rstrip(b'=').decode()}"


def _signed_with_zeros() -> str:
    """What verifiers let pass that do not look for r = s = 0 (CVE-2022-21449)."""
    return ".".join((*access_token().split(".")[:2], "A" * 86))


# Made when a test asks: a token that was made with the module would have expired by the time
# that a long run comes here, and would be refused for that.
INVALID_TOKENS: dict[str, Callable[[], str]] = {
    "expired": lambda: access_token(exp=int(time.time()) - 60),
    "never expires": lambda: access_token(exp=None),
    "not yet valid": lambda: access_token(nbf=int(time.time()) + 600),
    "algorithm none": lambda: _with_header(alg="none").rsplit(".", 1)[0] + ".",
    "algorithm None, signature kept": lambda: _with_header(alg="None"),
    "HS256 by the public key": _hs256_by_public_key,
    "header changed": lambda: _with_header(alg="ES256", kid=SIGNING_KEY.identifier, typ="at+jwt"),
    "foreign key": lambda: access_token(FOREIGN_KEY.private, key_id=FOREIGN_KEY.identifier),
    "foreign key under our id": lambda: access_token(FOREIGN_KEY.private),
    "our key under another id": lambda: access_token(key_id="unknown"),
    "HS256 by the public JWK": lambda: _hs256_by_public_key(
        json.dumps(SIGNING_KEY.public_jwk()).encode()
    ),
    "HS256 by the public key under the id of the symmetric one": lambda: _hs256_by_public_key(
        kid=SYMMETRIC_KEY_ID
    ),
    "symmetric key under the id of the public one": lambda: access_token(
        LEGACY_SECRET, algorithm="HS256"
    ),
    "our key under the id of the symmetric one": lambda: access_token(key_id=SYMMETRIC_KEY_ID),
    "key in the header": lambda: _signed_by(FOREIGN_KEY.private, jwk=FOREIGN_KEY.public_jwk()),
    "address of a key set in the header": lambda: _signed_by(
        FOREIGN_KEY.private, jku="https://evil.example/jwks.json", kid=FOREIGN_KEY.identifier
    ),
    "file as key id": lambda: _hs256_by_public_key(b"", kid="../../../../dev/null"),
    "signature of zeros": _signed_with_zeros,
    "signature with a byte more": _signed_at_length,
    "our signature, algorithm none": lambda: _signed_under_another_algorithm("none"),
    "our signature, algorithm HS256": lambda: _signed_under_another_algorithm("HS256"),
    "our signature, algorithm RS256": lambda: _signed_under_another_algorithm("RS256"),
    "algorithm in lower case": lambda: _with_header(alg="es256", kid=SIGNING_KEY.identifier),
    "expiry is text": lambda: access_token(exp=str(int(time.time()) + 600)),
    "role with a space": lambda: access_token(role="service_role "),
    "other audience": lambda: access_token(aud="storage"),
    "no audience": lambda: access_token(aud=None),
    "other issuer": lambda: access_token(iss="https://elsewhere.example"),
    "no role": lambda: access_token(role=None),
    "role of no one": lambda: access_token(role="postgres"),
    "role is a list": lambda: access_token(role=["service_role"]),
    "not a token": lambda: "abc",
    "two dots only": lambda: "..",
    "token and more": lambda: f"{access_token()},Bearer x",
    "null": lambda: "null",
}
