"""Which API keys Kong's scripts let through, and what stands behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gateway.conftest import access_token

from .conftest import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stand_in import Headers, Kong

PATH = "/rest/v1/todos"
CARRIERS: dict[str, Callable[[str], Headers]] = {
    "header": lambda key: [("apikey", key)],
    "bearer": lambda key: [("Authorization", f"Bearer {key}")],
    "both": lambda key: [("apikey", key), ("Authorization", f"Bearer {key}")],
    "lower-case scheme": lambda key: [("Authorization", f"bearer {key}")],
    "header in another case": lambda key: [("aPiKeY", key)],
}


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("name", KEYS)
class TestKey:
    def test_becomes_the_internal_token_of_its_role(
        self,
        kong: Kong,
        key: Callable[[str], str],
        internal_token: Callable[[str], str],
        name: str,
        carrier: str,
    ) -> None:
        answer = kong.send(PATH, CARRIERS[carrier](key(name)))
        assert answer.component
        assert answer.component["headers"]["authorization"] == f"Bearer {internal_token(name)}"

    def test_never_reaches_the_component(
        self, kong: Kong, key: Callable[[str], str], name: str, carrier: str
    ) -> None:
        answer = kong.send(PATH, CARRIERS[carrier](key(name)))
        assert key(name) not in str(answer.component)


def test_request_without_key(kong: Kong) -> None:
    answer = kong.send(PATH)
    assert (answer.status, answer.code) == (401, "missing_api_key")


def test_token_alone_is_no_key(kong: Kong) -> None:
    answer = kong.send(PATH, [("Authorization", f"Bearer {access_token()}")])
    assert answer.code == "missing_api_key"


@pytest.mark.parametrize(
    "wrong", ["sb_publishable_AAAAAAAAAAAAAAAAAAAAAA_AAAAAAAA", "x", "", "constructor", "__index"]
)
def test_unknown_key_in_header(kong: Kong, wrong: str) -> None:
    answer = kong.send(PATH, [("apikey", wrong)])
    assert (answer.status, answer.code) == (401, "invalid_api_key")


def test_unknown_key_as_bearer(kong: Kong, publishable: Headers) -> None:
    unknown = "Bearer sb_secret_AAAAAAAAAAAAAAAAAAAAAA_AAAAAAAA"
    answer = kong.send(PATH, [*publishable, ("Authorization", unknown)])
    assert answer.code == "invalid_api_key"


def test_unknown_key_beside_a_key_as_bearer(kong: Kong, key: Callable[[str], str]) -> None:
    answer = kong.send(PATH, [("apikey", "x"), ("Authorization", f"Bearer {key('secret')}")])
    assert answer.code == "invalid_api_key"


@pytest.mark.parametrize("order", [("publishable", "secret"), ("secret", "publishable")])
class TestTwoOfOneHeader:
    def test_keys(self, kong: Kong, key: Callable[[str], str], order: tuple[str, str]) -> None:
        assert kong.send(PATH, [("apikey", key(name)) for name in order]).status == 401

    def test_authorizations(
        self, kong: Kong, key: Callable[[str], str], publishable: Headers, order: tuple[str, str]
    ) -> None:
        bearers = [("Authorization", f"Bearer {key(name)}") for name in order]
        assert kong.send("/auth/v1/admin/users", [*publishable, *bearers]).status == 401


@pytest.mark.parametrize("order", [("token", "key"), ("key", "token")])
def test_key_and_token_as_two_authorizations(
    kong: Kong, key: Callable[[str], str], publishable: Headers, order: tuple[str, str]
) -> None:
    bearer = {"token": access_token(), "key": key("secret")}
    bearers = [("Authorization", f"Bearer {bearer[it]}") for it in order]
    assert kong.send(PATH, [*publishable, *bearers]).status == 401


@pytest.mark.parametrize("change", [str.upper, str.lower, str.swapcase, lambda key: key[:-1]])
def test_key_itself_is_compared_as_it_is(
    kong: Kong, key: Callable[[str], str], change: Callable[[str], str]
) -> None:
    assert kong.send(PATH, [("apikey", change(key("secret")))]).code == "invalid_api_key"


def test_legacy_key_is_unknown_where_legacy_keys_are_off(
    strict_kong: Kong, key: Callable[[str], str]
) -> None:
    answer = strict_kong.send(PATH, [("apikey", key("legacy_anon"))])
    assert answer.code == "invalid_api_key"


@pytest.mark.parametrize("path", [PATH, "/auth/v1/token", "/auth/v1/verify"])
@pytest.mark.parametrize("query", ["apikey={}", "select=id&apikey={}", "apikey={}&a=b"])
def test_key_in_a_query_never_reaches_the_component(
    kong: Kong, key: Callable[[str], str], publishable: Headers, path: str, query: str
) -> None:
    answer = kong.send(f"{path}?{query.format(key('secret'))}", publishable)
    assert (answer.status, key("secret") in str(answer.component)) == (200, False)


def test_rest_of_a_query_reaches_the_component(kong: Kong, publishable: Headers) -> None:
    answer = kong.send(f"{PATH}?select=id&apikey=x&order=a%26b", publishable)
    assert answer.component
    assert answer.component["query"] == "select=id&order=a%26b"


def test_key_in_query_is_no_key_where_headers_can_be_set(
    kong: Kong, key: Callable[[str], str]
) -> None:
    answer = kong.send(f"{PATH}?apikey={key('publishable')}")
    assert answer.code == "missing_api_key"


def test_key_in_query_is_one_where_connections_upgrade(
    kong: Kong, key: Callable[[str], str], internal_token: Callable[[str], str]
) -> None:
    headers = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    answer = kong.send(f"/socket/v1/join?apikey={key('secret')}", headers)
    assert answer.component
    assert answer.component["headers"]["authorization"] == f"Bearer {internal_token('secret')}"


@pytest.mark.parametrize(
    "path", ["/verify", "/callback", "/authorize", "/.well-known/jwks.json", "/verify/"]
)
def test_public_path_needs_no_key(kong: Kong, path: str) -> None:
    answer = kong.send(f"/auth/v1{path}")
    assert answer.component
    assert answer.component["path"] == path


@pytest.mark.parametrize("path", ["/verify/more", "/verifyx", "/callbacks", "/token"])
def test_path_beside_a_public_one_needs_a_key(kong: Kong, path: str) -> None:
    assert kong.send(f"/auth/v1{path}").status == 401


def test_public_path_without_key_gets_no_token(kong: Kong) -> None:
    answer = kong.send("/auth/v1/verify")
    assert answer.component
    assert "authorization" not in answer.component["headers"]


def test_public_path_takes_a_key_off_the_request(kong: Kong) -> None:
    answer = kong.send("/auth/v1/verify", [("apikey", "unknown")])
    assert answer.component
    assert "apikey" not in answer.component["headers"]


def test_public_path_refuses_an_invalid_token(kong: Kong) -> None:
    answer = kong.send("/auth/v1/verify", [("Authorization", "Bearer a.b.c")])
    assert answer.code == "invalid_token"
