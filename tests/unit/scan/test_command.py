"""The command when it cannot look."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running_stack import ROOT


def scan(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command with nothing on PATH but a folder."""
    return subprocess.run(
        [sys.executable, "-m", "scan", "--stack", "some"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (None, "plinth: pulumi stack export did not run: FileNotFoundError. "),
        ("exit 255", "plinth: pulumi stack export ended with code 255. "),
        ("echo no JSON", "plinth: pulumi stack export printed no JSON. "),
        ("echo '{}'", "plinth: stack some holds no secret. "),
    ],
    ids=["missing", "failing", "no JSON", "no secret"],
)
def test_it_says_in_one_line_why_it_could_not_look(
    tmp_path: Path, script: str | None, reason: str
) -> None:
    if script:
        program(tmp_path, "pulumi", script)
    ended = scan(tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith(reason)
