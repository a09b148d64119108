import secrets as random_source
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.running_stack import RunningStack


@dataclass(frozen=True)
class User:
    """A user who has just signed up, and the session that came with it."""

    email: str
    password: str
    identifier: str
    access_token: str
    refresh_token: str


@pytest.fixture(scope="session")
def publishable_key(stack: RunningStack) -> str:
    return str(stack.outputs["publishable_key"])


@pytest.fixture(scope="session")
def secret_key(stack: RunningStack) -> str:
    return str(stack.outputs["secret_key"])


@pytest.fixture(scope="session")
def gateway(stack: RunningStack) -> Iterator[httpx.Client]:
    """A client of the gateway that presents nothing by itself."""
    with httpx.Client(base_url=stack.outputs["gateway_url"], timeout=15) as client:
        yield client


def sign_up(gateway: httpx.Client, publishable_key: str) -> User:
    """Make a user of its own for a test."""
    credentials = {
        "email": f"{random_source.token_hex(8)}@example.com",
        "password": random_source.token_urlsafe(16),
    }
    answer = gateway.post("/auth/v1/signup", json=credentials, headers={"apikey": publishable_key})
    assert answer.status_code == 200, answer.text
    session: dict[str, Any] = answer.json()
    return User(
        **credentials,
        identifier=session["user"]["id"],
        access_token=session["access_token"],
        refresh_token=session["refresh_token"],
    )


@pytest.fixture(scope="module")
def alice(gateway: httpx.Client, publishable_key: str) -> User:
    return sign_up(gateway, publishable_key)


@pytest.fixture(scope="module")
def bob(gateway: httpx.Client, publishable_key: str) -> User:
    return sign_up(gateway, publishable_key)
