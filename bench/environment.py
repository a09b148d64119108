"""The stack `bench`: brought up for the measurements and destroyed after them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import docker

from toolchain import backend, paths, pulumi_cli
from toolchain import stack as stacks
from toolchain.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.models.containers import Container

NAME = "bench"
LABEL = f"plinth.stack={NAME}"
LONGEST_UP_SECONDS = 900


class MeasurementError(Exception):
    """A measurement could not be taken; says what stood in its way."""


def _run(command: list[str], environment: dict[str, str]) -> str:
    ended = subprocess.run(
        command,
        cwd=paths.REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LONGEST_UP_SECONDS,
        check=False,
    )
    if ended.returncode != 0:
        raise MeasurementError(f"{' '.join(command)} failed:\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout


@dataclass(frozen=True)
class Environment:
    """The stack while it is up."""

    stack: stacks.Stack
    engine: docker.DockerClient

    def pulumi(self, *arguments: str) -> str:
        """Run a Pulumi command on the stack and return what it printed.

        Raises:
            MeasurementError: It failed.
        """
        command = [
            *(str(self.stack.cli.executable), *arguments),
            *("--stack", self.stack.name, "--non-interactive"),
        ]
        with stacks.keeping_stack_file(self.stack):
            return _run(command, self.stack.environment())

    def up(self, *options: str) -> float:
        """Bring the stack up as `make up` does; the seconds it took."""
        start = time.monotonic()
        self.pulumi("up", "--yes", *stacks.policy_options(self.stack), *options)
        return time.monotonic() - start

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secret ones too."""
        found: dict[str, Any] = json.loads(
            self.pulumi("stack", "output", "--json", "--show-secrets")
        )
        return found

    def containers(self, *, stopped: bool = False) -> dict[str, Container]:
        """The stack's containers by component; without those that only carry files."""
        found = self.engine.containers.list(all=stopped, filters={"label": LABEL})
        return {
            container.labels["plinth.component"]: container
            for container in found
            if container.labels.get("plinth.role") != "files"
        }

    def remove_containers(self) -> None:
        """Remove what runs and what ran, as a machine that lost its containers; data stays."""
        for container in self.containers(stopped=True).values():
            container.remove(force=True)

    def address(self, component: str) -> str:
        """A container's own address on the network that the gateway shares with the services."""
        networks = self.containers()[component].attrs["NetworkSettings"]["Networks"]
        return str(networks[f"plinth-{NAME}-backend"]["IPAddress"])


@contextlib.contextmanager
def running() -> Iterator[Environment]:
    """Bring the stack up with its example data, and destroy it afterwards, whatever happened.

    Raises:
        MeasurementError: It could not be brought up or destroyed.
    """
    console = Console(sys.stderr)
    stack = stacks.Stack(NAME, pulumi_cli.prepare(console), backend.prepare(console))
    make = ["make", "--no-print-directory", f"STACK={NAME}"]
    environment = {**stack.environment(), "YES": "1"}
    try:
        with console.step("Stack bench") as step:
            step.note("bringing it up, building images that are not there yet")
            _run([*make, "up", "seed"], environment)
            step.note("is up")
        yield Environment(stack, docker.from_env())
    finally:
        with console.step("Stack bench") as step:
            step.note("destroying it")
            _run([*make, "destroy"], environment)
            step.note("is gone")
