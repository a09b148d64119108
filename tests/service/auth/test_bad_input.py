"""Whatever is sent, the answer is a clean 4xx in GoTrue's form, never an internal error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.service.auth.service import SERVICE_TOKEN

if TYPE_CHECKING:
    from tests.service.auth.service import AuthService

pytestmark = pytest.mark.engine

TOO_DEEP = "[" * 40 + "]" * 40
BODIES = {
    "empty": b"",
    "not JSON": b"email=a@example.com",
    "an array": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "cut off": b'{"email": "a@exa',
    "two values": b"{} {}",
    "not UTF-8": b'{"email": "\xff\xfe"}',
    "UTF-16": '{"email": "a@example.com"}'.encode("utf-16"),
    "a NUL in a value": rb'{"email": "a@example.com", "password": "password\u0000"}',
    "a NUL in a key": rb'{"email": "a@example.com", "data": {"\u0000": 1}}',
    "a lone surrogate": rb'{"email": "a@example.com", "data": {"x": "\ud800"}}',
    "nested too deep": f'{{"email": "a@example.com", "data": {{"x": {TOO_DEEP}}}}}'.encode(),
    "nested far too deep": b"[" * 100_000,
    "not a number": b'{"email": "a@example.com", "data": {"x": NaN}}',
    "infinity": b'{"email": "a@example.com", "data": {"x": 1e999}}',
    "a very long number": b'{"data": {"x": ' + b"9" * 20_000 + b"}}",
    "a number for the address": b'{"email": 1, "password": "password-1"}',
    "an object for the password": b'{"email": "a@example.com", "password": {}}',
    "arrays for objects": b'{"email": "a@example.com", "data": [], "user_metadata": []}',
}
REQUESTS = [
    ("POST", "/signup"),
    ("POST", "/token?grant_type=password"),
    ("POST", "/token?grant_type=refresh_token"),
    ("PUT", "/user"),
    ("POST", "/admin/users"),
]
UNREADABLE = {
    name: body
    for name, body in BODIES.items()
    if name not in {"an object for the password", "arrays for objects"}
}
MORE_REQUESTS = [
    "/recover",
    "/otp",
    "/magiclink",
    "/resend",
    "/verify",
    "/invite",
    "/admin/generate_link",
    "/token?grant_type=pkce",
]
FORMS = {"code", "error_code", "msg"}


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_bad_body_is_refused_in_gotrues_form(
    service: AuthService, method: str, path: str, body: bytes
) -> None:
    answer = service.request(method, path, body=body, token=SERVICE_TOKEN)

    assert (answer.status_code // 100, set(answer.json())) == (4, FORMS)


@pytest.mark.parametrize("path", MORE_REQUESTS)
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_body_that_cannot_be_read_is_refused_in_gotrues_form(
    service: AuthService, path: str, body: bytes
) -> None:
    answer = service.request("POST", path, body=body, token=SERVICE_TOKEN)

    assert (answer.status_code // 100, set(answer.json())) == (4, FORMS)


@pytest.mark.parametrize("path", ["/signup", *MORE_REQUESTS])
def test_a_body_over_one_mebibyte_is_refused_everywhere(service: AuthService, path: str) -> None:
    body = b'{"email": "' + b"x" * (1024 * 1024) + b'"}'

    assert service.request("POST", path, body=body).status_code == 413


@pytest.mark.parametrize("size", [1024 * 1024 + 1, 8 * 1024 * 1024])
def test_a_body_over_one_mebibyte_is_refused(service: AuthService, size: int) -> None:
    answer = service.request("POST", "/signup", body=b'{"data": {"x": "' + b"x" * size + b'"}}')

    assert (answer.status_code, answer.json()["error_code"]) == (413, "payload_too_large")


def test_a_body_of_undeclared_length_is_counted(service: AuthService) -> None:
    chunks = (b"x" * 65_536 for _ in range(32))

    answer = service.client.post("/signup", content=chunks)

    assert answer.status_code == 413


@pytest.mark.parametrize(
    "email",
    ["", " ", "a@", "@b", "a b@example.com", "a@b@c", "ä@example.com", "a@-b.com", "x" * 300],
)
def test_an_address_that_is_none_is_refused(service: AuthService, email: str) -> None:
    body = {"email": email, "password": "password-1", "phone": ""}

    answer = service.request("POST", "/admin/users", body=body, token=SERVICE_TOKEN)

    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")


@pytest.mark.parametrize("email", ["' or 1=1 --@example.com", "%@example.com", '"; drop table'])
def test_sql_in_an_address_finds_nobody(service: AuthService, email: str) -> None:
    assert service.sign_in(email).json()["error_code"] == "invalid_credentials"


def test_a_password_longer_than_bcrypt_reads_is_refused(service: AuthService) -> None:
    body = {"email": "long@example.com", "password": "x" * 73}

    assert service.request("POST", "/signup", body=body).json()["msg"] == (
        "Password cannot be longer than 72 characters"
    )


def test_a_password_longer_than_bcrypt_reads_signs_nobody_in(
    service: AuthService, user: dict[str, Any]
) -> None:
    answer = service.sign_in(user["user"]["email"], "password-1" + "x" * 80)

    assert answer.json()["error_code"] == "invalid_credentials"


@pytest.mark.parametrize(
    "query",
    [
        "page=-1",
        "page=x",
        "per_page=0",
        "per_page=1e3",
        "page=99999999999999999999",
        "per_page=%D9%A1",
    ],
)
def test_a_page_that_is_none_is_refused(service: AuthService, query: str) -> None:
    answer = service.request("GET", f"/admin/users?{query}", token=SERVICE_TOKEN)

    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")


@pytest.mark.parametrize("duration", ["1", "h", "1d", "24", "-", "9e9h", "99999999h", "1h 2m"])
def test_a_ban_duration_that_is_none_is_refused(
    service: AuthService, user: dict[str, Any], duration: str
) -> None:
    path = f"/admin/users/{user['user']['id']}"

    answer = service.request("PUT", path, body={"ban_duration": duration}, token=SERVICE_TOKEN)

    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")


@pytest.mark.parametrize(
    ("version", "keys"),
    [
        ("2023-12-31", FORMS),
        ("nonsense", FORMS),
        ("2024-01-01", {"code", "message"}),
        ("2030-06-01", {"code", "message"}),
    ],
)
def test_the_version_header_chooses_the_error_form(
    service: AuthService, version: str, keys: set[str]
) -> None:
    answer = service.request("GET", "/user", headers={"X-Supabase-Api-Version": version})

    assert set(answer.json()) == keys


def test_the_newer_form_of_a_weak_password_names_its_reasons(service: AuthService) -> None:
    answer = service.request(
        "POST",
        "/signup",
        body={"email": "weak@example.com", "password": "123"},
        headers={"X-Supabase-Api-Version": "2024-01-01"},
    )

    assert answer.json()["weak_password"] == {"reasons": ["length"]}
