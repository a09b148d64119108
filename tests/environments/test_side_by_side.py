"""Stacks of different environments on one host."""

import pytest

from tests.environments.checkout import NAME, NEIGHBOUR, PORT, Checkout, error
from tests.environments.conftest import Story

pytestmark = [pytest.mark.engine, pytest.mark.cli]


def test_a_port_of_another_stack_is_named_with_its_container(
    checkout: Checkout, story: Story
) -> None:
    assert story.moved.code == 0
    checkout.configure(
        NEIGHBOUR,
        {"environment": "development", "gateway": {"port": PORT}, "auth": {"autoconfirm": True}},
    )
    ended = checkout.make(NEIGHBOUR, "up")
    assert ended.code != 0
    assert f"{PORT} (plinth-{NAME}-gateway)" in error(ended)
