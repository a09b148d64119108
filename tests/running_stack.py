"""The stack `ci` as the tests see it: started once, read through its outputs."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
import yaml

ROOT = Path(__file__).resolve().parent.parent
NAME = "ci"

COMPONENTS = (
    "auth",
    "blackbox",
    "db-bootstrap",
    "gateway",
    "mail",
    "mongo",
    "object-store",
    "postgres",
    "prometheus",
    "redis",
    "rest",
    "waf",
)
SERVERS = tuple(name for name in COMPONENTS if name != "db-bootstrap")


def run(*command: str, environment: dict[str, str] | None = None) -> str:
    """Run a command in the checkout and return what it printed.

    Raises:
        AssertionError: It failed; carries all that it printed.
    """
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, (
        f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}"
    )
    return ended.stdout


def pulumi(*arguments: str, configuration: dict[str, Any] | None = None) -> str:
    """Run a Pulumi command on the stack, with further configuration where it takes any."""
    return run("pulumi", *arguments, "--stack", NAME, "--non-interactive", *_copied(configuration))


def _copied(configuration: dict[str, Any] | None) -> list[str]:
    # Pulumi writes into the file that it is given: never into the committed one.
    if configuration is None:
        return []
    stack_file = yaml.safe_load((ROOT / f"Pulumi.{NAME}.yaml").read_text())
    stack_file["config"] |= configuration
    copy = Path(tempfile.mkdtemp()) / f"Pulumi.{NAME}.yaml"
    copy.write_text(yaml.safe_dump(stack_file))
    return ["--config-file", str(copy)]


@dataclass(frozen=True)
class RunningStack:
    """What the tests know of the stack: its outputs, and the engine it runs on."""

    outputs: dict[str, Any]

    @classmethod
    def read(cls) -> RunningStack:
        """Read the outputs, secret ones too."""
        return cls(json.loads(pulumi("stack", "output", "--json", "--show-secrets")))

    @cached_property
    def engine(self) -> docker.DockerClient:
        """The Docker engine."""
        return docker.from_env()

    def component(self, name: str) -> dict[str, Any]:
        """What the program says about a component."""
        component: dict[str, Any] = self.outputs["components"][name]
        return component

    def inspect(self, name: str) -> dict[str, Any]:
        """What the engine says about a component's container."""
        inspected: dict[str, Any] = self.engine.api.inspect_container(
            self.component(name)["container"]
        )
        return inspected

    def execute(self, name: str, *command: str) -> tuple[int | None, str]:
        """Run a command in a component's container: exit code and all that it printed."""
        container = self.engine.containers.get(self.component(name)["container"])
        ended = container.exec_run(list(command))
        assert isinstance(ended.output, bytes)
        return ended.exit_code, ended.output.decode(errors="replace")

    def image(self, name: str) -> dict[str, Any]:
        """What the engine says about a component's image."""
        attributes: dict[str, Any] = self.engine.images.get(self.component(name)["image"]).attrs
        return attributes

    def log(self, name: str) -> str:
        """A component's log."""
        container = self.engine.containers.get(self.component(name)["container"])
        return bytes(container.logs(stream=False)).decode(errors="replace")
