"""A copy of the checkout with a stack of its own, `drift`."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import yaml

from tests.running_stack import ROOT

NAME = "drift"
LONGEST_RUN_SECONDS = 900
SETTINGS: dict[str, Any] = {
    "environment": "test",
    "gateway": {"port": 27010},
    "auth": {"autoconfirm": True},
    "mail": {"enabled": True, "port": 27011},
}


@dataclass(frozen=True)
class Run:
    """A command that was run: its exit code, and what it wrote to which stream."""

    code: int
    output: str
    errors: str

    @property
    def rows(self) -> list[list[str]]:
        """The table's rows, by column; columns are two spaces apart."""
        lines = self.output.splitlines()
        heading = next((line for line in lines if line.startswith("COMPONENT ")), "")
        starts = [heading.find(name) for name in ("COMPONENT", "WHAT", "DECLARED", "FOUND")]
        ends = [*starts[1:], None]
        return [
            [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]
            for line in lines[lines.index(heading) + 1 if heading else len(lines) :]
        ]

    @property
    def found(self) -> set[tuple[str, str]]:
        """Component and what differs, of each row."""
        return {(row[0], row[1]) for row in self.rows}


@dataclass(frozen=True)
class Checkout:
    """A copy of the checkout."""

    folder: Path

    def run(self, *command: str) -> Run:
        """Run a command in the copy, free of what the tests' own Pulumi was told."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")
        }
        folders = environment["PATH"].split(os.pathsep)
        environment["PATH"] = os.pathsep.join(
            folder for folder in folders if not Path(folder).is_relative_to(ROOT)
        )
        ended = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_RUN_SECONDS,
            check=False,
        )
        return Run(ended.returncode, ended.stdout, ended.stderr)

    def make(self, *targets: str) -> Run:
        """Run make on the stack."""
        return self.run("make", "--no-print-directory", f"STACK={NAME}", "YES=1", *targets)

    def drift(self, *options: str) -> Run:
        """Look for drift, by the command whose exit code make would hide."""
        return self.run("python3", "-m", "toolchain", "drift", "--stack", NAME, *options)

    def configure(self, **sections: dict[str, Any]) -> None:
        """Write the stack's file: the settings that work, with some sections replaced."""
        config = {f"plinth:{key}": value for key, value in {**SETTINGS, **sections}.items()}
        file = self.folder / f"Pulumi.{NAME}.yaml"
        file.write_text(yaml.safe_dump({"config": config}), encoding="utf-8")

    def secrets(self) -> set[str]:
        """Every text of 16 characters or more that the stack hands out or runs with as a secret."""
        outputs = json.loads(self.make("outputs", "SHOW_SECRETS=1").output)
        secret = {
            name: outputs[name] for name in ("secret_key", "database", "mongo", "redis", "s3")
        }
        client = docker.from_env()
        values = [
            entry.split("=", 1)[1]
            for container in client.containers.list(filters={"label": f"plinth.stack={NAME}"})
            for entry in container.attrs["Config"]["Env"]
            if any(word in entry.split("=")[0] for word in ("PASSWORD", "SECRET", "KEYS"))
        ]
        return {text for text in (*_texts(secret), *values) if len(text) >= 16}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
