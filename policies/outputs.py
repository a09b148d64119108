"""What a stack hands out: secret where its name or its value says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from policies.connection_strings import holds_password
from policies.resource_types import STACK
from policies.secret_detection import is_public_key_set, name_is_secret, secret_format, snake_case
from policies.subject import Parameters
from policies.violation import Violation, entry

if TYPE_CHECKING:
    from policies.subject import Graph, Member

_KEY = re.compile(r"(?:^|_)keys?$")
_MEND = "Export a secret Output, or list it in the policy's parameter `public` with the reason"


class Outputs(Parameters):
    """Parameters of `outputs-marked-secret`."""

    public: Mapping[str, Annotated[str, Field(min_length=10)]] = {
        "publishable_key": "clients carry it; row-level security decides what it sees",
        "legacy_anon_key": "the same for clients of older bundles, with the role anon",
    }
    """Why an output may be read by everybody although it looks like a secret, by its name."""


def _problem(name: str, value: object) -> str | None:
    """What is wrong with a plain value of that name, or None."""
    if isinstance(value, str):
        if kind := secret_format(value):
            return f"holds {kind} and is not secret"
        if holds_password(value):
            return "holds a connection string with a password and is not secret"
        if is_public_key_set(value):
            return None
    if name_is_secret(name) or _KEY.search(snake_case(name)):
        return "has a secret's name and is not secret"
    return None


def _plain_leaves(path: str, name: str, value: object) -> Iterator[tuple[str, str, object]]:
    """Every plain value inside a value: its path, its name, itself; none that is hidden."""
    if isinstance(value, Mapping):
        for position, (key, part) in enumerate(value.items()):
            yield from _plain_leaves(f"{path}{entry(key, position)}", key, part)
    elif isinstance(value, list):
        for position, part in enumerate(value):
            yield from _plain_leaves(f"{path}[{position}]", name, part)
    elif isinstance(value, str | int | float):
        yield path, name, value


def marked_secret(graph: Graph[Outputs]) -> Iterator[tuple[Member, Violation]]:
    """Every output that looks like a secret is marked as one."""
    for stack in graph.of_type(STACK):
        for position, (name, output) in enumerate(stack.properties.items()):
            if name in graph.parameters.public:
                continue
            for path, key, value in _plain_leaves(f"outputs{entry(name, position)}", name, output):
                if problem := _problem(key, value):
                    yield stack, Violation(path, problem, _MEND)
