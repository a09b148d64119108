"""Settings of a gateway with real keys and tokens."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from infra import keys
from infra.gateway.envoy.bootstrap import render
from infra.gateway.settings import ApiKey, GatewaySettings

ISSUER = "http://gateway.test/auth/v1"
SIGNING_KEY = keys.signing_key(b"gateway unit seed of 32 bytes...")


@pytest.fixture
def fields() -> dict[str, Any]:
    """Arguments of valid settings."""
    roles: tuple[keys.Role, ...] = ("anon", "service_role")
    return {
        "api_keys": tuple(
            ApiKey(
                value=keys.api_key(b"api key seed of the gateway test", role),
                role=role,
                token=keys.role_token(SIGNING_KEY, role, ISSUER),
            )
            for role in roles
        ),
        "jwks": keys.key_set([SIGNING_KEY.public_jwk()]),
        "issuer": ISSUER,
        "cors_origins": ("https://app.example.org",),
    }


@pytest.fixture
def settings(fields: dict[str, Any]) -> GatewaySettings:
    return GatewaySettings(**fields)


@pytest.fixture
def configuration(settings: GatewaySettings) -> dict[str, Any]:
    """The rendered configuration, read back."""
    loaded: dict[str, Any] = yaml.safe_load(render(settings))
    return loaded


@pytest.fixture
def connection_manager(configuration: dict[str, Any]) -> dict[str, Any]:
    listener = configuration["static_resources"]["listeners"][0]
    manager: dict[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return manager
