"""Where a planted secret is found, and what is told of it."""

import base64
from typing import Any
from urllib.parse import quote

import pytest

from policies.secret_forms import forms
from scan.__main__ import table
from scan.known import Secret
from scan.places import container_places
from scan.search import Finding, Place, find, texts

VALUE = "umxN4f92HXPE+hOWnfhi65jM/Q1gvcXG"
SECRET = Secret("password-auth", forms(VALUE))


def inspected(**settings: Any) -> dict[str, Any]:
    """What the engine says about a container that lists one secret variable."""
    labels = {"plinth.secret-names": "PGPASSWORD"} | settings.pop("labels", {})
    return {
        "Name": "/plinth-a-auth",
        "Config": {"Env": [f"PGPASSWORD={VALUE}", "PGUSER=auth"], "Labels": labels} | settings,
        "State": {"Health": {"Log": [{"Output": "healthy"}]}},
    }


@pytest.mark.parametrize(
    "text",
    [
        VALUE,
        f"postgres://auth:{quote(VALUE, safe='')}@postgres",
        base64.b64encode(f"auth:{VALUE}".encode()).decode(),
        base64.b64encode(f"auth2:{VALUE}!".encode()).decode(),
        base64.urlsafe_b64encode(f"a:{VALUE}, and more".encode()).decode(),
        VALUE.encode().hex(),
    ],
    ids=["plain", "percent", "base64", "base64 elsewhere", "base64 for URLs", "hexadecimal"],
)
def test_a_secret_is_found_in_any_form(text: str) -> None:
    assert find([Place("state", "a.b", f"before {text} after")], [SECRET]) == [
        Finding("state", "a.b", "password-auth")
    ]


@pytest.mark.parametrize(
    "text", ["", VALUE[:-1], base64.b64encode(VALUE[:-6].encode()).decode(), VALUE.lower()]
)
def test_another_text_is_not_found(text: str) -> None:
    assert find([Place("state", "a", text)], [SECRET]) == []


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [{"b": VALUE}]}, "a[0].b"),
        ({"a": {"b": {"c": f"x{VALUE}"}}}, "a.b.c"),
        ([1, None, VALUE], "[2]"),
    ],
)
def test_a_finding_says_where(value: Any, path: str) -> None:
    [found] = find(texts("state", value), [SECRET])
    assert found.path == path


def test_a_secret_that_is_a_key_is_found_and_not_shown() -> None:
    [found] = find(texts("state", {VALUE: 1}), [SECRET])
    assert (found.path, VALUE in repr(found)) == ("(hidden)", False)


def test_a_secret_in_its_own_variable_is_in_place() -> None:
    assert find(container_places(inspected()), [SECRET]) == []


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"Env": [f"TITLE={VALUE}"]}, "environment variable TITLE"),
        ({"Cmd": ["server", VALUE]}, "Config.Cmd[1]"),
        ({"labels": {"title": VALUE}}, "Config.Labels.title"),
        ({"Healthcheck": {"Test": ["CMD", VALUE]}}, "Config.Healthcheck.Test[1]"),
    ],
    ids=["variable", "command", "label", "health check"],
)
def test_a_secret_elsewhere_in_a_container_is_found(settings: dict[str, Any], path: str) -> None:
    [found] = find(container_places(inspected(**settings)), [SECRET])
    assert (found.source, found.path) == ("container plinth-a-auth", path)


def test_the_table_has_a_line_for_each_finding() -> None:
    lines = table([Finding("state", "auth.inputs.envs[0]", "password-auth")])
    assert [line.split() for line in lines] == [
        ["WHERE", "AT", "SECRET", "OF"],
        ["state", "auth.inputs.envs[0]", "password-auth"],
    ]
