"""What Kong's scripts make of answers: their headers, the bodies of refusals, the log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from infra.gateway.errors import REFUSALS
from infra.gateway.kong.scripts import KONG_LOG_FIELDS

from .stand_in import ComponentAnswer, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stand_in import Answer, Headers, Kong

PATH = "/rest/v1/todos"
SECURITY_HEADERS = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
}


@pytest.fixture(params=[200, 400, 401, 403, 404, 413, 429, 502, 504])
def answer(request: pytest.FixtureRequest, kong: Kong, publishable: Headers) -> Answer:
    """An answer of each kind: a component's, a script's, a plugin's, nginx's."""
    status: int = request.param
    from_script = {400: "/a%2fb", 403: "/auth/v1/admin", 404: "/nowhere"}
    if status == 401:
        return kong.send(PATH)
    if status == 200 or status in from_script:
        return kong.send(from_script.get(status, PATH), publishable)
    return kong.send(PATH, publishable, component=refused(status))


@pytest.mark.parametrize(("name", "value"), SECURITY_HEADERS.items())
def test_security_header_is_on_every_answer(answer: Answer, name: str, value: str) -> None:
    assert answer.headers[name] == value


def test_every_answer_has_a_request_id(answer: Answer) -> None:
    assert answer.headers["x-request-id"]


def test_every_answer_is_logged_with_its_status(answer: Answer) -> None:
    assert answer.log["status"] == answer.status


def test_plain_http_does_not_ask_for_strict_transport(start_kong: Callable[..., Kong]) -> None:
    answer = start_kong(secure=False).send(PATH)
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    ("refused_with", "status", "code"),
    [
        (400, 400, "bad_request"),
        (404, 404, "not_found"),
        (405, 405, "method_not_allowed"),
        (408, 408, "request_timeout"),
        (411, 411, "bad_request"),
        (413, 413, "payload_too_large"),
        (414, 414, "bad_request"),
        (417, 413, "payload_too_large"),
        (429, 429, "rate_limited"),
        (494, 431, "bad_request"),
        (500, 503, "upstream_unavailable"),
        (501, 400, "bad_request"),
        (502, 503, "upstream_unavailable"),
        (503, 503, "upstream_unavailable"),
        (504, 504, "upstream_unavailable"),
    ],
)
def test_refusal_of_a_plugin_or_of_nginx_is_the_gateway_s(
    kong: Kong, publishable: Headers, refused_with: int, status: int, code: str
) -> None:
    answer = kong.send(PATH, publishable, component=refused(refused_with))
    assert (answer.status, answer.code) == (status, code)


def test_refusal_reads_as_envoy_s_does(kong: Kong) -> None:
    message = REFUSALS["missing_api_key"].message
    assert json.loads(kong.send(PATH, [("X-Request-ID", "seen-before")]).body) == {
        "success": False,
        "error": {"code": "missing_api_key", "message": message},
        "message": message,
        "request_id": "seen-before",
    }


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_refusal_of_a_component_is_left_as_it_is(
    kong: Kong, publishable: Headers, status: int
) -> None:
    answer = kong.send(PATH, publishable, component=ComponentAnswer(status, body="its own"))
    assert (answer.status, answer.body) == (status, "its own")


@pytest.mark.parametrize("name", ["Server", "X-Powered-By", "Via"])
def test_no_answer_names_the_software(kong: Kong, publishable: Headers, name: str) -> None:
    component = ComponentAnswer(headers=((name, "uvicorn"),))
    assert name.lower() not in kong.send(PATH, publishable, component=component).headers


def test_component_s_own_permission_is_kept_back(kong: Kong, publishable: Headers) -> None:
    component = ComponentAnswer(headers=(("Access-Control-Allow-Origin", "*"),))
    answer = kong.send(PATH, publishable, component=component)
    assert "access-control-allow-origin" not in answer.headers


def test_answer_to_a_preflight_is_left_as_it_is(kong: Kong, publishable: Headers) -> None:
    allowed = (("Access-Control-Allow-Origin", "https://app.example.org"),)
    answer = kong.send(PATH, publishable, component=ComponentAnswer(headers=allowed, source="exit"))
    assert answer.headers["access-control-allow-origin"] == "https://app.example.org"


def test_rate_limit_headers_have_the_gateway_s_names(kong: Kong, publishable: Headers) -> None:
    counted = (
        ("RateLimit-Limit", "180"),
        ("RateLimit-Remaining", "179"),
        ("RateLimit-Reset", "31"),
        ("X-RateLimit-Limit-Minute", "180"),
        ("X-RateLimit-Remaining-Minute", "179"),
    )
    answer = kong.send(PATH, publishable, component=ComponentAnswer(headers=counted))
    named = {name: value for name, value in answer.headers.items() if "ratelimit" in name}
    assert named == {
        "x-ratelimit-limit": "180",
        "x-ratelimit-remaining": "179",
        "x-ratelimit-reset": "31",
    }


@pytest.mark.parametrize("path", [PATH, "/socket/v1/join", "/nowhere", "/auth/v1/x%2fadmin"])
@pytest.mark.parametrize("carrier", ["query", "header", "bearer"])
def test_access_log_is_without_keys(
    kong: Kong, key: Callable[[str], str], path: str, carrier: str
) -> None:
    secret = key("secret")
    headers = {"header": [("apikey", secret)], "bearer": [("Authorization", f"Bearer {secret}")]}
    target = f"{path}?apikey={secret}" if carrier == "query" else path
    assert secret not in str(kong.send(target, headers.get(carrier, [])).log)


def test_access_log_has_none_of_kong_s_own_fields(kong: Kong, publishable: Headers) -> None:
    written = kong.send(PATH, publishable).log.keys()
    assert not (KONG_LOG_FIELDS - {"route", "service"}) & written


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("service", "gateway"),
        ("method", "GET"),
        ("path", "/rest/v1/logged"),
        ("route", "rest"),
        ("role", "anon"),
        ("status", 200),
        ("details", "service"),
        ("bytes_received", 321),
        ("bytes_sent", 123),
    ],
)
def test_access_log_says(kong: Kong, publishable: Headers, field: str, value: object) -> None:
    assert kong.send("/rest/v1/logged?select=secret", publishable).log[field] == value


def test_access_log_names_the_refusal(kong: Kong) -> None:
    assert kong.send(PATH).log["details"] == "missing_api_key"


def test_access_log_has_the_request_id_of_the_answer(kong: Kong, publishable: Headers) -> None:
    answer = kong.send(PATH, publishable)
    assert answer.log["request_id"] == answer.headers["x-request-id"]
