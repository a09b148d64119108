"""Whatever a request's headers hold, the service answers, and not with a failure of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.auth.service import PASSWORD, SERVICE_TOKEN, new_email

if TYPE_CHECKING:
    from tests.service.auth.service import AuthService

pytestmark = pytest.mark.engine

READ_HEADERS = [
    "Authorization",
    "Content-Type",
    "Forwarded",
    "Referer",
    "User-Agent",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-JWT-AUD",
    "X-Request-ID",
    "X-Supabase-Api-Version",
    "redirect_to",
]
# Octets that HTTP allows in a field's value (RFC 9110, section 5.5), and values that are almost
# what is expected.
VALUES = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=80
).map(lambda text: text.strip().encode("latin-1")) | st.sampled_from(
    [
        b"Bearer",
        b"bearer  x",
        b"Bearer ..",
        b"Bearer null",
        f"Bearer {SERVICE_TOKEN}".encode(),
        f"Basic {SERVICE_TOKEN}".encode(),
        b"127.0.0.1, ::1%eth0,",
        b"unknown, [2001:db8::1]:443",
        b"2024-01-01",
        b"2024-13-45",
        b"9999-12-31T23:59:59Z",
        b"http://[::1",
        b"http://localhost:99999999999/",
        b"application/json; charset=utf-16",
        b"multipart/form-data; boundary=x",
        b"x" * 8000,
    ]
)
HEADERS = st.lists(st.tuples(st.sampled_from(READ_HEADERS), VALUES), max_size=5)
REQUESTS = ["GET /user", "GET /admin/users", "POST /signup", "POST /recover", "GET /verify"]


@pytest.mark.parametrize("name", REQUESTS)
@settings(
    max_examples=settings().max_examples // 4,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(headers=HEADERS)
def test_odd_headers_do_no_harm(
    confirming_service: AuthService, name: str, headers: list[tuple[str, bytes]]
) -> None:
    method, path = name.split()
    body = None if method == "GET" else {"email": new_email(), "password": PASSWORD}
    answer = confirming_service.client.request(
        method,
        f"{path}?type=signup&token=x",
        json=body,
        headers=[(field.encode(), value) for field, value in headers],
    )
    assert answer.status_code < 500


@settings(
    max_examples=settings().max_examples // 2,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(path=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
def test_odd_paths_do_no_harm(service: AuthService, path: str) -> None:
    answer = service.client.request("GET", f"{service.url}/{path}", headers={"Authorization": "x"})
    assert answer.status_code < 500
