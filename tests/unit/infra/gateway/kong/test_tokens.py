"""Which bearer tokens Kong's scripts let pass; the list is the one that Envoy is tried with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gateway.conftest import LEGACY_SECRET, access_token
from tests.gateway.invalid_tokens import INVALID_TOKENS, signed_by_us

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stand_in import Headers, Kong

PATH = "/rest/v1/todos"
SERVICE_ROLE_PATHS = (
    "/auth/v1/admin",
    "/auth/v1/admin/",
    "/auth/v1/admin/users",
    "/rest/v1",
    "/rest/v1/",
)


def bearer(token: str) -> Headers:
    return [("Authorization", f"Bearer {token}")]


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_valid_token_passes_unchanged(kong: Kong, publishable: Headers, role: str) -> None:
    token = access_token(role=role)
    answer = kong.send(PATH, [*publishable, *bearer(token)])
    assert answer.component
    assert answer.component["headers"]["authorization"] == f"Bearer {token}"


@pytest.mark.parametrize("audience", ["authenticated", ["other", "authenticated"]])
def test_audience_may_be_one_of_several(
    kong: Kong, publishable: Headers, audience: str | list[str]
) -> None:
    answer = kong.send(PATH, [*publishable, *bearer(access_token(aud=audience))])
    assert answer.status == 200


def test_token_without_key_id_passes(kong: Kong, publishable: Headers) -> None:
    answer = kong.send(PATH, [*publishable, *bearer(access_token(key_id=None))])
    assert answer.status == 200


@pytest.mark.parametrize("name", INVALID_TOKENS)
def test_invalid_token_is_refused(kong: Kong, publishable: Headers, name: str) -> None:
    answer = kong.send(PATH, [*publishable, *bearer(INVALID_TOKENS[name]())])
    assert (answer.status, answer.code, answer.component) == (401, "invalid_token", None)


@pytest.mark.parametrize("name", INVALID_TOKENS)
def test_invalid_token_is_refused_beside_the_secret_key(
    kong: Kong, key: Callable[[str], str], name: str
) -> None:
    headers = [("apikey", key("secret")), *bearer(INVALID_TOKENS[name]())]
    assert kong.send("/auth/v1/admin/users", headers).status == 401


def test_token_that_calls_something_critical_is_refused(kong: Kong, publishable: Headers) -> None:
    answer = kong.send(PATH, [*publishable, *bearer(signed_by_us(crit=["b64"], b64=True))])
    assert answer.status == 401


def test_other_scheme_is_refused(kong: Kong, publishable: Headers) -> None:
    answer = kong.send(PATH, [*publishable, ("Authorization", "Basic dXNlcjpwYXNz")])
    assert answer.code == "invalid_token"


def test_refusal_says_which_scheme_is_wanted(kong: Kong, publishable: Headers) -> None:
    answer = kong.send(PATH, [*publishable, *bearer("abc")])
    assert answer.headers["www-authenticate"] == "Bearer"


def test_token_in_query_is_not_read(kong: Kong, publishable: Headers) -> None:
    token = access_token(role="service_role")
    answer = kong.send(f"/auth/v1/admin/users?access_token={token}", publishable)
    assert answer.status == 403


def test_hs256_token_passes_while_legacy_keys_are_on(kong: Kong, publishable: Headers) -> None:
    token = access_token(LEGACY_SECRET, algorithm="HS256", key_id=None)
    assert kong.send(PATH, [*publishable, *bearer(token)]).status == 200


def test_hs256_token_is_refused_while_legacy_keys_are_off(
    strict_kong: Kong, publishable: Headers
) -> None:
    token = access_token(LEGACY_SECRET, algorithm="HS256", key_id=None)
    assert strict_kong.send(PATH, [*publishable, *bearer(token)]).status == 401


@pytest.mark.parametrize("path", SERVICE_ROLE_PATHS)
class TestServiceRolePath:
    def test_publishable_key_is_refused(self, kong: Kong, publishable: Headers, path: str) -> None:
        answer = kong.send(path, publishable)
        assert (answer.status, answer.code) == (403, "forbidden")

    def test_secret_key_passes(self, kong: Kong, key: Callable[[str], str], path: str) -> None:
        assert kong.send(path, [("apikey", key("secret"))]).status == 200

    def test_token_of_the_service_role_passes(
        self, kong: Kong, publishable: Headers, path: str
    ) -> None:
        token = access_token(role="service_role")
        assert kong.send(path, [*publishable, *bearer(token)]).status == 200

    def test_token_of_a_user_beside_the_secret_key_is_refused(
        self, kong: Kong, key: Callable[[str], str], path: str
    ) -> None:
        headers = [("apikey", key("secret")), *bearer(access_token())]
        assert kong.send(path, headers).status == 403


@pytest.mark.parametrize("path", ["/metrics", "/metrics/x", "/health/ready"])
def test_inside_path_is_not_found_even_with_the_secret_key(
    kong: Kong, key: Callable[[str], str], path: str
) -> None:
    answer = kong.send(f"/auth/v1{path}", [("apikey", key("secret"))])
    assert (answer.status, answer.code) == (404, "not_found")
