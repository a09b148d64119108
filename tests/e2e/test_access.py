"""Who gets in: every kind of key and token, and what is made to look like one."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.e2e.conftest import User
from tests.running_stack import RunningStack

pytestmark = [pytest.mark.engine, pytest.mark.stack]

Headers = dict[str, str]
TODOS = "/rest/v1/todos"


def _encode(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def public_key(gateway: httpx.Client) -> dict[str, Any]:
    """The key that the auth service signs with, as anybody can read it."""
    key: dict[str, Any] = gateway.get("/auth/v1/.well-known/jwks.json").json()["keys"][0]
    return key


@pytest.fixture(scope="module")
def claims(alice: User) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(alice.access_token, options={"verify_signature": False})
    return decoded


@pytest.fixture(scope="module")
def own_key() -> ec.EllipticCurvePrivateKey:
    """A key that an attacker made."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def forged(
    alice: User,
    claims: dict[str, Any],
    public_key: dict[str, Any],
    own_key: ec.EllipticCurvePrivateKey,
) -> dict[str, str]:
    """Tokens that nobody but an attacker would send, by what is wrong with them."""
    header = {"typ": "JWT", "kid": public_key["kid"]}
    none_input = f"{_encode({**header, 'alg': 'none'})}.{_encode(claims)}"
    pem = jwt.PyJWK(public_key).key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    symmetric_input = f"{_encode({**header, 'alg': 'HS256'})}.{_encode(claims)}"
    symmetric = hmac.digest(pem, symmetric_input.encode(), hashlib.sha256)
    start, _, signature = alice.access_token.rpartition(".")
    elevated = {**claims, "role": "service_role"}
    return {
        "garbage": "not-a-token",
        "no algorithm": f"{none_input}.",
        "public key as symmetric secret": (
            f"{symmetric_input}.{base64.urlsafe_b64encode(symmetric).rstrip(b'=').decode()}"
        ),
        "another key under the known id": jwt.encode(
            claims, own_key, "ES256", headers={"kid": public_key["kid"]}
        ),
        "unknown key id": jwt.encode(claims, own_key, "ES256", headers={"kid": "unknown"}),
        "changed claims": f"{start.partition('.')[0]}.{_encode(elevated)}.{signature}",
        "cut signature": alice.access_token[:-4],
        "expired, own key": jwt.encode(
            {**claims, "exp": int(time.time()) - 60},
            own_key,
            "ES256",
            headers={"kid": public_key["kid"]},
        ),
    }


@pytest.mark.parametrize("path", [TODOS, "/auth/v1/settings", "/rest/v1/", "/auth/v1/user"])
def test_without_a_key_nothing_answers(gateway: httpx.Client, path: str) -> None:
    answer = gateway.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "missing_api_key")


@pytest.mark.parametrize(
    "key",
    ["nonsense", "sb_publishable_0000000000000000000000_00000000", "sb_secret_" + "0" * 31],
)
def test_a_wrong_key_is_refused(gateway: httpx.Client, key: str) -> None:
    answer = gateway.get(TODOS, headers={"apikey": key})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    "output", ["publishable_key", "secret_key", "legacy_anon_key", "legacy_service_role_key"]
)
def test_every_key_that_the_stack_hands_out_is_accepted(
    gateway: httpx.Client, stack: RunningStack, output: str
) -> None:
    answer = gateway.get(TODOS, headers={"apikey": stack.outputs[output]})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "output", ["publishable_key", "secret_key", "legacy_anon_key", "legacy_service_role_key"]
)
def test_a_key_may_come_as_bearer(gateway: httpx.Client, stack: RunningStack, output: str) -> None:
    key = stack.outputs[output]
    headers = {"apikey": key, "Authorization": f"Bearer {key}"}
    assert gateway.get(TODOS, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "what",
    [
        "garbage",
        "no algorithm",
        "public key as symmetric secret",
        "another key under the known id",
        "unknown key id",
        "changed claims",
        "cut signature",
        "expired, own key",
    ],
)
def test_a_forged_token_never_becomes_anonymous(
    gateway: httpx.Client, publishable_key: str, forged: dict[str, str], what: str
) -> None:
    headers = {"apikey": publishable_key, "Authorization": f"Bearer {forged[what]}"}
    answer = gateway.get(TODOS, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_token")


def test_a_users_token_without_a_key_is_not_enough(gateway: httpx.Client, alice: User) -> None:
    headers = {"Authorization": f"Bearer {alice.access_token}"}
    assert gateway.get(TODOS, headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["/auth/v1/admin/users", "/rest/v1/", "/auth/v1/openapi.json"])
def test_a_path_for_services_refuses_a_client(
    gateway: httpx.Client, publishable_key: str, path: str
) -> None:
    answer = gateway.get(path, headers={"apikey": publishable_key})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize("path", ["/auth/v1/admin/users", "/rest/v1/"])
def test_a_path_for_services_refuses_a_user(
    gateway: httpx.Client, publishable_key: str, alice: User, path: str
) -> None:
    headers = {"apikey": publishable_key, "Authorization": f"Bearer {alice.access_token}"}
    assert gateway.get(path, headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/auth/v1/admin/users", "/rest/v1/"])
def test_a_path_for_services_answers_the_secret_key(
    gateway: httpx.Client, secret_key: str, path: str
) -> None:
    assert gateway.get(path, headers={"apikey": secret_key}).status_code == 200


@pytest.mark.parametrize(
    "header", ["X-User-Id", "X-User-Role", "X-Service-Name", "X-Forwarded-User", "X-User-Email"]
)
def test_identity_is_not_taken_from_a_header(
    gateway: httpx.Client, publishable_key: str, alice: User, header: str
) -> None:
    headers = {"apikey": publishable_key, header: alice.identifier}
    assert gateway.get("/auth/v1/user", headers=headers).status_code in {401, 403}


@pytest.mark.parametrize(
    "path", ["/auth/v1/metrics", "/auth/v1/health/ready", "/metrics", "/nowhere", "/rest"]
)
def test_what_is_for_the_inside_is_not_found(
    gateway: httpx.Client, secret_key: str, path: str
) -> None:
    assert gateway.get(path, headers={"apikey": secret_key}).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "//auth/v1/admin/users",
        "/auth/v1//admin/users",
        "/auth/v1/%61dmin/users",
        "/auth/v1/x/..%2fadmin/users",
        "/auth/v1/x/%2e%2e/admin/users",
        "/auth/v1/admin%2fusers",
    ],
)
def test_no_spelling_of_a_path_slips_past_a_rule(
    gateway: httpx.Client, publishable_key: str, path: str
) -> None:
    answer = gateway.get(path, headers={"apikey": publishable_key})
    assert answer.status_code in {400, 403, 404}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"email":', "application/json"),
        (b"[]", "application/json"),
        (b'{"email":"a\\u0000b@example.com","password":"password-1"}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"[" * 100_000, "application/json"),
    ],
)
def test_a_malformed_body_is_the_clients_mistake(
    gateway: httpx.Client, publishable_key: str, body: bytes, content_type: str
) -> None:
    headers = {"apikey": publishable_key, "Content-Type": content_type}
    answer = gateway.post("/auth/v1/signup", content=body, headers=headers)
    assert 400 <= answer.status_code < 500


def test_an_oversized_body_is_refused(gateway: httpx.Client, publishable_key: str) -> None:
    # What has not been read of the body ends with its connection: no other request may follow.
    headers = {
        "apikey": publishable_key,
        "Content-Type": "application/json",
        "Connection": "close",
    }
    answer = gateway.post("/auth/v1/signup", content=b"x" * (2 * 1024 * 1024), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")


@pytest.fixture
def as_user(publishable_key: str) -> Callable[[User], Headers]:
    return lambda user: {
        "apikey": publishable_key,
        "Authorization": f"Bearer {user.access_token}",
    }


@pytest.fixture(scope="module")
def todo_of_alice(gateway: httpx.Client, publishable_key: str, alice: User) -> dict[str, Any]:
    answer = gateway.post(
        TODOS,
        json={"title": "water the plants"},
        headers={
            "apikey": publishable_key,
            "Authorization": f"Bearer {alice.access_token}",
            "Prefer": "return=representation",
        },
    )
    assert answer.status_code == 201, answer.text
    row: dict[str, Any] = answer.json()[0]
    return row


def test_a_row_belongs_to_who_wrote_it(todo_of_alice: dict[str, Any], alice: User) -> None:
    assert todo_of_alice["user_id"] == alice.identifier


def test_its_owner_sees_it(
    gateway: httpx.Client,
    as_user: Callable[[User], Headers],
    alice: User,
    todo_of_alice: dict[str, Any],
) -> None:
    rows = gateway.get(TODOS, headers=as_user(alice)).json()
    assert [row["id"] for row in rows] == [todo_of_alice["id"]]


@pytest.mark.usefixtures("todo_of_alice")
def test_another_user_does_not_see_it(
    gateway: httpx.Client, as_user: Callable[[User], Headers], bob: User
) -> None:
    assert gateway.get(TODOS, headers=as_user(bob)).json() == []


@pytest.mark.usefixtures("todo_of_alice")
def test_nobody_sees_it_without_signing_in(gateway: httpx.Client, publishable_key: str) -> None:
    assert gateway.get(TODOS, headers={"apikey": publishable_key}).json() == []


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_another_user_cannot_change_it(
    gateway: httpx.Client,
    as_user: Callable[[User], Headers],
    bob: User,
    todo_of_alice: dict[str, Any],
    method: str,
) -> None:
    answer = gateway.request(
        method,
        f"{TODOS}?id=eq.{todo_of_alice['id']}",
        json={"title": "mine now"},
        headers={**as_user(bob), "Prefer": "return=representation"},
    )
    assert answer.json() == []


def test_a_row_cannot_be_written_for_another_user(
    gateway: httpx.Client, as_user: Callable[[User], Headers], alice: User, bob: User
) -> None:
    answer = gateway.post(
        TODOS, json={"title": "gift", "user_id": alice.identifier}, headers=as_user(bob)
    )
    assert answer.status_code == 403


@pytest.mark.usefixtures("todo_of_alice")
def test_the_secret_key_passes_row_level_security(
    gateway: httpx.Client, secret_key: str, alice: User
) -> None:
    rows = gateway.get(
        f"{TODOS}?user_id=eq.{alice.identifier}", headers={"apikey": secret_key}
    ).json()
    assert len(rows) == 1


def test_a_users_token_beside_the_secret_key_is_still_the_users(
    gateway: httpx.Client, secret_key: str, bob: User
) -> None:
    headers = {"apikey": secret_key, "Authorization": f"Bearer {bob.access_token}"}
    assert gateway.get(TODOS, headers=headers).json() == []


@pytest.mark.parametrize("path", ["/auth/v1/user", TODOS])
def test_every_answer_carries_security_headers(
    gateway: httpx.Client, publishable_key: str, path: str
) -> None:
    headers = gateway.get(path, headers={"apikey": publishable_key}).headers
    assert headers["x-content-type-options"] == "nosniff"


def test_the_server_does_not_say_what_it_is(gateway: httpx.Client) -> None:
    assert "server" not in gateway.get(TODOS).headers
