import os
import re
import sys
from pathlib import Path

import pytest

from airgap.language_host.interpreter import Interpreter, InterpreterError, choose

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def virtual_environment(tmp_path: Path) -> Path:
    python = tmp_path / "project" / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    return python.parents[1]


def test_without_options_the_host_s_own_python_runs(tmp_path: Path) -> None:
    assert choose({}, tmp_path) == Interpreter(Path(sys.executable))


@pytest.mark.parametrize("named", ["venv", "./venv", "../project/venv"])
def test_a_virtual_environment_is_relative_to_the_project(
    named: str, virtual_environment: Path
) -> None:
    chosen = choose({"virtualenv": named}, virtual_environment.parent)

    assert chosen == Interpreter(virtual_environment / "bin" / "python", virtual_environment)


def test_a_virtual_environment_may_be_absolute(virtual_environment: Path) -> None:
    chosen = choose({"virtualenv": str(virtual_environment)}, Path("/elsewhere"))

    assert chosen.virtual_environment == virtual_environment


def test_a_missing_virtual_environment_is_named(tmp_path: Path) -> None:
    with pytest.raises(InterpreterError, match=re.escape(f"{tmp_path / 'venv'} is not a virtual")):
        choose({"virtualenv": "venv"}, tmp_path)


def test_another_toolchain_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InterpreterError, match="toolchain: poetry is not supported"):
        choose({"toolchain": "poetry"}, tmp_path)


def test_a_virtual_environment_is_activated(virtual_environment: Path) -> None:
    chosen = choose({"virtualenv": str(virtual_environment)}, Path("/"))
    variables = chosen.environment({"PATH": "/usr/bin", "PYTHONHOME": "/usr"})

    assert variables == {
        "PATH": f"{virtual_environment / 'bin'}{os.pathsep}/usr/bin",
        "VIRTUAL_ENV": str(virtual_environment),
    }


@pytest.mark.parametrize(
    ("inherited", "kept"),
    [
        (str(REPOSITORY), None),
        (os.pathsep.join(["/elsewhere", str(REPOSITORY)]), "/elsewhere"),
        ("/elsewhere", "/elsewhere"),
    ],
)
def test_the_host_s_own_import_path_is_not_the_program_s(inherited: str, kept: str | None) -> None:
    variables = Interpreter(Path(sys.executable)).environment({"PYTHONPATH": inherited})

    assert variables.get("PYTHONPATH") == kept
