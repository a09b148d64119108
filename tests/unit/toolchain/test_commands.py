"""The command line and the Makefile."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from toolchain import command_line, commands, paths, preparation, summary, virtual_environment

if TYPE_CHECKING:
    from pathlib import Path

MAKEFILE = (paths.REPOSITORY / "Makefile").read_text(encoding="utf-8")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*arguments],
        cwd=paths.REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("name", command_line.COMMANDS)
def test_every_command_is_explained_in_80_columns(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        command_line.parser().parse_args([name, "--help"])
    assert max(len(line) for line in capsys.readouterr().out.splitlines()) <= 80


@pytest.fixture(scope="module")
def make_help() -> str:
    return run("make", "help").stdout


def test_make_alone_shows_the_help(make_help: str) -> None:
    assert run("make").stdout == make_help


def test_make_help_keeps_within_80_columns(make_help: str) -> None:
    assert max(len(line) for line in make_help.splitlines()) <= 80


@pytest.mark.parametrize("target", sorted(set(command_line.COMMANDS) - {"env"}))
def test_make_help_lists_every_target(target: str, make_help: str) -> None:
    assert re.search(rf"^  {target} +\S", make_help, re.MULTILINE)


@pytest.mark.parametrize("target", sorted(set(command_line.COMMANDS) - {"env"}))
def test_every_command_has_its_target(target: str) -> None:
    assert re.search(rf"^{target}: ## .*\n\t@\$\(TOOLCHAIN\) {target}\b", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("name", ["nosuch", "No", "../x", "a b"])
def test_a_bad_stack_is_one_line(name: str) -> None:
    shown = run(sys.executable, "-m", "toolchain", "ps", "--stack", name)
    assert (shown.returncode, len(shown.stderr.splitlines()), shown.stdout) == (1, 1, "")


def test_a_bad_stack_in_make_is_named_by_plinth() -> None:
    assert run("make", "ps", "STACK=nosuch").stderr.startswith("plinth: stack nosuch has no")


def test_destroy_needs_the_stacks_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YES", raising=False)
    shown = run(sys.executable, "-m", "toolchain", "destroy", "--stack", "dev")
    assert shown.stderr.startswith("plinth: not confirmed, nothing of stack dev was removed.")


@pytest.mark.parametrize(("target", "variable"), [("backup", "TO"), ("restore", "FROM")])
def test_a_bundles_place_must_be_named(target: str, variable: str) -> None:
    shown = run("make", target, "STACK=dev", f"{variable}=")
    assert shown.stderr.startswith(f"plinth: {variable}= is not set. Name the ")


def test_exports_put_folders_before_the_present_path() -> None:
    lines = commands.shell_exports({"PATH": "/new:/old"}, {"PATH": "/old"})
    assert lines == ['export PATH=/new:"$PATH"']


def test_exports_are_quoted() -> None:
    lines = commands.shell_exports({"HOME": "/a b", "SAME": "1"}, {"SAME": "1"})
    assert lines == ["export HOME='/a b'"]


OUTPUTS = {
    "gateway_url": "http://127.0.0.1:8000",
    "auth_url": "http://127.0.0.1:8000/auth/v1",
    "rest_url": "http://127.0.0.1:8000/rest/v1",
    "publishable_key": "sb_publishable_" + "x" * 31,
    "secret_key": "[secret]",
}


@pytest.mark.parametrize("text", ["http://127.0.0.1:8000", "make outputs SHOW_SECRETS=1"])
def test_the_summary_says_where_things_are(text: str) -> None:
    assert text in "\n".join(summary.lines("dev", OUTPUTS))


def test_the_summary_keeps_within_80_columns() -> None:
    assert max(len(line) for line in summary.lines("dev", OUTPUTS)) <= 80


def test_the_summary_shows_no_secret() -> None:
    outputs = OUTPUTS | {"secret_key": "sb_secret_value"}
    assert "sb_secret_value" not in "\n".join(summary.lines("dev", outputs))


def test_the_summarys_commands_are_valid_shell() -> None:
    text = "\n".join(line for line in summary.lines("dev", OUTPUTS) if line.startswith("  "))
    commands_only = text[text.index("  KEY=") :]
    checked = subprocess.run(["sh", "-n"], input=commands_only, text=True, check=False)
    assert checked.returncode == 0


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    for name in ("requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    return tmp_path


def stamp(environment: Path, *names: str) -> None:
    lines = [virtual_environment.stamp_of(environment / name, "3.13.1") for name in names]
    (environment / virtual_environment.STAMP).write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("stamped", "wanted", "expected"),
    [
        (["requirements.txt"], "requirements.txt", True),
        (["requirements.txt"], "requirements-dev.txt", False),
        (["requirements.txt", "requirements-dev.txt"], "requirements-dev.txt", True),
        (["requirements.txt", "requirements-dev.txt"], "requirements.txt", True),
        ([], "requirements.txt", False),
    ],
)
def test_an_environment_serves_the_lock_it_was_made_from(
    stamped: list[str], wanted: str, environment: Path, *, expected: bool
) -> None:
    stamp(environment, *stamped)
    runtime, lock = environment / "requirements.txt", environment / wanted
    assert virtual_environment.is_current(environment, runtime, lock, "3.13.1") is expected


def test_a_changed_lock_asks_for_a_new_installation(environment: Path) -> None:
    stamp(environment, "requirements.txt")
    lock = environment / "requirements.txt"
    lock.write_text("changed", encoding="utf-8")
    assert not virtual_environment.is_current(environment, lock, lock, "3.13.1")


def test_another_python_asks_for_a_new_environment(environment: Path) -> None:
    stamp(environment, "requirements.txt")
    lock = environment / "requirements.txt"
    assert not virtual_environment.is_current(environment, lock, lock, "3.14.0")


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("config:\n  plinth:gateway:\n    port: 8000\n", (8000,)),
        ("config:\n  plinth:redis:\n    external:\n      port: 6379\n", ()),
        (
            "  plinth:redis:\n    external:\n      a:\n        b: c\n\n      port: 1\n    port: 2",
            (2,),
        ),
    ],
)
def test_only_ports_of_this_host_must_be_free(text: str, ports: tuple[int, ...]) -> None:
    assert preparation.stack_ports(text) == ports
