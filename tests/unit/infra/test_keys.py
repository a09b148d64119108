import json
import re

import jwt
import pytest

from infra import keys

SEED = bytes(range(32))
OTHER_SEED = bytes(range(1, 33))
ISSUER = "http://127.0.0.1:8000/auth/v1"
LEGACY_SECRET = "x" * 40
ROLES: tuple[keys.Role, ...] = ("anon", "service_role")


@pytest.fixture(scope="module")
def key() -> keys.SigningKey:
    return keys.signing_key(SEED)


def test_the_same_seed_gives_the_same_key(key: keys.SigningKey) -> None:
    assert keys.signing_key(SEED).private_jwk(signs=True) == key.private_jwk(signs=True)


def test_another_seed_gives_another_key(key: keys.SigningKey) -> None:
    assert keys.signing_key(OTHER_SEED).identifier != key.identifier


def test_a_thumbprint_equals_the_example_of_rfc_7638() -> None:
    # RFC 7638 has an RSA example; the canonical form is the same for every key type.
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
        "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
        "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
        "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    thumbprint = keys._thumbprint({"kty": "RSA", "n": modulus, "e": "AQAB"})  # noqa: SLF001
    assert thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_public_key_has_no_private_part(key: keys.SigningKey) -> None:
    assert "d" not in key.public_jwk()


def test_a_key_that_no_longer_signs_has_no_private_part(key: keys.SigningKey) -> None:
    assert "d" not in key.private_jwk(signs=False)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_token_verifies_against_the_public_key(
    key: keys.SigningKey, role: keys.Role
) -> None:
    public = jwt.PyJWK(key.public_jwk())
    token = keys.role_token(key, role, ISSUER)
    claims = jwt.decode(token, public, ["ES256"], audience=keys.AUDIENCE, issuer=ISSUER)
    assert claims["role"] == role


def test_a_role_token_is_the_same_on_every_run(key: keys.SigningKey) -> None:
    assert keys.role_token(key, "anon", ISSUER) == keys.role_token(key, "anon", ISSUER)


def test_a_role_token_names_its_key(key: keys.SigningKey) -> None:
    header = jwt.get_unverified_header(keys.role_token(key, "anon", ISSUER))
    assert header == {"alg": "ES256", "kid": key.identifier, "typ": "JWT"}


@pytest.mark.parametrize("role", ROLES)
def test_a_legacy_key_verifies_against_its_secret(role: keys.Role) -> None:
    token = keys.legacy_key(LEGACY_SECRET, role, ISSUER)
    claims = jwt.decode(token, LEGACY_SECRET, ["HS256"], audience=keys.AUDIENCE)
    assert claims["role"] == role


def test_the_symmetric_key_verifies_a_legacy_key() -> None:
    jwk = jwt.PyJWK(keys.symmetric_jwk(LEGACY_SECRET))
    token = keys.legacy_key(LEGACY_SECRET, "anon", ISSUER)
    assert jwt.decode(token, jwk, ["HS256"], audience=keys.AUDIENCE)["role"] == "anon"


@pytest.mark.parametrize(
    ("role", "pattern"),
    [
        ("anon", r"sb_publishable_[0-9A-Za-z]{22}_[0-9A-Za-z]{8}"),
        ("service_role", r"sb_secret_[0-9A-Za-z]{22}_[0-9A-Za-z]{8}"),
    ],
)
def test_an_api_key_has_the_form_that_supabase_clients_send(role: keys.Role, pattern: str) -> None:
    assert re.fullmatch(pattern, keys.api_key(SEED, role))


def test_the_two_api_keys_share_no_part() -> None:
    bodies = {keys.api_key(SEED, role).split("_")[2] for role in ROLES}
    assert len(bodies) == 2


def test_a_key_set_is_a_json_object_with_a_list(key: keys.SigningKey) -> None:
    assert json.loads(keys.key_set([key.public_jwk()]))["keys"][0]["kid"] == key.identifier
