"""What holds for the keys and tokens of any generated secret."""

import re

import jwt
from hypothesis import given
from hypothesis import strategies as st

from infra import keys

ISSUER = "http://127.0.0.1:8000/auth/v1"
SEEDS = st.binary(min_size=32, max_size=64)
ROLES = st.sampled_from(["anon", "service_role"])
FORM = {
    "anon": re.compile(r"sb_publishable_[0-9A-Za-z]{22}_[0-9A-Za-z]{8}", re.ASCII),
    "service_role": re.compile(r"sb_secret_[0-9A-Za-z]{22}_[0-9A-Za-z]{8}", re.ASCII),
}


@given(SEEDS, ROLES)
def test_every_api_key_has_the_form_that_clients_send(seed: bytes, role: keys.Role) -> None:
    assert FORM[role].fullmatch(keys.api_key(seed, role))


@given(SEEDS, SEEDS)
def test_different_secrets_give_different_api_keys(seed: bytes, other: bytes) -> None:
    assert (keys.api_key(seed, "anon") == keys.api_key(other, "anon")) == (seed == other)


@given(SEEDS, ROLES)
def test_every_role_token_verifies_with_the_published_key(seed: bytes, role: keys.Role) -> None:
    key = keys.signing_key(seed)
    token = keys.role_token(key, role, ISSUER)
    claims = jwt.decode(
        token, jwt.PyJWK(key.public_jwk()), ["ES256"], audience=keys.AUDIENCE, issuer=ISSUER
    )
    assert claims["role"] == role


@given(SEEDS, ROLES)
def test_no_role_token_verifies_with_the_key_of_another_secret(
    seed: bytes, role: keys.Role
) -> None:
    token = keys.role_token(keys.signing_key(seed), role, ISSUER)
    other = keys.signing_key(seed + b"!")
    try:
        jwt.decode(token, jwt.PyJWK(other.public_jwk()), ["ES256"], audience=keys.AUDIENCE)
    except jwt.InvalidSignatureError:
        return
    raise AssertionError("the token of one secret verified with the key of another")
