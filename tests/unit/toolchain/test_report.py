"""How a preview is recorded: under which options, and from which state."""

from pathlib import Path

import pytest

from toolchain import paths, report, stack
from toolchain.backend import Backend
from toolchain.command_line import parser
from toolchain.pulumi_cli import Cli


@pytest.fixture
def recorded(tmp_path: Path) -> stack.Stack:
    backend = Backend(
        "s3://states", is_local=False, variables={"PULUMI_BACKEND_URL": "s3://states"}
    )
    return stack.Stack("dev", Cli(tmp_path / "pulumi", "3.259.0", "built"), backend)


@pytest.mark.parametrize("option", ["--json", "--show-sames", "--suppress-outputs"])
def test_every_resource_is_recorded_and_no_output(
    recorded: stack.Stack, tmp_path: Path, option: str
) -> None:
    assert option in stack.recorded_preview(recorded, tmp_path / "events.jsonl")


def test_it_runs_under_the_policies(recorded: stack.Stack, tmp_path: Path) -> None:
    command = stack.recorded_preview(recorded, tmp_path / "events.jsonl")
    assert command[command.index("--policy-pack") + 1] == str(paths.POLICIES)


@pytest.mark.parametrize("option", ["--refresh", "--show-secrets", "--yes"])
def test_it_neither_asks_the_engine_nor_shows_secrets(
    recorded: stack.Stack, tmp_path: Path, option: str
) -> None:
    assert option not in stack.recorded_preview(recorded, tmp_path / "events.jsonl")


def test_a_preview_from_nothing_leaves_the_users_backend_alone(
    recorded: stack.Stack, tmp_path: Path
) -> None:
    variables = report.without_state(recorded, tmp_path).environment()
    assert variables["PULUMI_BACKEND_URL"] == tmp_path.as_uri()


def test_a_preview_from_nothing_has_a_passphrase_of_its_own(
    recorded: stack.Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "")
    first, second = (report.without_state(recorded, tmp_path).environment() for _ in range(2))
    name = "PULUMI_CONFIG_PASSPHRASE"
    assert first[name]
    assert first[name] != second[name]


def test_settings_are_compared_with_the_last_commit_unless_told() -> None:
    assert parser().parse_args(["report"]).base == "HEAD"
