from __future__ import annotations

import datetime as dt
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from infra import keys
from services.shared.tokens import (
    InvalidKeyError,
    InvalidTokenError,
    KeySet,
    symmetric_key,
    thumbprint,
    verification_key,
)

SECRET = "kQ7_vN2xR9sT4wY6zB1cD3eF5gH8jL0m"
KEY = keys.signing_key(b"k" * 32)
OTHER_KEY = keys.signing_key(b"o" * 32)
KEY_SET = KeySet.from_jwks(keys.key_set([KEY.public_jwk(), keys.symmetric_jwk(SECRET)]))
NOW = int(dt.datetime.now(dt.UTC).timestamp())
CLAIMS = {"sub": "someone", "aud": "storage", "iss": "here", "exp": NOW + 7200}


def token(
    claims: dict[str, Any], key: object = KEY.private, *, identifier: str | None = KEY.identifier
) -> str:
    algorithm = "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "HS256"
    return jwt.encode(claims, key, algorithm, headers={"kid": identifier} if identifier else {})  # type: ignore[arg-type]  # either kind of key


def test_a_good_token_gives_its_claims() -> None:
    assert KEY_SET.verify(token(CLAIMS), audience="storage", issuer="here") == CLAIMS


def test_a_legacy_token_without_a_key_id_is_verified_by_the_symmetric_key() -> None:
    assert KEY_SET.verify(token(CLAIMS, SECRET, identifier=None)) == CLAIMS


def test_without_a_symmetric_key_a_token_needs_a_key_id() -> None:
    with pytest.raises(InvalidTokenError, match="unrecognized"):
        KeySet([verification_key(KEY.public_jwk())]).verify(token(CLAIMS, identifier=None))


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (token(CLAIMS, OTHER_KEY.private), "signature is invalid"),
        (token(CLAIMS, OTHER_KEY.private, identifier=OTHER_KEY.identifier), "unrecognized"),
        (token(CLAIMS, SECRET), "not the one of its key"),
        (token(CLAIMS, identifier=symmetric_key(SECRET).identifier), "not the one of its key"),
        (token({**CLAIMS, "exp": NOW - 1}), "expired"),
        (token({**CLAIMS, "nbf": NOW + 3600}), "not valid yet"),
        (token({"sub": "x"}), "missing a required claim"),
        ("a.b", "number of segments"),
        ("a.b.c", "header"),
        ("", "number of segments"),
    ],
)
def test_a_token_that_is_not_good_is_refused_with_its_reason(refused: str, reason: str) -> None:
    with pytest.raises(InvalidTokenError, match=reason):
        KEY_SET.verify(refused)


@pytest.mark.parametrize("expected", [{"audience": "email"}, {"issuer": "elsewhere"}])
def test_a_token_for_someone_else_is_refused(expected: dict[str, str]) -> None:
    with pytest.raises(InvalidTokenError, match="has invalid"):
        KEY_SET.verify(token(CLAIMS), **expected)


def test_the_key_id_is_the_thumbprint_that_the_program_computes() -> None:
    assert thumbprint(KEY.public_jwk()) == KEY.identifier


def test_thumbprint_of_the_example_in_rfc_7638_has_its_members_only() -> None:
    jwk = {"kty": "oct", "k": "AAAA"}

    assert thumbprint({**jwk, "alg": "HS256", "use": "sig"}) == thumbprint(jwk)


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {**KEY.public_jwk(), "crv": "P-384"},
        {**KEY.public_jwk(), "alg": "HS256"},
        {**KEY.public_jwk(), "x": "AAAA"},
        {**KEY.public_jwk(), "x": OTHER_KEY.public_jwk()["x"]},
        {**KEY.public_jwk(), "y": 7},
        {"kty": "oct"},
        {"kty": "oct", "k": "not base64url!"},
        {"kty": ["EC"]},
    ],
)
def test_a_key_that_is_none_is_refused(jwk: dict[str, object]) -> None:
    with pytest.raises(InvalidKeyError):
        verification_key(jwk)


@pytest.mark.parametrize("text", ["", "[]", "{}", '"x"', json.dumps({"keys": [{}]})])
def test_a_key_set_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidKeyError):
        KeySet.from_jwks(text)
