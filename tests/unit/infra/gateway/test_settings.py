"""Settings that the gateway refuses, and how it says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from infra import keys
from infra.gateway.settings import ApiKey, GatewaySettings

from .conftest import ISSUER, SIGNING_KEY

PRIVATE = keys.key_set([SIGNING_KEY.private_jwk(signs=True)])
WITHOUT_ID = keys.key_set([{**SIGNING_KEY.public_jwk(), "kid": ""}])
EC_AS_HS256 = keys.key_set([{**SIGNING_KEY.public_jwk(), "alg": "HS256"}])
RSA = json.dumps({"keys": [{"kty": "RSA", "alg": "RS256", "kid": "x"}]})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("cors_origins", ("*",), "a wildcard cannot go with credentials"),
        ("cors_origins", ("https://*.example.org",), "a wildcard cannot go with credentials"),
        ("cors_origins", ("https://example.org/",), "write scheme, host and port only"),
        ("cors_origins", ("example.org",), "write scheme, host and port only"),
        ("rate_limit_per_minute", {"rset": 5}, "no such route: rset"),
        ("rate_limit_per_minute", {"rest": 0}, "greater than or equal to 1"),
        ("trusted_proxies", -1, "greater than or equal to 0"),
        ("jwks", "{}", "must be a JSON Web Key Set"),
        ("jwks", "not JSON", "must be a JSON Web Key Set"),
        ("jwks", '{"keys": []}', "at least one key"),
        ("jwks", PRIVATE, "holds a private key"),
        ("jwks", WITHOUT_ID, "needs a `kid`"),
        ("jwks", EC_AS_HS256, "must be an EC key with ES256"),
        ("jwks", RSA, "must be an EC key with ES256"),
        ("issuer", "https://elsewhere.example", "claim iss must be"),
        ("audience", "storage", "claim aud must be"),
        ("api_keys", (), "at least 1 item"),
        ("port", 1, "Extra inputs are not permitted"),
    ],
)
def test_refused(fields: dict[str, Any], field: str, value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        GatewaySettings(**{**fields, field: value})


def test_same_key_twice_is_refused(fields: dict[str, Any]) -> None:
    twice = (fields["api_keys"][0], fields["api_keys"][0])
    with pytest.raises(ValidationError, match="listed twice"):
        GatewaySettings(**{**fields, "api_keys": twice})


def test_token_of_another_role_is_refused(fields: dict[str, Any]) -> None:
    token = keys.role_token(SIGNING_KEY, "service_role", ISSUER)
    key = ApiKey(value=fields["api_keys"][0].value, role="anon", token=token)
    with pytest.raises(ValidationError, match="claim role must be 'anon'"):
        GatewaySettings(**{**fields, "api_keys": (key,)})


@pytest.mark.parametrize("value", ['sb_publishable_"] = os.exit() --', "short", "with space " * 3])
def test_key_with_other_characters_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="20 to 4096 letters"):
        ApiKey(value=value, role="anon", token="a" * 20)


def test_refusal_does_not_show_the_key(fields: dict[str, Any]) -> None:
    private = SIGNING_KEY.private_jwk(signs=True)
    with pytest.raises(ValidationError) as refusal:
        GatewaySettings(**{**fields, "jwks": PRIVATE})
    assert str(private["d"]) not in str(refusal.value)


def test_representation_does_not_show_the_keys(settings: GatewaySettings) -> None:
    assert settings.api_keys[1].value.get_secret_value() not in repr(settings)
