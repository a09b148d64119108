"""One story: a stack comes up, its secrets are rotated under load, and a rotation is cut off."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.rotation.stack import Events, Stack, copy_to
from tests.rotation.stores import STORES, Stores
from tests.rotation.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.checkout import Run

USER = {"email": "ann@example.org", "password": "the password of ann, as she typed it"}
CUT_OFF_AT = (("create", None), ("create", "auth"), ("stop", "auth"))
"""When runs of one rotation are killed, by what the engine does to which component's containers:
when it makes any, when auth's new one is there, and when the old one has made way."""

AFTERMATH_SECONDS = 3
"""How long requests go on after an update: the gateway forgets the old containers in this time."""
WORKING_SECONDS = 1
"""Long enough for every kind of request to be made several times."""


@dataclass(frozen=True)
class Moment:
    """What the stack ran with at a time."""

    outputs: dict[str, Any]
    role: str
    """Login role of PostgREST."""
    role_password: str
    secrets: set[str]


@dataclass(frozen=True)
class Rotation:
    """A rotation under load."""

    watcher: Watcher
    gateway_away: tuple[float, float] | None
    """From when the gateway's container was told to stop to when a new one was healthy; None where
    it stayed."""
    after: Moment


@dataclass(frozen=True)
class Story:
    """What happened, for the tests to look at."""

    before: Moment
    keys: Rotation
    previous_key_status: int
    """Of a read with the first generation's key, after the rotation of keys."""
    passwords: Rotation
    previous_passwords: dict[str, str]
    """What the first generation of passwords opened after the rotation of passwords: by store, what
    it read there; by login role, whom PostgreSQL took it for."""
    cut_off: list[Run]
    """Runs of a rotation of both, which also revokes the generation before."""
    again: Run
    """The run after the one that finished it."""
    after: Moment
    held: dict[str, str]
    """All that each container and the state held then, by name."""
    revoked_key_status: int
    """Of a read with the second generation's key."""
    last: Watcher
    deployment: dict[str, Any]
    """After all of it."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack, up; it is destroyed in the end."""
    stack = copy_to(tmp_path_factory.mktemp("checkout"))
    stack.configure(keys=1, passwords=1)
    try:
        stack.make("up")
        yield stack
    finally:
        stack.make("destroy")


@pytest.fixture(scope="module")
def story(stack: Stack) -> Story:
    """A rotation of keys, one of passwords, and one of both that is cut off three times."""
    stack.make("seed")
    before = _moment(stack)
    old_key = before.outputs["publishable_key"]
    session = _sign_up(stack, old_key)
    Stores(before.outputs).fill()

    stack.configure(keys=2, passwords=1)
    keys = _rotate(stack, Watcher(stack.url, old_key, session))
    previous_key_status = _read_status(stack, old_key)

    second_key = keys.after.outputs["publishable_key"]
    stack.configure(keys=2, passwords=2)
    passwords = _rotate(stack, Watcher(stack.url, second_key, keys.watcher.session))
    previous = Stores(before.outputs)
    previous_passwords = {name: previous.read(name) for name in STORES}
    previous_passwords["authenticator"] = previous.log_in(before.role, before.role_password)

    stack.configure(keys=3, passwords=3, revoke=True)
    cut_off = [stack.cut_off(action, component) for action, component in CUT_OFF_AT]
    stack.make("up")
    again = stack.make("up")
    after = _moment(stack)
    key = after.outputs["publishable_key"]
    # What the revoked key signed is refused; whoever holds a refresh token goes on with that.
    with Watcher(stack.url, key, _refreshed(stack, key, passwords.watcher.session)) as last:
        time.sleep(WORKING_SECONDS)
    return Story(
        before=before,
        keys=keys,
        previous_key_status=previous_key_status,
        passwords=passwords,
        previous_passwords=previous_passwords,
        cut_off=cut_off,
        again=again,
        after=after,
        held=stack.held(),
        revoked_key_status=_read_status(stack, second_key),
        last=last,
        deployment=stack.deployment(),
    )


def _moment(stack: Stack) -> Moment:
    outputs = stack.outputs()
    role_password = stack.secret_environment()["rest", "PGPASSWORD"]
    return Moment(outputs, stack.login_role(), role_password, stack.secrets(outputs))


def _sign_up(stack: Stack, key: str) -> dict[str, Any]:
    with httpx.Client(base_url=stack.url, headers={"apikey": key}) as client:
        signed_up = client.post("/auth/v1/signup", json=USER).raise_for_status()
        session: dict[str, Any] = signed_up.json()
        client.post(
            "/rest/v1/todos",
            json={"title": "outlive a rotation"},
            headers={"Authorization": f"Bearer {session['access_token']}"},
        ).raise_for_status()
    return session


def _refreshed(stack: Stack, key: str, session: dict[str, Any]) -> dict[str, Any]:
    answer = httpx.post(
        f"{stack.url}/auth/v1/token?grant_type=refresh_token",
        headers={"apikey": key},
        json={"refresh_token": session["refresh_token"]},
    )
    refreshed: dict[str, Any] = answer.raise_for_status().json()
    return refreshed


def _rotate(stack: Stack, watcher: Watcher) -> Rotation:
    events = Events(stack.engine)
    with watcher:
        stack.make("up")
        time.sleep(AFTERMATH_SECONDS)
    left = events.times("kill", "gateway")
    back = events.times("health_status: healthy", "gateway")
    events.close()
    return Rotation(watcher, (left[0], back[-1]) if left else None, _moment(stack))


def _read_status(stack: Stack, key: str) -> int:
    return httpx.get(f"{stack.url}/rest/v1/todos", headers={"apikey": key}).status_code
