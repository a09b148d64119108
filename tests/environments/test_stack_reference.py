"""The example program, which reads the outputs of a stack."""

import json
from typing import Any

import pytest

from tests.environments.checkout import NAME, Checkout
from tests.environments.conftest import Story

pytestmark = [pytest.mark.engine, pytest.mark.cli]

EXAMPLE = "examples/stack_reference"


@pytest.fixture(scope="module")
def reference(checkout: Checkout, story: Story) -> dict[str, Any]:
    """What the example program hands out of the stack that it reads: shown, and in its state."""
    assert story.moved.code == 0
    run = {"folder": EXAMPLE, "stack": "example"}
    checkout.done("stack", "init", "--no-select", **run)
    stack = f"plinth=organization/plinth/{NAME}"
    checkout.done("up", "--yes", "--skip-preview", "--config", stack, **run)
    return {
        "shown": json.loads(checkout.done("stack", "output", "--json", **run)),
        "revealed": json.loads(checkout.done("stack", "output", "--json", "--show-secrets", **run)),
        "state": checkout.done("stack", "export", **run),
    }


def test_another_program_reads_the_address(reference: dict[str, Any], story: Story) -> None:
    assert reference["revealed"]["client"] == {
        "url": story.outputs["gateway_url"],
        "key": story.outputs["publishable_key"],
    }


def test_another_program_reads_the_secrets(reference: dict[str, Any], story: Story) -> None:
    assert reference["revealed"]["server"] == {
        "url": story.outputs["gateway_url"],
        "key": story.outputs["secret_key"],
        "redis": story.outputs["redis"]["url"],
    }


def test_what_another_program_read_as_a_secret_stays_one(reference: dict[str, Any]) -> None:
    shown = reference["shown"]["server"]
    assert (shown["key"], shown["redis"]) == ("[secret]", "[secret]")


def test_another_programs_state_holds_no_secret_in_clear(
    reference: dict[str, Any], story: Story
) -> None:
    assert story.outputs["secret_key"] not in reference["state"]
