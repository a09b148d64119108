"""Which API keys let a request through, and what stands behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .conftest import access_token

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from .conftest import Gateway

pytestmark = pytest.mark.engine

KEYS = ("publishable", "secret", "legacy_anon", "legacy_service_role")
CARRIERS: dict[str, Callable[[str], dict[str, str]]] = {
    "header": lambda key: {"apikey": key},
    "bearer": lambda key: {"Authorization": f"Bearer {key}"},
    "both": lambda key: {"apikey": key, "Authorization": f"Bearer {key}"},
    "lower-case scheme": lambda key: {"Authorization": f"bearer {key}"},
}


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("name", KEYS)
def test_key_becomes_the_internal_token_of_its_role(
    client: httpx.Client, gateway: Gateway, name: str, carrier: str
) -> None:
    answer = client.get("/rest/v1/todos", headers=CARRIERS[carrier](gateway.key(name)))
    assert answer.json()["headers"]["authorization"] == f"Bearer {gateway.token(name)}"


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("name", KEYS)
def test_key_never_reaches_the_component(
    client: httpx.Client, gateway: Gateway, name: str, carrier: str
) -> None:
    answer = client.get("/rest/v1/todos", headers=CARRIERS[carrier](gateway.key(name)))
    assert gateway.key(name) not in answer.text


def test_request_without_key(client: httpx.Client) -> None:
    answer = client.get("/rest/v1/todos")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "missing_api_key")


def test_message_stands_at_the_top_level_too(client: httpx.Client) -> None:
    assert client.get("/rest/v1/todos").json()["message"] == "No API key found in request"


def test_error_names_the_request(client: httpx.Client) -> None:
    answer = client.get("/rest/v1/todos", headers={"X-Request-ID": "seen-before"})
    assert answer.json()["request_id"] == "seen-before"


def test_error_says_that_it_is_none_of_success(client: httpx.Client) -> None:
    assert client.get("/rest/v1/todos").json()["success"] is False


def test_token_alone_is_no_key(client: httpx.Client) -> None:
    answer = client.get("/rest/v1/todos", headers={"Authorization": f"Bearer {access_token()}"})
    assert answer.json()["error"]["code"] == "missing_api_key"


@pytest.mark.parametrize(
    "wrong", ["sb_publishable_AAAAAAAAAAAAAAAAAAAAAA_AAAAAAAA", "x", "", "constructor", "__index"]
)
def test_unknown_key_in_header(client: httpx.Client, wrong: str) -> None:
    answer = client.get("/rest/v1/todos", headers={"apikey": wrong})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def test_unknown_key_as_bearer(client: httpx.Client, publishable: dict[str, str]) -> None:
    headers = {**publishable, "Authorization": "Bearer sb_secret_AAAAAAAAAAAAAAAAAAAAAA_AAAAAAAA"}
    answer = client.get("/rest/v1/todos", headers=headers)
    assert answer.json()["error"]["code"] == "invalid_api_key"


def test_unknown_key_beside_a_key_as_bearer(client: httpx.Client, gateway: Gateway) -> None:
    headers = {"apikey": "x", "Authorization": f"Bearer {gateway.key('secret')}"}
    answer = client.get("/rest/v1/todos", headers=headers)
    assert answer.json()["error"]["code"] == "invalid_api_key"


def test_two_keys_in_one_request(client: httpx.Client, gateway: Gateway) -> None:
    headers = [("apikey", gateway.key("publishable")), ("apikey", gateway.key("secret"))]
    assert client.get("/rest/v1/todos", headers=headers).status_code == 401


@pytest.mark.parametrize("order", [("publishable", "secret"), ("secret", "publishable")])
def test_two_authorizations_in_one_request(
    client: httpx.Client, gateway: Gateway, order: tuple[str, str]
) -> None:
    bearers = [("Authorization", f"Bearer {gateway.key(name)}") for name in order]
    headers = [("apikey", gateway.key("publishable")), *bearers]
    answer = client.get("/auth/v1/admin/users", headers=headers)
    assert answer.status_code == gateway.refusal(401, "header twice")


@pytest.mark.parametrize("order", [("token", "key"), ("key", "token")])
def test_key_and_token_as_two_authorizations(
    client: httpx.Client, gateway: Gateway, publishable: dict[str, str], order: tuple[str, str]
) -> None:
    bearer = {"token": access_token(), "key": gateway.key("secret")}
    headers = [*publishable.items(), *(("Authorization", f"Bearer {bearer[it]}") for it in order)]
    answer = client.get("/rest/v1/todos", headers=headers)
    assert answer.status_code == gateway.refusal(401, "header twice")


@pytest.mark.parametrize("name", ["APIKEY", "ApiKey", "aPiKeY"])
def test_header_of_the_key_in_any_case(client: httpx.Client, gateway: Gateway, name: str) -> None:
    answer = client.get("/rest/v1/todos", headers={name: gateway.key("publishable")})
    assert answer.status_code == 200


@pytest.mark.parametrize("change", [str.upper, str.lower, str.swapcase, lambda key: key[:-1]])
def test_key_itself_is_compared_as_it_is(
    client: httpx.Client, gateway: Gateway, change: Callable[[str], str]
) -> None:
    answer = client.get("/rest/v1/todos", headers={"apikey": change(gateway.key("secret"))})
    assert answer.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize("path", ["/rest/v1/todos", "/auth/v1/token", "/auth/v1/verify"])
@pytest.mark.parametrize("query", ["apikey={key}", "select=id&apikey={key}", "apikey={key}&a=b"])
def test_key_in_a_query_never_reaches_the_component(
    client: httpx.Client, gateway: Gateway, publishable: dict[str, str], path: str, query: str
) -> None:
    key = gateway.key("secret")
    answer = client.get(f"{path}?{query.format(key=key)}", headers=publishable)
    assert (answer.status_code, key in answer.text) == (200, False)


def test_key_in_query_is_no_key_where_headers_can_be_set(
    client: httpx.Client, gateway: Gateway
) -> None:
    answer = client.get("/rest/v1/todos", params={"apikey": gateway.key("publishable")})
    assert answer.json()["error"]["code"] == "missing_api_key"


def test_legacy_key_is_unknown_where_legacy_keys_are_off(
    strict_client: httpx.Client, gateway: Gateway
) -> None:
    answer = strict_client.get("/rest/v1/todos", headers={"apikey": gateway.key("legacy_anon")})
    assert answer.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("apikey={key}", b"/join"),
        ("vsn=1.0&apikey={key}", b"/join?vsn=1.0"),
        ("apikey={key}&vsn=1.0", b"/join?vsn=1.0"),
    ],
)
def test_websocket_key_in_query_is_taken_out_of_the_path(
    gateway: Gateway, send_raw: Callable[[bytes], bytes], query: str, seen: bytes
) -> None:
    target = f"/socket/v1/join?{query.format(key=gateway.key('publishable'))}"
    answer = send_raw(_upgrade(target))
    assert b"x-seen-path: " + seen + b"\r\n" in answer.lower()


def test_websocket_without_key(send_raw: Callable[[bytes], bytes]) -> None:
    assert send_raw(_upgrade("/socket/v1/join")).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "path", ["/verify", "/callback", "/authorize", "/.well-known/jwks.json", "/verify/"]
)
def test_public_path_needs_no_key(client: httpx.Client, path: str) -> None:
    assert client.get(f"/auth/v1{path}").json()["path"] == path


@pytest.mark.parametrize("path", ["/verify/more", "/verifyx", "/callbacks", "/token"])
def test_path_beside_a_public_one_needs_a_key(client: httpx.Client, path: str) -> None:
    assert client.get(f"/auth/v1{path}").status_code == 401


def test_public_path_without_key_gets_no_token(client: httpx.Client) -> None:
    assert "authorization" not in client.get("/auth/v1/verify").json()["headers"]


def test_public_path_takes_a_key_off_the_request(client: httpx.Client) -> None:
    answer = client.get("/auth/v1/verify", headers={"apikey": "unknown"})
    assert "apikey" not in answer.json()["headers"]


def test_public_path_refuses_an_invalid_token(client: httpx.Client) -> None:
    answer = client.get("/auth/v1/verify", headers={"Authorization": "Bearer a.b.c"})
    assert answer.json()["error"]["code"] == "invalid_token"


def _upgrade(target: str) -> bytes:
    return (
        f"GET {target} HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()
