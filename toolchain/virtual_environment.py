"""The virtual environment `.venv`, with exactly what the lock file names."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from typing import TYPE_CHECKING

from toolchain import facts, paths
from toolchain.errors import ToolchainError
from toolchain.processes import capture, run_quietly

if TYPE_CHECKING:
    from pathlib import Path

    from toolchain.console import Console

RUNTIME_LOCK = "requirements.txt"
DEVELOPMENT_LOCK = "requirements-dev.txt"
STAMP = ".plinth-lock"


def stamp_of(lock: Path, python: str) -> str:
    """What an environment was made from: the lock file's digest and the Python version."""
    return f"{lock.name} {hashlib.sha256(lock.read_bytes()).hexdigest()} python {python}"


def is_current(environment: Path, runtime: Path, wanted: Path, python: str) -> bool:
    """Whether the environment holds what `wanted` names.

    One made from the development lock also serves where the runtime lock is wanted, as long as
    both locks are the ones it was made from.
    """
    stamp = environment / STAMP
    if not stamp.is_file() or not (environment / "bin" / "python").exists():
        return False
    written = stamp.read_text(encoding="utf-8").splitlines()
    return stamp_of(wanted, python) in written and stamp_of(runtime, python) in written


def _python_version() -> str:
    return ".".join(str(part) for part in sys.version_info[:3])


def prepare(console: Console, *, development: bool = False) -> None:
    """Create or update `.venv` so that it matches the lock file.

    The user's own pip configuration (PIP_*, pip.conf) applies. A stamp is written last, so an
    interrupted installation is taken up again.

    Raises:
        ToolchainError: Python has no venv module, or pip failed.
    """
    runtime = paths.REPOSITORY / RUNTIME_LOCK
    lock = paths.REPOSITORY / (DEVELOPMENT_LOCK if development else RUNTIME_LOCK)
    python = _python_version()
    with console.step("Python environment") as step:
        if is_current(paths.ENVIRONMENT, runtime, lock, python):
            step.note(f"Python {python}, as locked")
            return
        kept = [runtime, lock] if development else [runtime]
        stamp = paths.ENVIRONMENT / STAMP
        usable = _is_usable(python)
        if not usable:
            step.note("creating .venv")
            _create()
        stamp.unlink(missing_ok=True)
        step.note(f"installing {lock.name}")
        run_quietly(
            [
                paths.PYTHON,
                "-m",
                "pip",
                "install",
                "--require-hashes",
                "--no-input",
                "-r",
                lock,
                "--disable-pip-version-check",
            ],
            log=paths.LOGS / "pip.log",
            failure=ToolchainError(
                f"pip could not install {lock.name}",
                "Check that PyPI or your index (PIP_INDEX_URL) answers, then run this again.",
            ),
        )
        stamp.write_text("".join(f"{stamp_of(path, python)}\n" for path in kept), encoding="utf-8")
        step.note(f"Python {python}, installed from {lock.name}")


def _is_usable(python: str) -> bool:
    probe = "import pip, platform; print(platform.python_version())"
    shown = capture([paths.PYTHON, "-c", probe])
    return shown.returncode == 0 and shown.stdout.strip() == python


def _create() -> None:
    if paths.ENVIRONMENT.exists():
        shutil.rmtree(paths.ENVIRONMENT)
    if capture([sys.executable, "-c", "import ensurepip"]).returncode != 0:
        if not (os.geteuid() == 0 and facts.is_debian_family()):
            raise ToolchainError(
                "Python has no ensurepip module, which a virtual environment needs",
                "Install it: sudo apt-get install python3-venv",
            )
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        log = paths.LOGS / "apt-get.log"
        mend = "Install it by hand: apt-get install python3-venv"
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", "python3-venv"]):
            run_quietly(
                ["apt-get", "-o", "DPkg::Lock::Timeout=120", *arguments],
                log=log,
                failure=ToolchainError(
                    "apt-get could not install python3-venv",
                    mend,
                ),
                environment=environment,
            )
    run_quietly(
        [sys.executable, "-m", "venv", paths.ENVIRONMENT],
        log=paths.LOGS / "venv.log",
        failure=ToolchainError(
            "the virtual environment .venv could not be created",
            "Remove .venv and check the free disk space, then run this again.",
        ),
    )
