import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Outcome:
    code: int
    output: str


@dataclass(frozen=True)
class Project:
    """A Pulumi project in a temporary folder, driven by the real CLI."""

    pulumi: Path
    folder: Path
    environment: dict[str, str]

    def write(self, program: str) -> None:
        (self.folder / "infra" / "__main__.py").write_text(program)

    def attempt(self, *arguments: str) -> Outcome:
        """Run a command of the CLI and return how it ended."""
        done = subprocess.run(
            [self.pulumi, *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Outcome(done.returncode, done.stdout + done.stderr)

    def run(self, *arguments: str) -> str:
        """Run a command of the CLI that is to succeed and return its output."""
        outcome = self.attempt(*arguments)
        assert outcome.code == 0, outcome.output
        return outcome.output

    def up(self, stack: str = "one", *arguments: str) -> str:
        return self.run("up", "--yes", "--skip-preview", "--stack", stack, *arguments)

    def outputs(self, stack: str = "one") -> dict[str, Any]:
        text = self.run("stack", "output", "--json", "--show-secrets", "--stack", stack)
        found: dict[str, Any] = json.loads(text)
        return found

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of the CLI in a process group of its own, as a shell does it."""
        return subprocess.Popen(
            [self.pulumi, *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )

    def processes(self) -> list[str]:
        """Return the ids of the processes that work for this project."""
        mark = f"PULUMI_BACKEND_URL={self.environment['PULUMI_BACKEND_URL']}".encode()
        return [
            process.name
            for process in Path("/proc").glob("[0-9]*")
            if mark in _environment(process)
        ]


def _environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:  # ended in the meantime
        return []
