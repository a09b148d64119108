"""Rotation of keys and passwords: nobody is locked out, nothing old is left, no run is lost."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.rotation.conftest import CUT_OFF_AT, Story
from tests.rotation.stores import REFUSALS, STORES, TEXT, Stores
from tests.rotation.watcher import KINDS
from tests.running_stack import COMPONENTS

if TYPE_CHECKING:
    from tests.rotation.stack import Stack

pytestmark = pytest.mark.engine

NOT_DECLARED = {"blackbox", "mail", "prometheus", "waf"}
"""Components that the rotation's stack does without."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_generation_of_keys_costs_no_more_than_the_gateways_restart(
    story: Story, kind: str
) -> None:
    assert story.keys.gateway_away is not None
    left, back = story.keys.gateway_away
    failures = story.keys.watcher.failures[kind]
    assert [failure for failure in failures if not left <= failure.at <= back] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_generation_of_passwords_costs_no_request(story: Story, kind: str) -> None:
    assert story.passwords.watcher.failures[kind] == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rotation", ["keys", "passwords"])
def test_requests_were_made_all_the_time(story: Story, rotation: str, kind: str) -> None:
    assert getattr(story, rotation).watcher.counts[kind] > 20


@pytest.mark.parametrize("kind", KINDS)
def test_the_session_outlives_everything(story: Story, kind: str) -> None:
    assert (story.last.counts[kind] > 0, story.last.failures[kind]) == (True, [])


def test_the_previous_api_key_works_until_it_is_revoked(story: Story) -> None:
    assert (story.previous_key_status, story.revoked_key_status) == (200, 401)


def test_nothing_holds_an_old_secret(story: Story) -> None:
    old = (story.before.secrets | story.passwords.after.secrets) - story.after.secrets
    holders = {name for name, text in story.held.items() for secret in old if secret in text}
    assert holders == set()


def test_every_secret_is_new(story: Story) -> None:
    assert story.before.secrets & story.after.secrets == set()


@pytest.mark.parametrize("name", STORES)
def test_a_store_takes_the_previous_password_until_it_is_revoked(story: Story, name: str) -> None:
    assert story.previous_passwords[name] == TEXT


def test_the_database_takes_the_previous_password_until_it_is_revoked(story: Story) -> None:
    assert story.previous_passwords["authenticator"] == "authenticator"


@pytest.mark.parametrize("generation", ["first", "second"])
@pytest.mark.parametrize("name", STORES)
def test_a_store_refuses_its_old_password(story: Story, name: str, generation: str) -> None:
    old = {"first": story.before, "second": story.passwords.after}[generation]
    with pytest.raises(REFUSALS):
        Stores(old.outputs).read(name)


@pytest.mark.parametrize("name", STORES)
def test_a_store_keeps_its_content_under_its_new_password(story: Story, name: str) -> None:
    assert Stores(story.after.outputs).read(name) == TEXT


def test_the_database_takes_a_roles_new_password(story: Story) -> None:
    stores = Stores(story.after.outputs)
    assert stores.log_in(story.after.role, story.after.role_password) == "authenticator"


@pytest.mark.parametrize("generation", ["first", "second"])
def test_the_database_refuses_a_roles_old_password(story: Story, generation: str) -> None:
    old = {"first": story.before, "second": story.passwords.after}[generation]
    with pytest.raises(REFUSALS):
        Stores(story.after.outputs).log_in(old.role, old.role_password)


@pytest.mark.parametrize("run", range(len(CUT_OFF_AT)))
def test_a_run_was_cut_off(story: Story, run: int) -> None:
    assert story.cut_off[run].code == -signal.SIGKILL, story.cut_off[run].printed


def test_nothing_is_left_to_do_when_the_next_run_has_finished(story: Story) -> None:
    assert "unchanged" in story.again.printed


def test_no_operation_is_left_pending(story: Story) -> None:
    assert story.deployment.get("pending_operations") in (None, [])


@pytest.mark.usefixtures("story")
@pytest.mark.parametrize("component", sorted({*COMPONENTS} - NOT_DECLARED))
def test_a_component_has_one_container(stack: Stack, component: str) -> None:
    roles = [found.labels.get("plinth.role") for found in stack.containers(component)]
    assert len([role for role in roles if role != "files"]) == 1
