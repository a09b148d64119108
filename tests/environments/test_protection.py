"""What is protected is not removed by accident, and is removed on purpose as documented."""

import pytest

from tests.environments.checkout import MOVED, NAME, data_volumes, error
from tests.environments.conftest import Story

pytestmark = [pytest.mark.engine, pytest.mark.cli]

VOLUMES = {f"plinth-{NAME}-{store}-data" for store in MOVED}


def test_a_protected_stack_is_not_destroyed(story: Story) -> None:
    assert story.refused_destroy.code != 0
    assert "protects" in error(story.refused_destroy)


@pytest.mark.parametrize("store", MOVED)
def test_the_refusal_names_what_is_protected(story: Story, store: str) -> None:
    assert f"{store}-data-volume" in error(story.refused_destroy)


def test_taking_a_protected_volume_out_of_the_program_is_refused(story: Story) -> None:
    assert story.refused_move.code != 0
    assert f"pulumi state unprotect URN -s {NAME}" in error(story.refused_move)


def test_a_refusal_removes_no_volume(story: Story) -> None:
    assert story.volumes_after_refusals == VOLUMES


def test_volumes_that_were_given_up_on_purpose_go(story: Story) -> None:
    assert story.moved.code == 0
    assert not data_volumes(NAME)
