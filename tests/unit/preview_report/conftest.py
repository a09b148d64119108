"""Builders of recorded steps, for tests of one judgement each."""

from collections.abc import Callable
from typing import Any

import pytest

from preview_report.recording import Preview, State, Step

CONTAINER = "docker:index/container:Container"
VOLUME = "docker:index/volume:Volume"
PASSWORD = "random:index/randomPassword:RandomPassword"

MakeStep = Callable[..., Step]


def urn(resource_type: str, name: str) -> str:
    """A URN of the stack `shop`."""
    return f"urn:pulumi:shop::plinth::{resource_type}::{name}"


def labels(component: str, **others: str) -> list[dict[str, str]]:
    """Labels as a container's inputs hold them."""
    found = {"plinth.component": component, **others}
    return [{"label": name, "value": value} for name, value in found.items()]


@pytest.fixture
def step() -> MakeStep:
    """Makes a step. A side of a replacement, update or unchanged resource defaults to the other."""

    def make(
        operation: str,
        resource_type: str,
        name: str,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
        **more: Any,
    ) -> Step:
        protect_before, protect_after = more.pop("protect", (False, False))
        options = {"retain_on_delete": more.pop("retain", False)}
        dependencies = tuple(more.pop("dependencies", ()))
        old = State(inputs=before or after or {}, protect=protect_before, **options)
        new = State(inputs=after or before or {}, protect=protect_after, dependencies=dependencies)
        return Step(
            operation=operation,
            urn=urn(resource_type, name),
            old=None if operation == "create" else old,
            new=None if operation == "delete" else new,
            **more,
        )

    return make


@pytest.fixture
def container(step: MakeStep) -> MakeStep:
    """Makes a step of a component's container."""

    def make(operation: str, component: str, **more: Any) -> Step:
        role = more.pop("role", None)
        labelled = labels(component, **({"plinth.role": role} if role else {}))
        before = {"labels": labelled, **more.pop("before", {})}
        after = {"labels": labelled, **more.pop("after", {})}
        return step(operation, CONTAINER, component, before=before, after=after, **more)

    return make


@pytest.fixture
def volume(step: MakeStep) -> MakeStep:
    """Makes a step of a store's volume."""

    def make(operation: str, component: str, **more: Any) -> Step:
        name = more.pop("name", f"{component}-data-volume")
        inputs = {"labels": labels(component), "name": f"plinth-shop-{component}-data"}
        return step(operation, VOLUME, name, before=inputs, after=inputs, **more)

    return make


def preview(*steps: Step, **more: Any) -> Preview:
    """A preview of these steps."""
    return Preview(steps=steps, **more)
