"""Requests that Kong's scripts refuse to read, and what they take off those that they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.gateway.kong.entities import CLIENT_HEADER
from infra.gateway.routes import MEBIBYTE
from infra.gateway.settings import Tls

from .stand_in import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stand_in import Headers, Kong

PATH = "/rest/v1/todos"


@pytest.mark.parametrize(
    "path",
    [
        "/auth/v1/x/../admin/users",
        "/auth/v1//admin/users",
        "/auth//v1/admin/users",
        "/auth/v1/./admin/users",
        "/auth/v1/%61dmin/users",
        "/auth/v1/x/%2e%2e/admin/users",
        "/auth/v1/verify/../admin/users",
        "/rest/v1/../../auth/v1/admin/users",
    ],
)
def test_other_spelling_of_a_path_is_the_path(kong: Kong, publishable: Headers, path: str) -> None:
    answer = kong.send(path, publishable)
    assert (answer.status, answer.code) == (403, "forbidden")


@pytest.mark.parametrize(
    "path",
    [
        "/auth/v1/x%2f..%2fadmin/users",
        "/auth/v1/%2Fadmin/users",
        "/auth/v1/x%5c..%5cadmin",
        "/auth/v1/x\\..\\admin",
        "/auth/v1/verify%00/admin",
        "/auth/v1/verify#/../admin",
        "http://gateway/auth/v1/admin/users",
        "*",
    ],
)
def test_path_that_reads_in_two_ways_is_refused(
    kong: Kong, publishable: Headers, path: str
) -> None:
    answer = kong.send(path, publishable)
    assert (answer.status, answer.code) == (400, "bad_request")


@pytest.mark.parametrize(
    "path",
    ["/auth/v1/ADMIN/users", "/auth/v1/admin;/users", "/auth/v1/admin./users", "/auth/v1/adminx"],
)
def test_path_beside_a_guarded_one_is_not_the_guarded_one(
    kong: Kong, publishable: Headers, path: str
) -> None:
    # The component knows no such path.
    answer = kong.send(path, publishable)
    assert answer.component
    assert answer.component["path"] == path.removeprefix("/auth/v1")


@pytest.mark.parametrize("path", ["/", "/nowhere", "/rest/v1x", "/rest", "/health/live/x"])
def test_path_of_no_route_is_not_found(kong: Kong, key: Callable[[str], str], path: str) -> None:
    answer = kong.send(path, [("apikey", key("secret"))])
    assert (answer.status, answer.code) == (404, "not_found")


def test_gateway_answers_for_itself(kong: Kong) -> None:
    answer = kong.send("/health/live")
    assert (answer.status, answer.body) == (200, '{"status":"ok"}')


@pytest.mark.parametrize(
    ("path", "seen"),
    [(PATH, "/todos"), ("/rest/v1/a/b%20c", "/a/b%20c"), ("/rest/v1/x/../y", "/y")],
)
def test_component_sees_the_path_below_the_prefix(
    kong: Kong, publishable: Headers, path: str, seen: str
) -> None:
    answer = kong.send(path, publishable)
    assert answer.component
    assert answer.component["path"] == seen


@pytest.mark.parametrize(
    "name",
    [
        "X-User-Id",
        "X-User-Role",
        "x-user-anything",
        "X-Service-Token",
        "X-Consumer-Id",
        "X-Forwarded-User",
        "X-Authenticated-Userid",
        "X-Real-IP",
        "X-Original-URL",
        "X-HTTP-Method-Override",
        "Forwarded",
        "apikey",
        CLIENT_HEADER,
    ],
)
def test_identity_by_header_is_taken_off(kong: Kong, publishable: Headers, name: str) -> None:
    answer = kong.send("/auth/v1/verify", [*publishable, (name, "forged")])
    assert "forged" not in str(answer.component)


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix"])
def test_address_by_header_is_taken_off_without_a_trusted_proxy(
    strict_kong: Kong, publishable: Headers, name: str
) -> None:
    answer = strict_kong.send(PATH, [*publishable, (name, "forged")])
    assert "forged" not in str(answer.component)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("X_User_Id", "forged")], 400),
        ([("Content-Length", "3"), ("Transfer-Encoding", "chunked")], 400),
        ([(f"X-{number}", "1") for number in range(101)], 431),
    ],
    ids=["underscores", "two lengths", "too many"],
)
def test_headers_that_are_refused(
    kong: Kong, publishable: Headers, headers: Headers, status: int
) -> None:
    answer = kong.send(PATH, [*publishable, *headers])
    assert (answer.status, answer.code) == (status, "bad_request")


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "get"])
def test_other_method_is_refused(kong: Kong, publishable: Headers, method: str) -> None:
    answer = kong.send(PATH, publishable, method=method)
    assert (answer.status, answer.code) == (405, "method_not_allowed")


def test_refusal_of_a_method_says_which_there_are(kong: Kong) -> None:
    assert "PATCH" in kong.send(PATH, method="TRACE").headers["allow"].split(", ")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", [PATH, "/auth/v1/admin", "/auth/v1/verify", "/auth/v1/metrics"])
def test_path_is_guarded_for_every_method(
    kong: Kong, publishable: Headers, method: str, path: str
) -> None:
    answer = kong.send(path, publishable, method=method)
    assert answer.status == kong.send(path, publishable).status


@pytest.mark.parametrize("protocol", ["websocket", "WebSocket", "h3", "websocket, h2c"])
def test_upgrade_on_a_plain_route_is_refused(
    kong: Kong, publishable: Headers, protocol: str
) -> None:
    headers = [*publishable, ("Connection", "keep-alive, Upgrade"), ("Upgrade", protocol)]
    answer = kong.send(PATH, headers)
    assert (answer.status, answer.code) == (400, "bad_request")


def test_offer_of_http_2_without_tls_is_no_upgrade(kong: Kong, publishable: Headers) -> None:
    headers = [*publishable, ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c")]
    assert kong.send(PATH, headers).status == 200


@pytest.mark.parametrize(
    ("trusted", "forwarded", "client"),
    [
        (0, "203.0.113.9", "198.51.100.7"),
        (1, None, "198.51.100.7"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "192.0.2.1, 203.0.113.9", "203.0.113.9"),
        (2, "192.0.2.1, 203.0.113.9, 203.0.113.10", "203.0.113.9"),
        (2, "203.0.113.9", "198.51.100.7"),
        (1, "not an address", "198.51.100.7"),
    ],
)
def test_client_by_the_number_of_trusted_proxies(
    start_kong: Callable[..., Kong], trusted: int, forwarded: str | None, client: str
) -> None:
    headers = [("X-Forwarded-For", forwarded)] if forwarded else []
    answer = start_kong(trusted_proxies=trusted).send(PATH, headers)
    assert answer.log["client"] == client


def test_forwarded_addresses_on_several_lines_are_one_list(kong: Kong) -> None:
    headers = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "203.0.113.9")]
    assert kong.send(PATH, headers).log["client"] == "203.0.113.9"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:0:7:1:2:3:4", "2001:db8:0:7::"),
        ("2001:db8:0:7::1", "2001:db8:0:7::"),
        ("2001:DB8::1", "2001:db8:0:0::"),
        ("::1", "0:0:0:0::"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
    ],
)
def test_requests_are_counted_by_address_or_network(kong: Kong, address: str, counted: str) -> None:
    # Where the plugin that counts would refuse: before the header is taken off again.
    kong.send(PATH, [("X-Forwarded-For", address)], component=refused(429))
    assert dict(kong.request_headers)[CLIENT_HEADER] == counted


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [
        ("/small/v1/", 1024, 200),
        ("/small/v1/", 1025, 413),
        ("/upload/v1/", MEBIBYTE, 200),
        ("/upload/v1/", MEBIBYTE + 1, 413),
    ],
)
def test_body_of_unknown_length_is_taken_up_to_the_limit(
    kong: Kong, publishable: Headers, path: str, length: int, status: int
) -> None:
    headers = [*publishable, ("Transfer-Encoding", "chunked")]
    assert kong.send(path, headers, method="POST", body="x" * length).status == status


def test_body_of_known_length_is_left_to_nginx(kong: Kong, publishable: Headers) -> None:
    length = 2 * MEBIBYTE
    headers = [*publishable, ("Content-Length", str(length))]
    assert kong.send("/upload/v1/", headers, method="POST", body="x" * length).status == 200


def test_what_is_counted_by_is_not_for_the_component(kong: Kong, publishable: Headers) -> None:
    answer = kong.send(PATH, publishable)
    assert answer.component
    assert CLIENT_HEADER not in answer.component["headers"]


@pytest.fixture(scope="module")
def kong_with_tls(start_kong: Callable[..., Kong]) -> Kong:
    return start_kong(tls=Tls(public_host="api.example.org", public_port=8443))


@pytest.mark.parametrize("target", ["/rest/v1/a?b=c", "/", "/nowhere"])
def test_plain_http_is_sent_to_the_public_url(kong_with_tls: Kong, target: str) -> None:
    answer = kong_with_tls.send(target, [("Host", "evil.example")])
    expected = (308, f"https://api.example.org:8443{target}")
    assert (answer.status, answer.headers["location"]) == expected


def test_redirect_does_not_ask_for_strict_transport(kong_with_tls: Kong) -> None:
    assert "strict-transport-security" not in kong_with_tls.send("/").headers
