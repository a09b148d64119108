"""What the gateway adds to answers, and what it takes from requests."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from .conftest import ORIGIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Gateway

pytestmark = pytest.mark.engine

SECURITY_HEADERS = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
}
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}


@pytest.fixture(params=[200, 401, 403, 404, 413, 429, 503])
def answer(
    request: pytest.FixtureRequest, client: httpx.Client, publishable: dict[str, str]
) -> httpx.Response:
    """An answer of the given status, to a request of an allowed origin."""
    status: int = request.param
    headers = {**publishable, "Origin": ORIGIN}
    paths = {
        200: "/rest/v1/todos",
        403: "/auth/v1/admin",
        404: "/nowhere",
        429: "/limited/v1/",
        503: "/down/v1/",
    }
    if status == 401:
        return client.get("/rest/v1/todos", headers={"Origin": ORIGIN})
    if status == 413:
        return client.post("/small/v1/", headers=headers, content=b"x" * 2000)
    answers = [client.get(paths[status], headers=headers) for _ in range(5)]
    assert answers[-1].status_code == status
    return answers[-1]


@pytest.mark.parametrize(("name", "value"), SECURITY_HEADERS.items())
def test_security_header_is_on_every_answer(answer: httpx.Response, name: str, value: str) -> None:
    assert answer.headers.get_list(name) == [value]


def test_every_answer_of_a_route_tells_an_allowed_origin_so(answer: httpx.Response) -> None:
    expected = [] if answer.status_code == 404 else [ORIGIN]  # no route, no word about origins
    assert answer.headers.get_list("access-control-allow-origin") == expected


def test_every_answer_has_a_request_id(answer: httpx.Response) -> None:
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])


@pytest.mark.parametrize("name", ["server", "x-powered-by", "via", "x-envoy-upstream-service-time"])
def test_no_answer_names_the_software(answer: httpx.Response, name: str) -> None:
    assert name not in answer.headers


def test_refused_before_any_filter_has_the_security_headers(
    send_raw: Callable[[bytes], bytes],
) -> None:
    answer = send_raw(b"GET /a%2fb HTTP/1.1\r\nHost: gateway\r\n\r\n").lower()
    assert b"\r\nx-frame-options: deny\r\n" in answer


def test_plain_http_does_not_ask_for_strict_transport(
    start_gateway: Callable[..., Gateway],
) -> None:
    answer = httpx.get(f"{start_gateway(secure=False).url}/nowhere")
    assert "strict-transport-security" not in answer.headers


def test_request_id_is_kept(client: httpx.Client, publishable: dict[str, str]) -> None:
    headers = {**publishable, "X-Request-ID": "from-the-client"}
    assert client.get("/rest/v1/", headers=headers).headers["x-request-id"] == "from-the-client"


def test_component_sees_the_request_id(client: httpx.Client, publishable: dict[str, str]) -> None:
    answer = client.get("/rest/v1/todos", headers=publishable)
    assert answer.json()["headers"]["x-request-id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "name",
    [
        "X-User-Id",
        "X-User-Role",
        "x-user-anything",
        "X-Service-Token",
        "X-Service-Name",
        "X-Consumer-Id",
        "X-Forwarded-User",
        "X-Authenticated-Userid",
        "X-Real-IP",
        "X-Original-URL",
        "Forwarded",
        "apikey",
    ],
)
def test_identity_by_header_is_taken_off(
    client: httpx.Client, publishable: dict[str, str], name: str
) -> None:
    headers = {name: "forged", **publishable}
    seen = client.get("/rest/v1/todos", headers=headers).json()["headers"]
    assert name.lower() not in seen


def test_header_with_underscores_is_refused(
    client: httpx.Client, publishable: dict[str, str]
) -> None:
    answer = client.get("/rest/v1/todos", headers={**publishable, "X_User_Id": "forged"})
    assert answer.status_code == 400


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix"])
def test_address_by_header_is_taken_off_without_a_trusted_proxy(
    strict_client: httpx.Client, publishable: dict[str, str], name: str
) -> None:
    headers = {**publishable, name: "forged"}
    seen = strict_client.get("/rest/v1/todos", headers=headers).json()["headers"]
    assert name.lower() not in seen


def test_protocol_by_header_is_not_believed_without_a_trusted_proxy(
    strict_client: httpx.Client, publishable: dict[str, str]
) -> None:
    headers = {**publishable, "X-Forwarded-Proto": "https"}
    seen = strict_client.get("/rest/v1/todos", headers=headers).json()["headers"]
    assert seen["x-forwarded-proto"] == "http"


@pytest.mark.parametrize("path", ["/rest/v1/todos", "/auth/v1/token", "/auth/v1/admin/users"])
def test_preflight_needs_no_key(client: httpx.Client, path: str) -> None:
    assert client.options(path, headers=PREFLIGHT).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("access-control-allow-origin", ORIGIN),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("access-control-max-age", "3600"),
    ],
)
def test_preflight_of_an_allowed_origin(client: httpx.Client, name: str, value: str) -> None:
    assert client.options("/rest/v1/todos", headers=PREFLIGHT).headers[name] == value


@pytest.mark.parametrize(
    "header",
    [
        "authorization",
        "content-type",
        "apikey",
        "x-client-info",
        "prefer",
        "range",
        "upload-offset",
    ],
)
def test_preflight_allows_the_headers_of_the_clients(client: httpx.Client, header: str) -> None:
    allowed = client.options("/rest/v1/todos", headers=PREFLIGHT).headers
    assert header in allowed["access-control-allow-headers"].lower().split(", ")


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", f"{ORIGIN}.evil.example", "http://app.example.org", "*"],
)
def test_preflight_of_another_origin_allows_nothing(client: httpx.Client, origin: str) -> None:
    answer = client.options("/rest/v1/todos", headers={**PREFLIGHT, "Origin": origin})
    assert "access-control-allow-origin" not in answer.headers


def test_answer_to_another_origin_keeps_the_component_s_own_permission_back(
    client: httpx.Client, publishable: dict[str, str]
) -> None:
    headers = {**publishable, "Origin": "https://evil.example"}
    answer = client.get("/rest/v1/todos", headers=headers)
    assert "access-control-allow-origin" not in answer.headers


def test_exposed_headers(client: httpx.Client, publishable: dict[str, str]) -> None:
    answer = client.get("/rest/v1/todos", headers={**publishable, "Origin": ORIGIN})
    assert "Content-Range" in answer.headers["access-control-expose-headers"].split(", ")


@pytest.fixture
def log_line(gateway: Gateway) -> Callable[[str], str]:
    """Wait for the access log's line about a request."""

    def wait(request_id: str) -> str:
        for _ in range(100):
            for line in gateway.read_log().splitlines():
                if request_id in line:
                    return line
            time.sleep(0.1)
        return pytest.fail(f"no line about {request_id} in the log:\n{gateway.read_log()}")

    return wait


@pytest.mark.parametrize(
    "target",
    [
        "/rest/v1/todos?apikey={key}",
        "/socket/v1/join?apikey={key}",
        "/nowhere?apikey={key}",
        "/auth/v1/x%2fadmin?apikey={key}",
        "http://gateway/rest/v1/todos?apikey={key}",
    ],
)
def test_access_log_is_without_keys_of_queries(
    gateway: Gateway,
    send_raw: Callable[[bytes], bytes],
    client: httpx.Client,
    log_line: Callable[[str], str],
    target: str,
) -> None:
    key = gateway.key("secret")
    send_raw(f"GET {target.format(key=key)} HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
    log_line(client.get("/nowhere").headers["x-request-id"])  # written after the one before
    assert key not in gateway.read_log()


@pytest.mark.parametrize("carrier", ["header", "bearer", "query"])
def test_access_log_is_without_keys(
    client: httpx.Client, gateway: Gateway, log_line: Callable[[str], str], carrier: str
) -> None:
    key = gateway.key("secret")
    carriers: dict[str, httpx.Request] = {
        "header": client.build_request("GET", "/rest/v1/logged", headers={"apikey": key}),
        "bearer": client.build_request(
            "GET", "/rest/v1/logged", headers={"Authorization": f"Bearer {key}"}
        ),
        "query": client.build_request("GET", "/socket/v1/logged", params={"apikey": key}),
    }
    answer = client.send(carriers[carrier])
    assert key not in log_line(answer.headers["x-request-id"])


def test_access_log_gives_the_path_without_its_query(
    client: httpx.Client, publishable: dict[str, str], log_line: Callable[[str], str]
) -> None:
    answer = client.get("/rest/v1/logged?select=secret", headers=publishable)
    assert '"path":"/rest/v1/logged"' in log_line(answer.headers["x-request-id"])


def test_access_log_gives_the_role(
    client: httpx.Client, publishable: dict[str, str], log_line: Callable[[str], str]
) -> None:
    answer = client.get("/rest/v1/logged", headers=publishable)
    assert '"role":"anon"' in log_line(answer.headers["x-request-id"])
