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
        # What a browser reads differently from how it looks.
        "https://0x5db8d70e?.example.net/",
        "https://0x5db8d70e#.example.net/",
        "https://localhost?.example.net/",
        "https://0x5db8d70e%3f.example.net/",
        "https://evil.example?.example.net/",
        "https://evil.example#.example.net/",
        "https://evil.example%2f.example.net/",
        "https://x.example.net@evil.example/",
        "https://x.example.net:pass@evil.example/",
        "https://x.example.net%40evil.example/",
        "https://x.example.net\\@evil.example/",
        "https:\\\\x.example.net/",
        "https:/x.example.net/",
        "https:x.example.net/",
        "https:///x.example.net/",
        "https:////evil.example/",
        "//x.example.net/",
        "///evil.example",
        "/\\evil.example",
        "https://x.example.net.evil.example/",
        "https://x.example.net:443.evil.example/",
        "https://x.example.net:/@evil.example",
        "https://x.example.net:8443/",
        "http://x.example.net/",
        "https://evil.example/?x=https://x.example.net/",
        "https://evil.example/#https://x.example.net/",
        "https://x。example.net/",
        "https://x.example.net\u2215@evil.example/",
        "JavaScript:alert(1)",
        "javascript://x.example.net/%0aalert(1)",
        "javascript:https://x.example.net/",
        "vbscript:x",
        "data://x.example.net/,x",
        "blob:https://x.example.net/x",
        "file://x.example.net/etc/passwd",
        "plinth://callback?x",
        "plinth://callback@evil.example",
        "plinth://callback/../x",
        "PLINTH://callback",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://one.example.org/%2e%2e/a/b",
        "https://one.example.org/a%0d%0ab/c",
        "\u00a0https://app.example.com/",
        "https://app.example.com/\x7f",
        "https://app.example.com:0/",
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


@pytest.mark.parametrize(
    ("glob", "address", "is_allowed"),
    [
        ("https://**.example.net/**", "https://a.b.example.net/c?d", True),
        ("https://**.example.net/**", "https://evil.example/.example.net/", False),
        ("https://**.example.net/**", "https://evil.example?.example.net/", False),
        ("https://[!x].example.net/", "https://y.example.net/", True),
        ("https://[!x]evil.example.net/", "https://?evil.example.net/", False),
        ("https://{a,b/c}.example.net/", "https://a.example.net/", True),
        ("https://{*,b}.example.net/", "https://0x7f000001?.example.net/", False),
        ("http://localhost:*/**", "http://localhost:5173/a", True),
        ("https://preview.example.net**", "https://preview.example.net/a?b", True),
        ("https://**", "https://anything.example/a?b", True),
        ("**", "https://anything.example/a?b", True),
        ("com.my_app://*", "com.my_app://callback", True),
        ("com.my_app://*", "com.my_app://callback/more", False),
        ("https://example.net/*", "https://example.net/a", True),
        ("https://example.net/*", "https://example.net/a/b", False),
        ("https://example.net/*", "https://example.net/a.b", False),
    ],
)
def test_a_glob_for_a_host_is_compared_with_the_host(
    glob: str, address: str, *, is_allowed: bool
) -> None:
    assert RedirectRules.from_globs("https://app.example.com", [glob]).allows(address) is is_allowed


def test_capitals_in_the_name_of_the_application_do_not_matter() -> None:
    assert RULES.allows("HTTPS://APP.example.com/")
