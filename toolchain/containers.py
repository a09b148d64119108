"""The containers of a stack, found by their labels: list, stop, remove, and read their logs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolchain.errors import ToolchainError
from toolchain.processes import capture, last_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

STACK_LABEL = "plinth.stack"
COMPONENT_LABEL = "plinth.component"
ROLE_LABEL = "plinth.role"
STOP_SECONDS = 120


@dataclass(frozen=True)
class Container:
    """A container as the engine reports it.

    Attributes:
        status: `running`, `exited`, `created`, `restarting`, `paused` or `dead`.
        health: `healthy`, `unhealthy`, `starting`, or empty where there is no check.
        keeps_running: whether the engine restarts it; a one-shot or a file carrier it does not.
        created: RFC 3339 time.
    """

    name: str
    component: str
    image: str
    status: str
    health: str
    exit_code: int
    keeps_running: bool
    created: str
    ports: tuple[str, ...]

    @property
    def holds_files(self) -> bool:
        """Whether it is a file carrier: created to fill a volume and never started."""
        return self.status == "created" and not self.keeps_running

    @property
    def has_failed(self) -> bool:
        """Whether its log is worth showing."""
        if self.health == "unhealthy" or self.status in {"restarting", "dead"}:
            return True
        return self._ended_badly

    @property
    def is_failed_one_shot(self) -> bool:
        """Whether it should have ended well and did not."""
        return not self.keeps_running and self._ended_badly

    @property
    def _ended_badly(self) -> bool:
        return self.status == "exited" and self.exit_code != 0


def declared_labels(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Labels of a container, volume or network as Pulumi's inputs hold them: a list of pairs."""
    pairs = inputs.get("labels")
    if not isinstance(pairs, list):
        return {}
    return {
        str(pair.get("label")): str(pair.get("value")) for pair in pairs if isinstance(pair, dict)
    }


def parse(inspected: str) -> list[Container]:
    """Containers from `docker inspect`'s JSON, oldest first."""
    found = [_container(entry) for entry in json.loads(inspected)]
    return sorted(found, key=lambda container: container.created)


def _container(entry: dict[str, Any]) -> Container:
    name = entry["Name"].lstrip("/")
    state, settings, host = entry["State"], entry["Config"], entry["HostConfig"]
    published = entry["NetworkSettings"].get("Ports") or {}
    return Container(
        name=name,
        component=(settings.get("Labels") or {}).get(COMPONENT_LABEL, name),
        image=settings["Image"],
        status=state["Status"],
        health=(state.get("Health") or {}).get("Status", ""),
        exit_code=state["ExitCode"],
        keeps_running=host["RestartPolicy"]["Name"] not in {"", "no"},
        created=entry["Created"],
        ports=tuple(
            f"{binding['HostIp']}:{binding['HostPort']}->{inside}"
            for inside, bindings in sorted(published.items())
            for binding in bindings or ()
        ),
    )


def of_stack(stack: str) -> list[Container]:
    """Every container of a stack, oldest first.

    Raises:
        ToolchainError: the engine does not answer.
    """
    listed = capture(
        ["docker", "ps", "--all", "--quiet", "--filter", f"label={STACK_LABEL}={stack}"]
    )
    if listed.returncode != 0:
        raise ToolchainError("the Docker engine does not answer", "Run `make doctor`.")
    identifiers = listed.stdout.split()
    if not identifiers:
        return []
    inspected = capture(["docker", "container", "inspect", *identifiers])
    # A container that vanished in between makes the exit code 1; the others are still printed.
    return parse(inspected.stdout or "[]")


def stop_and_remove(container: Container) -> None:
    """Stop a container within its own stop grace, then remove it. Its volumes stay.

    Raises:
        ToolchainError: the engine refused.
    """
    for arguments in (["stop", container.name], ["rm", "--force", container.name]):
        done = capture(["docker", *arguments], timeout_seconds=STOP_SECONDS)
        if done.returncode != 0 and "No such container" not in done.stderr:
            raise ToolchainError(
                f"{container.name} could not be stopped",
                "Run `make down` again.",
                evidence=last_lines(done.stderr, 3),
            )


def log_tail(container: Container, lines: int) -> tuple[str, ...]:
    """The last lines that a container wrote."""
    written = capture(["docker", "logs", "--tail", str(lines), container.name])
    return last_lines(written.stdout + written.stderr, lines)


def leftovers(stack: str) -> list[str]:
    """Containers, networks and volumes that still carry the stack's label, as `kind name`."""
    found: list[str] = []
    for kind, arguments in (
        ("container", ["ps", "--all", "--format", "{{.Names}}"]),
        ("network", ["network", "ls", "--format", "{{.Name}}"]),
        ("volume", ["volume", "ls", "--format", "{{.Name}}"]),
    ):
        listed = capture(["docker", *arguments, "--filter", f"label={STACK_LABEL}={stack}"])
        found += [f"{kind} {name}" for name in listed.stdout.split()]
    return found
