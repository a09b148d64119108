"""The rendering of the tests' own route table, and its scripts at work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from infra import keys
from infra.gateway.kong.declarative import render
from infra.gateway.settings import GatewaySettings
from tests.gateway.conftest import SIGNING_KEY, TEST_ROUTES, default_settings

from .stand_in import Kong

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = ("publishable", "secret", "legacy_anon", "legacy_service_role")


@pytest.fixture(scope="session")
def kong_settings() -> GatewaySettings:
    """Behind one trusted proxy, legacy keys on."""
    return GatewaySettings(**default_settings())


@pytest.fixture(scope="session")
def declaration(kong_settings: GatewaySettings) -> dict[str, Any]:
    """The rendered file, read back."""
    loaded: dict[str, Any] = yaml.safe_load(render(kong_settings, TEST_ROUTES))
    return loaded


@pytest.fixture(scope="session")
def start_kong() -> Callable[..., Kong]:
    """Kong with other settings."""

    def start(**changes: Any) -> Kong:
        settings = GatewaySettings(**{**default_settings(), **changes})
        return Kong(yaml.safe_load(render(settings, TEST_ROUTES)))

    return start


@pytest.fixture(scope="session")
def kong(declaration: dict[str, Any]) -> Kong:
    return Kong(declaration)


@pytest.fixture(scope="session")
def strict_kong(start_kong: Callable[..., Kong]) -> Kong:
    """Facing clients directly, legacy keys off."""
    return start_kong(
        trusted_proxies=0,
        api_keys=default_settings()["api_keys"][:2],
        jwks=keys.key_set([SIGNING_KEY.public_jwk()]),
    )


@pytest.fixture(scope="session")
def key(kong_settings: GatewaySettings) -> Callable[[str], str]:
    """Value of a key by its name in `KEYS`."""
    return lambda name: kong_settings.api_keys[KEYS.index(name)].value.get_secret_value()


@pytest.fixture(scope="session")
def internal_token(kong_settings: GatewaySettings) -> Callable[[str], str]:
    """Token that stands behind a key."""
    return lambda name: kong_settings.api_keys[KEYS.index(name)].token.get_secret_value()


@pytest.fixture
def publishable(key: Callable[[str], str]) -> list[tuple[str, str]]:
    """Header with the publishable key."""
    return [("apikey", key("publishable"))]
