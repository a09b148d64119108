import json

import pytest

from infra import credentials, keys
from infra.config.operation import Keys

CURRENT, PREVIOUS, FOLLOWING = bytes(32), bytes([1]) * 32, bytes([2]) * 32
ISSUER = "http://127.0.0.1:8000/auth/v1"
LEGACY_SECRET, PREVIOUS_LEGACY_SECRET = "s" * 40, "p" * 40
FIRST = credentials.Generations((CURRENT,), FOLLOWING)
ROTATED = credentials.Generations((CURRENT, PREVIOUS), FOLLOWING)


@pytest.fixture
def rotated() -> credentials.KeyMaterial:
    return credentials.derive(ROTATED, (), ISSUER)


@pytest.mark.parametrize(
    ("settings", "generations"),
    [
        (Keys(), [1]),
        (Keys(generation=2), [2, 1]),
        (Keys(generation=7), [7, 6]),
        (Keys(generation=2, revoke_previous=True), [2]),
    ],
)
def test_the_previous_generation_is_accepted_until_revoked(
    settings: Keys, generations: list[int]
) -> None:
    assert credentials.accepted_generations(settings) == generations


def test_both_generations_verify_after_a_rotation(rotated: credentials.KeyMaterial) -> None:
    published = {key["kid"] for key in json.loads(rotated.public_key_set)["keys"]}
    assert {keys.signing_key(seed).identifier for seed in (CURRENT, PREVIOUS)} <= published


def test_the_next_key_is_published_ahead(rotated: credentials.KeyMaterial) -> None:
    published = {key["kid"] for key in json.loads(rotated.public_key_set)["keys"]}
    assert keys.signing_key(FOLLOWING).identifier in published


def test_an_api_key_of_the_next_generation_is_not_accepted(
    rotated: credentials.KeyMaterial,
) -> None:
    assert keys.api_key(FOLLOWING, "anon") not in {key.value for key in rotated.api_keys}


def test_the_verifiers_of_the_previous_generation_know_the_current_key() -> None:
    before = credentials.derive(credentials.Generations((PREVIOUS,), CURRENT), (), ISSUER)
    assert keys.signing_key(CURRENT).identifier in before.public_key_set


def test_only_the_current_key_signs(rotated: credentials.KeyMaterial) -> None:
    private = ["d" in key for key in json.loads(rotated.signing_keys)["keys"]]
    assert private == [True, False, False]


def test_api_keys_of_both_generations_are_accepted(rotated: credentials.KeyMaterial) -> None:
    assert len({key.value for key in rotated.api_keys}) == 4


def test_every_generation_of_a_role_becomes_the_same_token(
    rotated: credentials.KeyMaterial,
) -> None:
    assert len({key.token for key in rotated.api_keys if key.role == "anon"}) == 1


def test_clients_are_handed_the_current_generation(rotated: credentials.KeyMaterial) -> None:
    assert rotated.current("anon") == credentials.derive(FIRST, (), ISSUER).current("anon")


def test_without_legacy_keys_no_symmetric_key_verifies(rotated: credentials.KeyMaterial) -> None:
    assert "oct" not in rotated.public_key_set


def test_legacy_keys_bring_the_symmetric_key_to_verifiers_inside() -> None:
    material = credentials.derive(FIRST, (LEGACY_SECRET,), ISSUER)
    assert [key["kty"] for key in json.loads(material.public_key_set)["keys"]] == [
        "EC",
        "EC",
        "oct",
    ]


def test_a_legacy_key_is_accepted_as_an_api_key() -> None:
    material = credentials.derive(FIRST, (LEGACY_SECRET,), ISSUER)
    assert material.legacy_keys["anon"] in {key.value for key in material.api_keys}


@pytest.fixture
def legacy_rotated() -> credentials.KeyMaterial:
    return credentials.derive(ROTATED, (LEGACY_SECRET, PREVIOUS_LEGACY_SECRET), ISSUER)


def test_a_legacy_key_of_the_previous_generation_is_still_accepted(
    legacy_rotated: credentials.KeyMaterial,
) -> None:
    previous = keys.legacy_key(PREVIOUS_LEGACY_SECRET, "anon", ISSUER)
    assert previous in {key.value for key in legacy_rotated.api_keys}


def test_clients_are_handed_the_current_legacy_key(
    legacy_rotated: credentials.KeyMaterial,
) -> None:
    assert legacy_rotated.legacy_keys["anon"] == keys.legacy_key(LEGACY_SECRET, "anon", ISSUER)
