"""A copy of the checkout with stacks of its own, `baka` and `bakb`, and their make targets."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from tests.running_stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_RUN_SECONDS = 600
PASSPHRASE = "correct horse battery staple"


@dataclass(frozen=True)
class Run:
    """A command that was run."""

    code: int
    printed: str

    @property
    def error(self) -> str:
        """The line that says what is wrong and how to mend it; empty where none does."""
        lines = [line for line in self.printed.splitlines() if line.startswith("plinth: ")]
        assert len(lines) <= 1, self.printed
        return lines[0] if lines else ""


@dataclass(frozen=True)
class Checkout:
    """The copy."""

    folder: Path

    @classmethod
    def copy(cls, folder: Path) -> Checkout:
        """Copy what git knows, and share the virtual environment."""
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        return cls(folder)

    def configure(self, stack: str, settings: dict[str, Any]) -> None:
        """Write a stack's file."""
        config = {f"plinth:{key}": value for key, value in settings.items()}
        text = yaml.safe_dump({"config": config})
        (self.folder / f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")

    def make(self, target: str, stack: str, *, passphrase: str = PASSPHRASE, **set_: str) -> Run:
        """Run a make target on a stack."""
        variables = [f"{name}={value}" for name, value in {"STACK": stack, **set_}.items()]
        started = self.start(
            "make", "--no-print-directory", target, "YES=1", *variables, passphrase=passphrase
        )
        printed, _ = started.communicate(timeout=LONGEST_RUN_SECONDS)
        return Run(started.returncode, printed)

    def start(self, *command: str, passphrase: str = PASSPHRASE) -> subprocess.Popen[str]:
        """Start a command in the copy, free of what the tests' own Pulumi was told."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")
        }
        folders = environment["PATH"].split(os.pathsep)
        environment["PATH"] = os.pathsep.join(
            folder for folder in folders if not folder.startswith(str(ROOT))
        )
        environment["PLINTH_BACKUP_PASSPHRASE"] = passphrase
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def done(self, target: str, stack: str, **set_: str) -> str:
        """The same for a target that must end well: what it printed."""
        run = self.make(target, stack, **set_)
        assert run.code == 0, run.printed
        return run.printed
