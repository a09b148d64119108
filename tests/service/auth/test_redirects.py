"""Where links may lead, and where they must not."""

from __future__ import annotations

import pytest

from services.auth.redirects import RedirectRules

RULES = RedirectRules.from_globs(
    "https://app.example.com",
    [
        "https://*.example.net/**",
        "https://one.example.org/*",
        "https://two.example.org/[a-c][!x]?",
        "https://{three,four}.example.org/",
        "plinth://callback",
    ],
)


@pytest.mark.parametrize(
    "address",
    [
        "https://app.example.com",
        "https://app.example.com/reset?step=1#top",
        "https://x.example.net/",
        "https://x.example.net/a/b.c?d=e",
        "https://one.example.org/page",
        "https://two.example.org/abc",
        "https://three.example.org/",
        "https://four.example.org/",
        "plinth://callback",
        "plinth://callback#fragment",
        "http://127.0.0.1:5173/",
        "http://[::1]:5173/",
    ],
)
def test_allowed(address: str) -> None:
    assert RULES.allows(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://evil.example/",
        "http://app.example.com/",
        "https://app.example.com:8443/",
        "https://app.example.com.evil.example/",
        "https://evilapp.example.com/",
        "//evil.example",
        "/relative",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://x.y.example.net/",
        "https://example.net/",
        "https://evil.example/x.example.net/",
        "https://one.example.org/a/b",
        "https://two.example.org/dbc",
        "https://two.example.org/axc",
        "https://five.example.org/",
        "plinth://callback/more",
        "https://app.example.com@evil.example/",
        "https://someone@app.example.com/",
        "https://evil.example\\@app.example.com/",
        "https://evil.example\\.app.example.com/",
        "\thttps://app.example.com/",
        "https://app.example.com/\r\nSet-Cookie: a=b",
        "https://2130706433/",
        "https://10.0.0.1/",
        "https://[fe80::1]/",
        "https://app.example.com:99999/",
        "https://[broken/",
        "https://app.example.com/" + "x" * 4000,
    ],
)
def test_refused(address: str) -> None:
    assert not RULES.allows(address)


def test_a_loopback_site_may_have_any_port() -> None:
    rules = RedirectRules.from_globs("http://localhost:3000", [])
    assert rules.allows("http://localhost:5173/")


def test_the_first_allowed_candidate_is_chosen() -> None:
    assert RULES.choose("https://evil.example/", "plinth://callback") == "plinth://callback"


def test_without_an_allowed_candidate_the_application_is_chosen() -> None:
    assert RULES.choose("https://evil.example/", "") == "https://app.example.com"
