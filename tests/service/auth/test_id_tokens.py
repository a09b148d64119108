"""ID tokens: whose signature counts, and what a token must say."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from services.auth.external.id_tokens import (
    IdTokenError,
    ProviderKeys,
    UnknownKeyError,
    check_access_token,
    check_authorized_party,
    check_nonce,
    verify_id_token,
)
from services.auth.external.outbound import ProviderError

ISSUER = "https://issuer.example"
CLIENT = "plinth"


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    """The key of the issuer."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def public_jwk(private_key: rsa.RSAPrivateKey) -> dict[str, Any]:
    """What the issuer publishes of it."""
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(private_key.public_key(), as_dict=True)
    return {**jwk, "kid": "first", "use": "sig"}


@pytest.fixture(scope="module")
def keys(public_jwk: dict[str, Any]) -> ProviderKeys:
    return ProviderKeys({"keys": [public_jwk]})


@pytest.fixture
def claims() -> dict[str, Any]:
    """What a token says that is accepted."""
    now = int(time.time())
    return {"iss": ISSUER, "sub": "ann", "aud": CLIENT, "iat": now, "exp": now + 300}


def verified(token: str, keys: ProviderKeys) -> dict[str, Any]:
    return verify_id_token(token, keys.key_of(token), issuer=ISSUER, audiences=(CLIENT,))


def signed(claims: dict[str, Any], key: Any, algorithm: str = "RS256", kid: str = "first") -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid})


def test_a_token_of_the_issuer_is_accepted(
    claims: dict[str, Any], private_key: rsa.RSAPrivateKey, keys: ProviderKeys
) -> None:
    assert verified(signed(claims, private_key), keys) == claims


def test_a_token_may_name_no_key_where_there_is_one(
    claims: dict[str, Any], private_key: rsa.RSAPrivateKey, keys: ProviderKeys
) -> None:
    assert verified(jwt.encode(claims, private_key, algorithm="RS256"), keys) == claims


def test_a_token_on_a_curve_is_accepted(claims: dict[str, Any]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = {**jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "first"}

    assert verified(signed(claims, key, "ES256"), ProviderKeys({"keys": [jwk]})) == claims


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"},
        {"iss": f"{ISSUER}/"},
        {"aud": "another"},
        {"aud": []},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"iat": 99_999_999_999},
        {"nbf": 99_999_999_999},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "a\0b"},
    ],
)
def test_a_token_that_says_something_else_is_refused(
    claims: dict[str, Any],
    private_key: rsa.RSAPrivateKey,
    keys: ProviderKeys,
    change: dict[str, Any],
) -> None:
    changed = {name: value for name, value in (claims | change).items() if value is not None}

    with pytest.raises(IdTokenError):
        verified(signed(changed, private_key), keys)


def test_a_token_of_another_key_is_refused(claims: dict[str, Any], keys: ProviderKeys) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    with pytest.raises(IdTokenError, match="InvalidSignatureError"):
        verified(signed(claims, stranger), keys)


def test_a_token_without_a_signature_is_refused(claims: dict[str, Any], keys: ProviderKeys) -> None:
    with pytest.raises(IdTokenError):
        verified(signed(claims, None, "none"), keys)


def test_a_token_whose_secret_is_the_public_key_is_refused(
    claims: dict[str, Any], private_key: rsa.RSAPrivateKey, keys: ProviderKeys
) -> None:
    public = private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    # By hand: the library refuses to sign with such a secret.
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT", "kid": "first"}, claims)
    ]
    signing_input = b".".join(parts)
    mac = jwt.algorithms.HMACAlgorithm(hashlib.sha256).sign(signing_input, public)
    token = b".".join([signing_input, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()

    with pytest.raises(IdTokenError, match="InvalidAlgorithmError"):
        verified(token, keys)


@pytest.mark.parametrize("algorithm", ["PS256", "RS512"])
def test_an_algorithm_that_is_not_the_keys_is_refused(
    claims: dict[str, Any], private_key: rsa.RSAPrivateKey, keys: ProviderKeys, algorithm: str
) -> None:
    with pytest.raises(IdTokenError):
        verified(signed(claims, private_key, algorithm), keys)


def test_a_key_that_is_not_published_is_reported_as_such(
    claims: dict[str, Any], private_key: rsa.RSAPrivateKey, keys: ProviderKeys
) -> None:
    with pytest.raises(UnknownKeyError):
        verified(signed(claims, private_key, kid="second"), keys)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 40_000])
def test_what_is_no_token_is_refused(keys: ProviderKeys, token: str) -> None:
    with pytest.raises(IdTokenError):
        verified(token, keys)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"keys": "x"},
        {"keys": []},
        {"keys": [None, 7]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "first"}]},
        {"keys": [{"kty": "RSA", "kid": "first"}]},
    ],
)
def test_a_set_without_a_usable_key_is_refused(document: Any) -> None:
    with pytest.raises(ProviderError):
        ProviderKeys(document)


def test_a_key_for_encryption_verifies_nothing(public_jwk: dict[str, Any]) -> None:
    with pytest.raises(ProviderError):
        ProviderKeys({"keys": [{**public_jwk, "use": "enc"}]})


@pytest.mark.parametrize("nonce", [None, "", "another", 7])
def test_another_nonce_is_refused(claims: dict[str, Any], nonce: Any) -> None:
    with pytest.raises(IdTokenError):
        check_nonce(claims | {"nonce": nonce}, "the-nonce")


def test_the_nonce_is_accepted(claims: dict[str, Any]) -> None:
    check_nonce(claims | {"nonce": "the-nonce"}, "the-nonce")


@pytest.mark.parametrize(
    "change", [{"azp": "another"}, {"aud": [CLIENT, "another"]}, {"azp": None}]
)
def test_a_token_that_was_made_for_another_client_is_refused(
    claims: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(IdTokenError):
        check_authorized_party(claims | change, CLIENT)


@pytest.mark.parametrize("change", [{}, {"azp": CLIENT}, {"aud": [CLIENT, "b"], "azp": CLIENT}])
def test_a_token_that_was_made_for_this_client_is_accepted(
    claims: dict[str, Any], change: dict[str, Any]
) -> None:
    check_authorized_party(claims | change, CLIENT)


@pytest.fixture
def key(public_jwk: dict[str, Any]) -> jwt.PyJWK:
    return jwt.PyJWK(public_jwk)


def test_the_access_token_that_the_hash_is_of_is_accepted(
    claims: dict[str, Any], key: jwt.PyJWK
) -> None:
    half = hashlib.sha256(b"token").digest()[:16]
    at_hash = base64.urlsafe_b64encode(half).rstrip(b"=").decode()

    check_access_token(claims | {"at_hash": at_hash}, key, "token")


@pytest.mark.parametrize("at_hash", ["", "x", 7])
def test_another_access_token_is_refused(
    claims: dict[str, Any], key: jwt.PyJWK, at_hash: Any
) -> None:
    with pytest.raises(IdTokenError):
        check_access_token(claims | {"at_hash": at_hash}, key, "token")


def test_without_a_hash_any_access_token_is_accepted(
    claims: dict[str, Any], key: jwt.PyJWK
) -> None:
    check_access_token(claims, key, "token")
