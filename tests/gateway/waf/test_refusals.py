"""What a client is told of a refusal, and what the log is."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway.conftest import ORIGIN

if TYPE_CHECKING:
    import httpx

    from tests.gateway.container import RunningContainer

pytestmark = pytest.mark.engine

ATTACK = "<script>alert(1)</script>"
SECRETS = {
    "key in the query": "sb_secret_of_this_query_0123456789",
    "key in a header": "sb_secret_of_this_header_012345678",
    "token": "eyJhbGciOiJFUzI1NiJ9.of-this-token.0123456789",
    "password": "a-password-of-this-body-0123456789",
}


@pytest.fixture
def refusal(client: httpx.Client) -> httpx.Response:
    """A refused request that carries every kind of secret, some of them in what is refused."""
    return client.post(
        "/auth/v1/signup",
        params={"apikey": SECRETS["key in the query"], "q": ATTACK + SECRETS["key in the query"]},
        headers={
            "apikey": SECRETS["key in a header"],
            "Authorization": f"Bearer {SECRETS['token']}",
            "X-Request-ID": "refusal-of-this-test",
            "Origin": ORIGIN,
        },
        json={"password": SECRETS["password"], "data": {"bio": ATTACK + SECRETS["password"]}},
    )


def test_refusal_has_the_form_of_the_gateways(refusal: httpx.Response) -> None:
    message = "The request looks like an attack and was not passed on"
    assert refusal.json() == {
        "success": False,
        "error": {"code": "blocked", "message": message},
        "message": message,
        "request_id": "refusal-of-this-test",
    }


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-request-id", "refusal-of-this-test"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
        ("access-control-allow-origin", ORIGIN),
        ("server", None),
    ],
)
def test_header_of_a_refusal(refusal: httpx.Response, header: str, value: str | None) -> None:
    assert refusal.headers.get(header) == value


def test_foreign_origin_may_not_read_a_refusal(client: httpx.Client) -> None:
    answer = client.get("/x", params={"q": ATTACK}, headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_answer_of_a_component_shows_no_server(client: httpx.Client) -> None:
    assert "server" not in client.get("/rest/v1/todos").headers


def _entry(firewall: RunningContainer, request_id: str) -> dict[str, Any]:
    """What the firewall's log says of a request, once it does."""
    for _ in range(100):
        for line in firewall.read_log().splitlines():
            if f'"request_id":"{request_id}"' in line:
                entry: dict[str, Any] = json.loads(line)
                return entry
        time.sleep(0.1)
    pytest.fail(f"the log does not tell of it:\n{firewall.read_log()}")


def test_log_names_the_rules(firewall: RunningContainer, refusal: httpx.Response) -> None:
    entry = _entry(firewall, refusal.headers["x-request-id"])
    found = {(rule["id"], rule["variable"]) for rule in entry["rules"]}
    assert {(941110, "ARGS:q"), (941110, "ARGS:json.data.bio")} & found


def test_log_names_the_request(firewall: RunningContainer, refusal: httpx.Response) -> None:
    entry = _entry(firewall, refusal.headers["x-request-id"])
    assert (entry["method"], entry["path"], entry["status"]) == ("POST", "/auth/v1/signup", 403)


@pytest.mark.parametrize("kind", SECRETS)
def test_log_holds_no_secret(
    firewall: RunningContainer, refusal: httpx.Response, kind: str
) -> None:
    _entry(firewall, refusal.headers["x-request-id"])
    assert SECRETS[kind] not in firewall.read_log()


def test_attack_in_an_upload_is_logged_too(
    firewall: RunningContainer, client: httpx.Client
) -> None:
    client.put(
        "/upload/v1/x",
        params={"q": ATTACK},
        headers={"X-Request-ID": "upload-of-this-test"},
        content=b"\0",
    )
    assert 941110 in {rule["id"] for rule in _entry(firewall, "upload-of-this-test")["rules"]}


def test_request_id_that_cannot_be_written_is_replaced(client: httpx.Client) -> None:
    answer = client.get("/x", params={"q": ATTACK}, headers={"X-Request-ID": 'a","b":"c'})
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.json()["request_id"])
