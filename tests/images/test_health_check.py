"""The health check that rests, in the base image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docker
import pytest

from infra import catalog, image_build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker.models.containers import Container

    Check = Callable[..., int]

pytestmark = pytest.mark.engine

STILL_RUNNING = 124
"""Of `timeout`, when what it ran had to be ended."""
LONG = "300"


@pytest.fixture
def container() -> Iterator[Container]:
    """A container that is no component's, hardened like one."""
    started = docker.from_env().containers.run(
        image_build.ensure(catalog.BASE),
        ["sleep", "infinity"],
        user="1000:1000",
        read_only=True,
        cap_drop=["ALL"],
        init=True,
        labels={"plinth.stack": "test"},
        detach=True,
    )
    yield started
    started.remove(force=True)


@pytest.fixture
def check(container: Container) -> Check:
    """Check as the engine does; the exit code, or `STILL_RUNNING` after some seconds."""

    def run(rest: str, *command: str, limit: str = "3", given_up_after: str = "20") -> int:
        words = ["timeout", given_up_after, "health-check", rest, limit, *command]
        code = container.exec_run(words).exit_code
        assert code is not None
        return code

    return run


@pytest.mark.parametrize(
    ("command", "code"),
    [(["true"], 0), (["false"], 1), (["sh", "-c", "exit 7"], 1), (["not-a-command"], 1)],
    ids=["success", "failure", "another code", "no such command"],
)
def test_tells_how_the_command_ended(check: Check, command: list[str], code: int) -> None:
    assert check("0", *command) == code


def test_first_check_does_not_wait(check: Check) -> None:
    assert check(LONG, "true") == 0


def test_check_after_a_success_waits(check: Check) -> None:
    check(LONG, "true")
    assert check(LONG, "true", given_up_after="2") == STILL_RUNNING


def test_check_after_a_success_asks_again_in_the_end(check: Check) -> None:
    check(LONG, "true")
    assert check("1", "false") == 1


def test_check_after_a_failure_does_not_wait(check: Check) -> None:
    check("0", "true")
    check("0", "false")
    assert check(LONG, "true") == 0


def test_first_check_after_a_restart_does_not_wait(container: Container, check: Check) -> None:
    check(LONG, "true")
    container.restart(timeout=0)
    assert check(LONG, "true") == 0


def test_command_that_hangs_is_a_failure(check: Check) -> None:
    assert check("0", "sleep", LONG, limit="1") == 1
