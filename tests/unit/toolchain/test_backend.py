"""Where the state is kept, the passphrase's rules, and locks of runs that were killed."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from toolchain import backend, paths
from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    return tmp_path / "local" / "passphrase"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    (folder / ".pulumi" / "stacks" / "plinth").mkdir(parents=True)
    return folder


def write_checkpoint(state: Path, resources: list[dict[str, str]]) -> None:
    document = {"version": 3, "checkpoint": {"latest": {"resources": resources}}}
    checkpoint = state / ".pulumi" / "stacks" / "plinth" / "dev.json"
    checkpoint.write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
def state_with_resources(state: Path) -> Path:
    write_checkpoint(state, [{"urn": "urn:pulumi:dev::plinth::x"}])
    return state


def test_a_new_checkout_gets_a_passphrase(passphrase: Path, state: Path) -> None:
    assert backend.ensure_passphrase(passphrase, state)
    assert len(passphrase.read_text(encoding="utf-8").strip()) >= 40


def test_the_passphrase_file_is_private(passphrase: Path, state: Path) -> None:
    backend.ensure_passphrase(passphrase, state)
    assert stat.S_IMODE(passphrase.stat().st_mode) == 0o600


def test_a_passphrase_is_kept(passphrase: Path, state: Path) -> None:
    backend.ensure_passphrase(passphrase, state)
    first = passphrase.read_text(encoding="utf-8")
    assert not backend.ensure_passphrase(passphrase, state)
    assert passphrase.read_text(encoding="utf-8") == first


def test_no_half_written_passphrase_stays(passphrase: Path, state: Path) -> None:
    backend.ensure_passphrase(passphrase, state)
    assert [entry.name for entry in passphrase.parent.iterdir()] == ["passphrase"]


def test_a_lost_passphrase_is_not_replaced(passphrase: Path, state_with_resources: Path) -> None:
    with pytest.raises(ToolchainError, match=r"is lost.*Put it back"):
        backend.ensure_passphrase(passphrase, state_with_resources)
    assert not passphrase.exists()


def test_an_empty_passphrase_file_is_not_replaced(
    passphrase: Path, state_with_resources: Path
) -> None:
    passphrase.parent.mkdir()
    passphrase.touch()
    with pytest.raises(ToolchainError, match="is empty"):
        backend.ensure_passphrase(passphrase, state_with_resources)


def test_a_state_without_resources_needs_no_old_passphrase(passphrase: Path, state: Path) -> None:
    write_checkpoint(state, [])
    assert backend.ensure_passphrase(passphrase, state)


def test_an_unreadable_state_counts_as_one_with_resources(passphrase: Path, state: Path) -> None:
    (state / ".pulumi" / "stacks" / "plinth" / "dev.json").write_text("{", encoding="utf-8")
    with pytest.raises(ToolchainError):
        backend.ensure_passphrase(passphrase, state)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"PULUMI_BACKEND_URL": "s3://bucket"}, "s3://bucket"),
        ({"PULUMI_BACKEND_URL": paths.STATE.as_uri()}, None),
        ({"PULUMI_ACCESS_TOKEN": "set"}, "https://api.pulumi.com"),
    ],
)
def test_a_login_is_read_from_the_environment(
    environment: dict[str, str], expected: str | None, tmp_path: Path
) -> None:
    assert backend.login(environment, tmp_path) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"current": "https://api.pulumi.com"}', "https://api.pulumi.com"),
        ('{"current": ""}', None),
        ('{"accessTokens": {}}', None),
        ("not json", None),
    ],
)
def test_a_login_is_read_from_the_credentials(
    content: str, expected: str | None, tmp_path: Path
) -> None:
    (tmp_path / ".pulumi").mkdir()
    (tmp_path / ".pulumi" / "credentials.json").write_text(content, encoding="utf-8")
    assert backend.login({}, tmp_path) == expected


def test_the_checkouts_own_pulumi_home_hides_no_login(tmp_path: Path) -> None:
    (tmp_path / ".pulumi").mkdir()
    credentials = tmp_path / ".pulumi" / "credentials.json"
    credentials.write_text('{"current": "gs://b"}', encoding="utf-8")
    assert backend.login({"PULUMI_HOME": str(paths.PULUMI_HOME)}, tmp_path) == "gs://b"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    folder = tmp_path / "proc"
    for pid, name, state in ((100, "pulumi", "S"), (200, "bash", "S"), (400, "pulumi", "Z")):
        (folder / str(pid)).mkdir(parents=True)
        (folder / str(pid) / "stat").write_text(f"{pid} ({name}) {state} 1 1", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("content", "is_removed"),
    [('{"user.content_type": "text/plain"}\n', False), ("", True), ('{"user.con', True)],
    ids=["whole", "empty", "half written"],
)
def test_attributes_that_a_killed_run_tore_are_removed(
    *, content: str, is_removed: bool, state: Path
) -> None:
    attributes = state / ".pulumi" / "stacks" / "plinth" / "dev.json.attrs"
    attributes.write_text(content, encoding="utf-8")
    assert backend.discard_torn_attributes(state) == int(is_removed)
    assert attributes.exists() is not is_removed


@pytest.fixture
def locks(state: Path) -> Path:
    folder = state / ".pulumi" / "locks" / "organization" / "plinth" / "dev"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("content", "is_removed"),
    [
        pytest.param({"pid": 100, "hostname": "here"}, False, id="run goes on"),
        pytest.param({"pid": 300, "hostname": "here"}, True, id="process gone"),
        pytest.param({"pid": 400, "hostname": "here"}, True, id="process ended, not yet asked for"),
        pytest.param({"pid": 200, "hostname": "here"}, True, id="id taken by another program"),
        pytest.param({"pid": 300, "hostname": "elsewhere"}, False, id="another machine"),
        pytest.param({}, True, id="half written"),
    ],
)
def test_locks_of_killed_runs_are_released(
    *, content: dict[str, object], is_removed: bool, locks: Path, state: Path, proc: Path
) -> None:
    lock = locks / "5f0c.json"
    lock.write_text(json.dumps(content), encoding="utf-8")
    assert backend.release_stale_locks(state, "here", proc) == int(is_removed)
    assert lock.exists() is not is_removed


def test_a_state_without_locks_is_left_alone(tmp_path: Path) -> None:
    assert backend.release_stale_locks(tmp_path, os.uname().nodename) == 0
