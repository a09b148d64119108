import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.workflows.comment_server import CommentServer, serving


@dataclass(frozen=True)
class Shell:
    """Runs a step of a workflow as the runner does, in a folder of its own."""

    folder: Path

    def run(self, script: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a script by bash, which stops at the first command that fails."""
        programs = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.folder,
            env={"PATH": programs, "HOME": str(self.folder), **environment},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def reporting(shell: Shell) -> Shell:
    """A shell in which `python3 -m toolchain report` prints a report and ends with $RISK."""
    program = shell.folder / "bin" / "python3"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "report: $*"\nexit "$RISK"\n', encoding="utf-8")
    program.chmod(0o755)
    return shell


@pytest.fixture
def server() -> Iterator[CommentServer]:
    server = CommentServer()
    with serving(server):
        yield server
