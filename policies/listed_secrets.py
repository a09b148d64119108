"""A container holds the secrets that its specification lists, and no others.

The program writes the names of the secret variables that a specification lists into the label
`plinth.secret-names`. The engine marks the complete list `envs` as secret once one entry is, so the
mark does not tell which entries are; the label does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.properties import (
    UNKNOWN,
    block,
    elements,
    environment,
    given,
    hidden,
    label,
)
from policies.resource_types import (
    CONTAINER,
    RANDOM_BYTES,
    RANDOM_ID,
    RANDOM_PASSWORD,
    RANDOM_STRING,
    RANDOM_UUID,
)
from policies.secret_detection import secret_in_pair
from policies.secret_forms import forms
from policies.violation import Violation, entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policies.properties import Properties
    from policies.subject import Graph, Member, Subject

LABEL = "plinth.secret-names"
"""Label with the names of a container's secret variables, separated by commas."""

_SHORTEST_SECRET = 16
_MEND = "List it in the specification's secret_environment, or take it out"


def _listed(properties: Properties) -> frozenset[str] | None:
    """The names that a container's label lists; None while they are not known."""
    value = label(properties, LABEL)
    if value is UNKNOWN:
        return None
    return frozenset(filter(None, value.split(","))) if isinstance(value, str) else frozenset()


def _marks(properties: Properties) -> dict[int, bool]:
    """Whether each entry of the environment is marked as secret, or not known, by position."""
    raw = properties.get("envs")
    if hidden(raw):
        return dict.fromkeys(range(len(elements(properties, "envs"))), True)
    entries = raw if isinstance(raw, list) else []
    return {position: hidden(element) for position, element in enumerate(entries)}


def environment_listed(subject: Subject) -> Iterator[Violation]:
    """Every variable that seems to hold a secret is listed, and every listed one is marked."""
    properties = subject.properties
    listed = _listed(properties)
    if listed is None:
        return
    marks = _marks(properties)
    for position, name, value in environment(properties):
        path = f"envs{entry(name, position)}"
        if name not in listed and (kind := secret_in_pair(name, value)):
            yield Violation(path, f"{kind} and is not on the component's list of secrets", _MEND)
        elif name in listed and not marks[position]:
            yield Violation(path, "is listed as secret and in plain text", "Pass a secret Output")
    if UNKNOWN in (given(properties, "envs"), *elements(properties, "envs")):
        return
    held = {name for _, name, _ in environment(properties)}
    for name in sorted(listed - held):
        yield Violation(
            f'labels["{LABEL}"]',
            f"lists {name}, which the environment does not hold",
            "Take it off the list",
        )


def _generated(graph: Graph) -> Mapping[str, str]:
    """Every form of every generated secret, and whose it is."""
    found: dict[str, str] = {}
    for member in graph.of_type(RANDOM_PASSWORD):
        result = given(member.properties, "result")
        if isinstance(result, str) and len(result) >= _SHORTEST_SECRET:
            found |= dict.fromkeys(forms(result), member.name)
    return found


def _open_places(properties: Properties, listed: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Each place of a container where no secret may stand: its path and its text."""
    for position, name, value in environment(properties):
        if name not in listed:
            yield f"envs{entry(name, position)}", value
    lists = (
        ("command", properties, "command"),
        ("entrypoints", properties, "entrypoints"),
        ("healthcheck.tests", block(properties, "healthcheck"), "tests"),
    )
    for path, holder, list_name in lists:
        for position, element in enumerate(elements(holder, list_name)):
            if isinstance(element, str):
                yield f"{path}[{position}]", element
    for position, each in enumerate(elements(properties, "labels")):
        if isinstance(each, dict):
            yield f"labels[{position}]", str(given(each, "value"))


def values_where_listed(graph: Graph) -> Iterator[tuple[Member, Violation]]:
    """No generated secret stands in a container outside the variables that it lists.

    This compares the values themselves, also encoded ones, so no name can hide one.
    """
    generated = _generated(graph)
    for container in graph.of_type(CONTAINER):
        listed = _listed(container.properties)
        if listed is None:
            continue
        for path, text in _open_places(container.properties, listed):
            for form, owner in generated.items():
                if form in text:
                    yield container, Violation(path, f"holds the value of {owner}", _MEND)
                    break


_NOT_FOR_SECRETS = (RANDOM_BYTES, RANDOM_ID, RANDOM_STRING, RANDOM_UUID)
_GENERATED_OUTPUTS = ("result", "base64", "b64Std", "b64Url", "hex", "dec")


def made_as_passwords(graph: Graph) -> Iterator[tuple[Member, Violation]]:
    """No listed variable holds the value of a generator that keeps it in clear.

    Whatever the resource is called: what a specification lists as secret is used as one.
    """
    generated = {
        value: member
        for type_name in _NOT_FOR_SECRETS
        for member in graph.of_type(type_name)
        for value in (given(member.properties, name) for name in _GENERATED_OUTPUTS)
        if isinstance(value, str) and len(value) >= _SHORTEST_SECRET
    }
    for container in graph.of_type(CONTAINER):
        listed = _listed(container.properties) or frozenset()
        for position, name, value in environment(container.properties):
            owners = [member.name for text, member in generated.items() if text in value]
            if name in listed and owners:
                yield (
                    container,
                    Violation(
                        f"envs{entry(name, position)}",
                        f"is a secret made by {owners[0]}, which keeps its value in clear",
                        "Use RandomPassword, whose result is secret",
                    ),
                )
