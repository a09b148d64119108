"""The commands on a stack whose engine is reached over SSH or TLS: this one, through a door."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import engine_doors
from tests.certificates import Authority
from tests.engine_doors import SshDoor, TlsDoor
from tests.environments.checkout import NAME, Checkout, error
from tests.environments.conftest import Story

pytestmark = [pytest.mark.engine, pytest.mark.cli]


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshDoor]:
    with engine_doors.ssh_door(tmp_path_factory.mktemp("ssh")) as door:
        yield door


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsDoor]:
    with engine_doors.tls_door(tmp_path_factory.mktemp("tls"), Authority.create()) as door:
        yield door


@contextlib.contextmanager
def engine_of(checkout: Checkout, settings: dict[str, str]) -> Iterator[Checkout]:
    """The checkout, with the provider's settings in the stack's file."""
    file = checkout.folder / f"Pulumi.{NAME}.yaml"
    before = file.read_text()
    content: dict[str, Any] = yaml.safe_load(before)
    content["config"] |= settings
    # On one line each, as Pulumi writes them.
    file.write_text(yaml.safe_dump(content, width=100_000))
    yield checkout
    file.write_text(before)


def test_containers_are_listed_over_tls(checkout: Checkout, story: Story, tls: TlsDoor) -> None:
    assert story.moved.code == 0
    with engine_of(checkout, tls.settings()):
        assert "gateway" in checkout.make(NAME, "ps").output


def test_drift_is_looked_for_over_ssh(checkout: Checkout, story: Story, ssh: SshDoor) -> None:
    # Drift asks every client: Pulumi's provider in a refresh, the docker command, the SDK.
    assert story.moved.code == 0
    with engine_of(checkout, ssh.settings()):
        ended = checkout.run("python3", "-m", "toolchain", "drift", "--stack", NAME)
    assert (ended.code, ended.output) == (0, ""), ended.printed
    assert "The database runs elsewhere" in ended.errors


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
