"""A copy of the checkout: tests bring stacks of their own up in it and change its files."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from tests.running_stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_RUN_SECONDS = 900

NOWHERE = {
    "mongo": {"host": "mongo.example.com", "user": "plinth"},
    "redis": {"host": "redis.example.com"},
    "object_store": {
        "endpoint": "https://s3.example.com",
        "bucket": "files",
        "access_key_id": "plinth",
    },
}
"""Stores that no service uses: nothing needs to listen there."""
SECRET_NAMES = {"object_store": "secret_access_key"}
"""What a store's secret is called, where it is no password."""


@dataclass(frozen=True)
class Run:
    """A command that was run: its exit code, and what it wrote to which stream."""

    code: int
    output: str
    errors: str

    @property
    def printed(self) -> str:
        """Everything that it wrote."""
        return self.output + self.errors


@dataclass(frozen=True)
class Checkout:
    """The copy."""

    folder: Path

    @classmethod
    def copy(cls, folder: Path) -> Self:
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

    def configure(self, stack: str, settings: Mapping[str, Any]) -> None:
        """Write a stack's file."""
        config = {f"plinth:{key}": value for key, value in settings.items()}
        file = self.folder / f"Pulumi.{stack}.yaml"
        file.write_text(yaml.safe_dump({"config": config}), encoding="utf-8")

    def leave_out(self, stack: str, *stores: str) -> None:
        """Have stores run elsewhere that no service uses, so that the stack is up sooner."""
        settings: list[str] = []
        for name in stores:
            path = f"plinth:{name}.external"
            settings += ["--secret", f"{path}.{SECRET_NAMES.get(name, 'password')}=not asked for"]
            for key, value in NOWHERE[name].items():
                settings += ["--plaintext", f"{path}.{key}={value}"]
        script = (
            'eval "$(python3 -m toolchain env --stack "$0")"; pulumi stack select --create "$0"; '
            'pulumi config set-all --stack "$0" --path "$@"'
        )
        ended = self.run("sh", "-ec", script, stack, *settings)
        assert ended.code == 0, ended.printed

    def start(self, *command: str, environment: Mapping[str, str] = {}) -> subprocess.Popen[str]:
        """Start a command in the copy, free of what the tests' own Pulumi was told."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")
        }
        folders = inherited["PATH"].split(os.pathsep)
        inherited["PATH"] = os.pathsep.join(
            folder for folder in folders if not Path(folder).is_relative_to(ROOT)
        )
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**inherited, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str, environment: Mapping[str, str] = {}) -> Run:
        """Run a command in the copy."""
        started = self.start(*command, environment=environment)
        output, errors = started.communicate(timeout=LONGEST_RUN_SECONDS)
        return Run(started.returncode, output, errors)

    def make(self, stack: str, *words: str, environment: Mapping[str, str] = {}) -> Run:
        """Run make on a stack; `words` are targets and variables."""
        command = ("make", "--no-print-directory", f"STACK={stack}", "YES=1", *words)
        return self.run(*command, environment=environment)
