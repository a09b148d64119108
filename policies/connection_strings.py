"""No password inside a connection string: it gets into logs, errors and process lists whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from policies.properties import UNKNOWN, block, component, elements, environment
from policies.subject import Parameters
from policies.violation import Violation, entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.properties import Properties
    from policies.subject import Subject

_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s:/@]*:(?![$%{<*])[^\s/@]+@", re.IGNORECASE)
"""`scheme://user:password@host`, unless the password is a reference such as `$PASSWORD`."""

_PASSWORD_PART = re.compile(r"(?:^|[\s;?&])(?:password|pwd)\s*=\s*(?![$%{<*])\S", re.IGNORECASE)
_SERVER_PART = re.compile(r"://|\b(?:host|hostaddr|server|dbname|database)\s*=", re.IGNORECASE)
"""Together: `postgres://host/database?password=…` and libpq's `host=… password=…`."""

_MEND = "Take the password out and hand it over in a variable of its own, such as PGPASSWORD"


class ConnectionStrings(Parameters):
    """Parameters of `no-password-in-connection-string`."""

    exceptions: Mapping[str, Annotated[str, Field(min_length=10)]] = {}
    """Why a variable must hold one, by `component.VARIABLE`: where the program reads its password
    from nothing else."""


def holds_password(text: str) -> bool:
    """Whether a text holds a connection string with a password in it."""
    if _URL.search(text):
        return True
    return bool(_PASSWORD_PART.search(text) and _SERVER_PART.search(text))


def _arguments(properties: Properties) -> Iterator[tuple[str, str]]:
    for path, holder, name in (
        ("command", properties, "command"),
        ("entrypoints", properties, "entrypoints"),
        ("healthcheck.tests", block(properties, "healthcheck"), "tests"),
    ):
        for position, argument in enumerate(elements(holder, name)):
            if isinstance(argument, str):
                yield f"{path}[{position}]", argument


def connection_string(subject: Subject[ConnectionStrings]) -> Iterator[Violation]:
    """No variable or argument holds a connection string with a password, marked secret or not."""
    properties = subject.properties
    owner = component(properties)
    problem = "holds a connection string with a password"
    for position, name, value in environment(properties):
        is_exempt = owner is UNKNOWN or f"{owner}.{name}" in subject.parameters.exceptions
        if holds_password(value) and not is_exempt:
            yield Violation(f"envs{entry(name, position)}", problem, _MEND)
    for path, argument in _arguments(properties):
        if holds_password(argument):
            yield Violation(path, problem, _MEND)
