"""Which texts of a decrypted state count as secrets."""

import json
from typing import Any

import pytest

from policies.resource_types import CONTAINER, RANDOM_PASSWORD, STACK
from scan.known import SECRET_SIGNATURE, secrets_of

PASSWORD = "umxN4f92HXPEBhOWnfhi65jMZQ1gvcXG"
API_KEY = "sb_secret_abcdefghijklmnopqrst_12345678"
PRIVATE = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
PUBLIC = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.Wm9ybmRpa2VsdG9mZmVsbmFzZQ"
ANON_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiIsImlhdCI6MX0.Wm9ybmRpa2VsdG9mZmVsbmFzZQ"
PUBLISHABLE = "sb_publishable_kQ3vXz81LmN0pRtYw72Bac_9f3Kd21"


def marked(value: Any) -> dict[str, str]:
    return {SECRET_SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(value)}


def resource(type_name: str, name: str, **parts: Any) -> dict[str, Any]:
    return {"type": type_name, "urn": f"urn:pulumi:a::plinth::{type_name}::{name}", **parts}


STATE = {
    "deployment": {
        "resources": [
            resource(
                STACK,
                "plinth-a",
                outputs={
                    "publishable_key": PUBLISHABLE,
                    "legacy_anon_key": ANON_TOKEN,
                    "secret_key": marked(API_KEY),
                    "database": marked({"password": PASSWORD, "url": "postgres://somewhere/there"}),
                    "redis": marked({"password": "redis-password-of-the-stack"}),
                },
            ),
            resource(
                RANDOM_PASSWORD,
                "password-auth",
                outputs={"length": 32, "result": marked(PASSWORD), "bcryptHash": marked("short")},
            ),
            resource(
                CONTAINER,
                "auth",
                inputs={
                    "envs": marked(
                        [
                            "API_EXTERNAL_URL=http://127.0.0.1:8000/auth/v1",
                            "KEYS="
                            + json.dumps({"keys": [{"kty": "EC", "x": PUBLIC, "d": PRIVATE}]}),
                            "PGPASSWORD=password-of-the-role-auth",
                        ]
                    ),
                    "labels": [{"label": "plinth.secret-names", "value": "KEYS,PGPASSWORD"}],
                },
            ),
            resource(
                CONTAINER,
                "gateway-files",
                inputs={
                    "uploads": marked(
                        [{"file": "/a.yaml", "content": f"{TOKEN}\n{ANON_TOKEN}\n{PUBLISHABLE}\n"}]
                    )
                },
            ),
        ]
    }
}


@pytest.fixture(scope="module")
def owners() -> dict[str, str]:
    """Owner by every form of every secret."""
    return {form: secret.owner for secret in secrets_of(STATE) for form in secret.forms}


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        (API_KEY, "output secret_key"),
        (PASSWORD, "output database"),
        ("redis-password-of-the-stack", "output redis"),
        ("password-of-the-role-auth", "auth PGPASSWORD"),
        (PRIVATE, "auth KEYS"),
        (TOKEN, "gateway-files /a.yaml"),
    ],
)
def test_a_secret_is_known_by_its_owner(owners: dict[str, str], text: str, owner: str) -> None:
    assert owners[text] == owner


@pytest.mark.parametrize(
    "text",
    [
        PUBLISHABLE,
        ANON_TOKEN,
        PUBLIC,
        "short",
        "http://127.0.0.1:8000/auth/v1",
        "postgres://somewhere/there",
    ],
)
def test_what_is_public_or_short_is_no_secret(owners: dict[str, str], text: str) -> None:
    assert text not in owners


def test_a_secret_shows_no_value() -> None:
    assert PASSWORD not in repr(secrets_of(STATE))


@pytest.mark.parametrize("state", [{}, {"deployment": None}, {"deployment": {}}])
def test_an_empty_state_has_none(state: dict[str, Any]) -> None:
    assert secrets_of(state) == []
