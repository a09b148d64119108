"""Which bearer tokens pass, and which paths need the service role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .conftest import LEGACY_SECRET, access_token
from .invalid_tokens import INVALID_TOKENS

if TYPE_CHECKING:
    import httpx

    from .conftest import Gateway

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_valid_token_passes_unchanged(
    client: httpx.Client, publishable: dict[str, str], role: str
) -> None:
    bearer = f"Bearer {access_token(role=role)}"
    answer = client.get("/rest/v1/todos", headers={**publishable, "Authorization": bearer})
    assert answer.json()["headers"]["authorization"] == bearer


def test_token_without_key_id_passes(client: httpx.Client, publishable: dict[str, str]) -> None:
    bearer = f"Bearer {access_token(key_id=None)}"
    answer = client.get("/rest/v1/todos", headers={**publishable, "Authorization": bearer})
    assert answer.status_code == 200


@pytest.mark.parametrize("name", INVALID_TOKENS)
def test_invalid_token_is_refused(
    client: httpx.Client, publishable: dict[str, str], name: str
) -> None:
    headers = {**publishable, "Authorization": f"Bearer {INVALID_TOKENS[name]()}"}
    answer = client.get("/rest/v1/todos", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("name", INVALID_TOKENS)
def test_invalid_token_is_refused_beside_the_secret_key(
    client: httpx.Client, gateway: Gateway, name: str
) -> None:
    headers = {
        "apikey": gateway.key("secret"),
        "Authorization": f"Bearer {INVALID_TOKENS[name]()}",
    }
    assert client.get("/auth/v1/admin/users", headers=headers).status_code == 401


def test_other_scheme_is_refused(client: httpx.Client, publishable: dict[str, str]) -> None:
    headers = {**publishable, "Authorization": "Basic dXNlcjpwYXNz"}
    answer = client.get("/rest/v1/todos", headers=headers)
    assert answer.json()["error"]["code"] == "invalid_token"


def test_refusal_says_which_scheme_is_wanted(
    client: httpx.Client, publishable: dict[str, str]
) -> None:
    headers = {**publishable, "Authorization": "Bearer abc"}
    assert client.get("/rest/v1/todos", headers=headers).headers["www-authenticate"] == "Bearer"


def test_token_in_query_is_not_read(client: httpx.Client, publishable: dict[str, str]) -> None:
    answer = client.get(
        "/auth/v1/admin/users",
        params={"access_token": access_token(role="service_role")},
        headers=publishable,
    )
    assert answer.status_code == 403


def test_hs256_token_passes_while_legacy_keys_are_on(
    client: httpx.Client, publishable: dict[str, str]
) -> None:
    token = access_token(LEGACY_SECRET, algorithm="HS256", key_id=None)
    headers = {**publishable, "Authorization": f"Bearer {token}"}
    assert client.get("/rest/v1/todos", headers=headers).status_code == 200


def test_hs256_token_is_refused_while_legacy_keys_are_off(
    strict_client: httpx.Client, publishable: dict[str, str]
) -> None:
    token = access_token(LEGACY_SECRET, algorithm="HS256", key_id=None)
    headers = {**publishable, "Authorization": f"Bearer {token}"}
    assert strict_client.get("/rest/v1/todos", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "path", ["/auth/v1/admin", "/auth/v1/admin/", "/auth/v1/admin/users", "/rest/v1", "/rest/v1/"]
)
class TestServiceRolePath:
    def test_publishable_key_is_refused(
        self, client: httpx.Client, publishable: dict[str, str], path: str
    ) -> None:
        answer = client.get(path, headers=publishable)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")

    def test_secret_key_passes(self, client: httpx.Client, gateway: Gateway, path: str) -> None:
        answer = client.get(path, headers={"apikey": gateway.key("secret")})
        assert answer.status_code == 200

    def test_token_of_the_service_role_passes(
        self, client: httpx.Client, publishable: dict[str, str], path: str
    ) -> None:
        bearer = f"Bearer {access_token(role='service_role')}"
        answer = client.get(path, headers={**publishable, "Authorization": bearer})
        assert answer.status_code == 200

    def test_token_of_a_user_beside_the_secret_key_is_refused(
        self, client: httpx.Client, gateway: Gateway, path: str
    ) -> None:
        headers = {
            "apikey": gateway.key("secret"),
            "Authorization": f"Bearer {access_token()}",
        }
        assert client.get(path, headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/metrics", "/metrics/x", "/health/ready"])
def test_inside_path_is_not_found_even_with_the_secret_key(
    client: httpx.Client, gateway: Gateway, path: str
) -> None:
    answer = client.get(f"/auth/v1{path}", headers={"apikey": gateway.key("secret")})
    assert answer.status_code == 404
