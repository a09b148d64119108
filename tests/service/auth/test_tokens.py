"""What the service takes for proof of identity, and what it does not."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import uuid
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from infra import keys
from tests.service.auth.service import (
    ANON_TOKEN,
    CURRENT_KEY,
    ISSUER,
    LEGACY_SECRET,
    PREVIOUS_KEY,
    SERVICE_TOKEN,
    STRANGERS_KEY,
    AuthService,
)

pytestmark = pytest.mark.engine

FUTURE = int((dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).timestamp())
PUBLIC_KEY_AS_TEXT = CURRENT_KEY.private.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(claims: dict[str, Any], header: dict[str, Any]) -> str:
    parts = (base64url(json.dumps(part).encode()) for part in (header, claims))
    return ".".join(parts) + "."


def hmac_signed(claims: dict[str, Any], secret: bytes) -> str:
    """HS256 by any secret; the library refuses to use a public key as one."""
    signing_input = unsigned(
        claims, {"alg": "HS256", "kid": CURRENT_KEY.identifier, "typ": "JWT"}
    ).rstrip(".")
    signature = hmac.digest(secret, signing_input.encode(), hashlib.sha256)
    return f"{signing_input}.{base64url(signature)}"


def signed(claims: dict[str, Any], key: keys.SigningKey, identifier: str | None = None) -> str:
    return jwt.encode(
        claims,
        key.private,
        algorithm="ES256",
        headers={"kid": identifier or key.identifier},
    )


def claims_of(user: dict[str, Any], **changes: object) -> dict[str, Any]:
    claims = jwt.decode(user["access_token"], options={"verify_signature": False})
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


FORGERIES = {
    "signed by a stranger": lambda claims: signed(claims, STRANGERS_KEY),
    "signed by a stranger in the name of the current key": lambda claims: signed(
        claims, STRANGERS_KEY, CURRENT_KEY.identifier
    ),
    "algorithm none": lambda claims: unsigned(claims, {"alg": "none", "typ": "JWT"}),
    "algorithm none in the name of the current key": lambda claims: unsigned(
        claims, {"alg": "none", "kid": CURRENT_KEY.identifier}
    ),
    "HS256 with the public key as secret": lambda claims: hmac_signed(claims, PUBLIC_KEY_AS_TEXT),
    "HS256 with an empty secret": lambda claims: hmac_signed(claims, b""),
    "expired": lambda claims: signed({**claims, "exp": 1_700_000_000}, CURRENT_KEY),
    "not valid yet": lambda claims: signed({**claims, "nbf": FUTURE}, CURRENT_KEY),
    "without an end": lambda claims: signed(
        {name: value for name, value in claims.items() if name != "exp"}, CURRENT_KEY
    ),
    "an end that is no number": lambda claims: signed({**claims, "exp": "never"}, CURRENT_KEY),
    "two parts": lambda _claims: "a.b",
    "header that is no JSON": lambda _claims: "eA.eA.eA",
    "header that is an array": lambda _claims: f"{base64url(b'[]')}.e30.e30",
    "key id that is an object": lambda claims: unsigned(claims, {"alg": "ES256", "kid": {}}),
    "characters beyond ASCII": lambda _claims: "ä.ö.ü",
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_token_that_is_not_good_is_refused(
    service: AuthService, user: dict[str, Any], forgery: Any
) -> None:
    token = forgery(claims_of(user)).encode().decode("latin-1")

    answer = service.request(
        "GET",
        "/user",
        headers={"Authorization": f"Bearer {token}".encode("latin-1")},  # type: ignore[dict-item]  # bytes that are no ASCII
    )

    assert (answer.status_code, answer.json()["error_code"]) == (403, "bad_jwt")


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_token_that_is_not_good_makes_no_administrator(
    service: AuthService, user: dict[str, Any], forgery: Any
) -> None:
    token = forgery(claims_of(user, role="service_role")).encode().decode("latin-1")

    answer = service.request(
        "GET",
        "/admin/users",
        headers={"Authorization": f"Bearer {token}".encode("latin-1")},  # type: ignore[dict-item]  # bytes that are no ASCII
    )

    assert answer.status_code == 403


def test_a_token_of_the_previous_key_is_accepted(
    service: AuthService, user: dict[str, Any]
) -> None:
    token = signed(claims_of(user), PREVIOUS_KEY)

    assert service.request("GET", "/user", token=token).status_code == 200


@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({"sub": None}, 403, "bad_jwt"),
        ({"sub": "not-an-id"}, 400, "bad_jwt"),
        ({"sub": str(uuid.uuid4())}, 403, "user_not_found"),
        ({"session_id": "not-an-id"}, 403, "bad_jwt"),
        ({"session_id": str(uuid.uuid4())}, 403, "session_not_found"),
    ],
    ids=["no user", "malformed user", "unknown user", "malformed session", "unknown session"],
)
def test_a_token_must_name_a_user_and_a_session_that_exist(
    service: AuthService, user: dict[str, Any], claims: dict[str, Any], status: int, code: str
) -> None:
    answer = service.request("GET", "/user", token=signed(claims_of(user, **claims), CURRENT_KEY))

    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


def test_another_users_session_is_refused(service: AuthService, user: dict[str, Any]) -> None:
    other = claims_of(service.sign_up())
    token = signed(claims_of(user, session_id=other["session_id"]), CURRENT_KEY)

    answer = service.request("GET", "/user", token=token)

    assert answer.json()["error_code"] == "session_not_found"


@pytest.mark.parametrize("header", ["", "Bearer", "Basic eDp5", "Bearer a b", "bearer"])
def test_a_header_without_a_bearer_token_is_no_authorization(
    service: AuthService, header: str
) -> None:
    answer = service.request("GET", "/user", headers={"Authorization": header})

    assert (answer.status_code, answer.json()["error_code"]) == (401, "no_authorization")


ADMIN_REQUESTS = [
    ("GET", "/admin/users"),
    ("POST", "/admin/users"),
    ("GET", "/admin/users/00000000-0000-0000-0000-000000000000"),
    ("PUT", "/admin/users/00000000-0000-0000-0000-000000000000"),
    ("DELETE", "/admin/users/00000000-0000-0000-0000-000000000000"),
    ("GET", "/admin/users/not-an-id"),
]


@pytest.mark.parametrize(("method", "path"), ADMIN_REQUESTS)
def test_administration_needs_a_token(service: AuthService, method: str, path: str) -> None:
    assert service.request(method, path, body={}).status_code == 401


@pytest.mark.parametrize(("method", "path"), ADMIN_REQUESTS)
def test_users_do_not_administer(
    service: AuthService, user: dict[str, Any], method: str, path: str
) -> None:
    answer = service.request(method, path, body={}, token=user["access_token"])

    assert answer.json()["error_code"] == "not_admin"


@pytest.mark.parametrize(("method", "path"), ADMIN_REQUESTS)
def test_the_anonymous_key_does_not_administer(
    service: AuthService, method: str, path: str
) -> None:
    answer = service.request(method, path, body={}, token=ANON_TOKEN)

    assert answer.json()["error_code"] == "not_admin"


def test_the_legacy_service_key_administers(service: AuthService) -> None:
    token = keys.legacy_key(LEGACY_SECRET, "service_role", ISSUER)

    assert service.request("GET", "/admin/users", token=token).status_code == 200


def test_a_legacy_key_of_another_secret_is_refused(service: AuthService) -> None:
    token = keys.legacy_key("x" * 40, "service_role", ISSUER)

    assert service.request("GET", "/admin/users", token=token).status_code == 403


def test_identity_in_headers_is_not_believed(service: AuthService, user: dict[str, Any]) -> None:
    headers = {"X-User-Id": user["user"]["id"], "X-User-Role": "service_role"}

    assert service.request("GET", "/admin/users", headers=headers).status_code == 401


def test_the_service_token_is_no_user(service: AuthService) -> None:
    answer = service.request("GET", "/user", token=SERVICE_TOKEN)

    assert answer.json()["msg"] == "invalid claim: missing sub claim"
