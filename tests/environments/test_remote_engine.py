"""The commands on a stack whose engine is behind SSH or TLS: this machine's, through a door.

The whole stack of these tests was brought up over SSH and changed over TLS.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.engine_doors import SshDoor, TlsDoor
from tests.environments.checkout import NAME, Checkout, components, error
from tests.environments.conftest import Story

pytestmark = [pytest.mark.engine, pytest.mark.cli]


@contextlib.contextmanager
def engine_of(checkout: Checkout, settings: Mapping[str, str]) -> Iterator[None]:
    """Have the stack's file name another engine for a while."""
    checkout.set_engine(settings)
    yield
    checkout.set_engine(checkout.engine)


def test_a_stack_comes_up_over_ssh(story: Story, ssh: SshDoor) -> None:
    assert story.moved.code == 0
    assert ssh.connections
    assert "gateway" in components(NAME)


def test_a_stack_is_changed_over_tls(story: Story) -> None:
    assert story.moved.code == 0
    assert story.connections_over_tls


def test_no_ssh_outlives_its_command(story: Story, ssh: SshDoor) -> None:
    assert story.moved.code == 0
    assert not [words for words in running_commands() if f"{ssh.port}" in words]


def running_commands() -> list[list[str]]:
    """The arguments of every ssh that runs."""
    commands = []
    for process in os.scandir("/proc"):
        with contextlib.suppress(OSError):
            words = (Path(process.path) / "cmdline").read_bytes().decode(errors="replace")
            commands.append(words.split("\0"))
    return [words for words in commands if words[0] == "ssh"]


@pytest.mark.parametrize("door", ["ssh", "tls"])
def test_containers_are_listed(
    checkout: Checkout, story: Story, doors: dict[str, dict[str, str]], door: str
) -> None:
    assert story.moved.code == 0
    with engine_of(checkout, doors[door]):
        assert "gateway" in checkout.make(NAME, "ps").output


def test_plain_commands_are_told_where_the_engine_is(
    checkout: Checkout, story: Story, ssh: SshDoor
) -> None:
    assert story.moved.code == 0
    with engine_of(checkout, ssh.settings()):
        exports = checkout.run("python3", "-m", "toolchain", "env", "--stack", NAME).output
    assert f"export DOCKER_HOST={ssh.address}" in exports


def test_an_unknown_host_key_is_one_clear_line(
    checkout: Checkout, story: Story, ssh: SshDoor, tmp_path: Path
) -> None:
    assert story.moved.code == 0
    (tmp_path / "known_hosts").touch()
    options = json.dumps(ssh.options(known_hosts=tmp_path / "known_hosts"))
    with engine_of(checkout, ssh.settings() | {"docker:sshOpts": options}):
        ended = checkout.make(NAME, "ps")
    assert f"cannot reach the Docker engine at {ssh.address}: Host key verif" in error(ended)


def test_a_client_without_a_certificate_is_told(
    checkout: Checkout, story: Story, tls: TlsDoor
) -> None:
    assert story.moved.code == 0
    with engine_of(checkout, {"docker:host": tls.address}):
        ended = checkout.make(NAME, "up")
    assert ended.code != 0
    assert "Docker engine" in error(ended)
