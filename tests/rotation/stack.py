"""A copy of the checkout with a stack of its own, `rotation`, and what the engine does with it."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import docker
from docker.errors import NotFound

from tests.checkout import Checkout, Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAME = "rotation"
LABEL = f"plinth.stack={NAME}"
SETTINGS: dict[str, Any] = {
    "environment": "test",
    "gateway": {"port": 28110, "rate_limits": False},
    "auth": {"autoconfirm": True},
    "database": {"port": 28111},
    "redis": {"port": 28112},
    "mongo": {"port": 28113},
    "object_store": {"port": 28114},
}
SUPERUSER = {("postgres", "POSTGRES_PASSWORD"), ("db-bootstrap", "PGPASSWORD")}
"""Component and variable of the one password that has a single generation."""


class Events:
    """What the engine does with the stack's containers, as it happens.

    The engine itself remembers no more than the last 256 events of all that it runs.
    """

    def __init__(self, engine: Any) -> None:
        self._stream = engine.events(decode=True, filters={"type": "container", "label": LABEL})
        self._seen: list[tuple[float, str, str]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for event in self._stream:
            component = event["Actor"]["Attributes"]["plinth.component"]
            self._seen.append((event["timeNano"] / 1e9, component, event["Action"]))

    def times(self, action: str, component: str | None = None) -> list[float]:
        """When it happened, in seconds as of `time.time()`, to one component or to any."""
        return [at for at, name, what in self._seen if what == action and component in {None, name}]

    def close(self) -> None:
        """Look no further."""
        self._stream.close()


@dataclass(frozen=True)
class Stack:
    """The stack in its copy of the checkout."""

    copy: Checkout
    engine: Any

    @property
    def url(self) -> str:
        """Of the gateway."""
        return f"http://127.0.0.1:{SETTINGS['gateway']['port']}"

    def configure(self, keys: int, passwords: int, *, revoke: bool = False) -> None:
        """Write the stack's file with these generations."""
        generations = {
            "keys": {"generation": keys, "revoke_previous": revoke},
            "passwords": {"generation": passwords, "revoke_previous": revoke},
        }
        self.copy.configure(NAME, {**SETTINGS, **generations})

    def make(self, target: str, *variables: str) -> Run:
        """Run a target that has to end well.

        Raises:
            AssertionError: It did not; carries all that it printed.
        """
        run = self.copy.make(NAME, target, *variables)
        assert run.code == 0, run.printed
        return run

    def cut_off(self, action: str, component: str | None) -> Run:
        """Start `make up`, and kill all of it when the engine has done something.

        Args:
            action: As the engine's events name it.
            component: To whose containers; None for any.
        """
        events = Events(self.engine)
        started = self.copy.start("make", "--no-print-directory", f"STACK={NAME}", "up")
        while started.poll() is None and not events.times(action, component):
            time.sleep(0.02)
        # Make first, or it would see what it started die and end by itself.
        for process in _descendants(started.pid):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        output, errors = started.communicate(timeout=60)
        events.close()
        return Run(started.returncode, output, errors)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, the secret ones too."""
        found: dict[str, Any] = json.loads(self.make("outputs", "SHOW_SECRETS=1").output)
        return found

    def deployment(self, *options: str) -> dict[str, Any]:
        """The stack's state, as Pulumi exports it."""
        environment = f'eval "$(python3 -m toolchain env --stack {NAME})"'
        export = " ".join(["pulumi stack export --stack", NAME, *options])
        exported = self.copy.run("bash", "-c", f"{environment}; {export}")
        assert exported.code == 0, exported.printed
        deployment: dict[str, Any] = json.loads(exported.output)["deployment"]
        return deployment

    def containers(self, component: str | None = None) -> list[Any]:
        """The containers of the stack or of one component, the stopped ones too."""
        labels = [LABEL, *([f"plinth.component={component}"] if component else [])]
        found: list[Any] = self.engine.containers.list(all=True, filters={"label": labels})
        return found

    def secret_environment(self) -> dict[tuple[str, str], str]:
        """Secret variables by component and name, without the superuser's password."""
        found = {}
        for container in self.containers():
            secret_names = container.labels.get("plinth.secret-names", "").split(",")
            for entry in container.attrs["Config"]["Env"]:
                name, _, value = entry.partition("=")
                if name in secret_names:
                    found[container.labels["plinth.component"], name] = value
        return {key: value for key, value in found.items() if key not in SUPERUSER}

    def login_role(self) -> str:
        """Whom PostgREST logs in to the database as."""
        (rest,) = self.containers("rest")
        environment = dict(entry.split("=", 1) for entry in rest.attrs["Config"]["Env"])
        return str(urlsplit(environment["PGRST_DB_URI"]).username)

    def secrets(self, outputs: dict[str, Any]) -> set[str]:
        """Every secret that rotates, in clear."""
        environment = self.secret_environment().values()
        return {
            *environment,
            *_private_parts(environment),
            *(outputs[name] for name in ("publishable_key", "secret_key")),
            *(outputs[name]["password"] for name in ("mongo", "redis")),
        }

    def held(self) -> dict[str, str]:
        """All that each container and the state hold, in clear, by name."""
        held = {"the state": json.dumps(self.deployment("--show-secrets"))}
        for container in self.containers():
            files = b""
            with suppress(NotFound):
                files = b"".join(container.get_archive("/run/plinth/files")[0])
            held[container.name] = json.dumps(container.attrs) + files.decode(errors="replace")
        return held


def copy_to(folder: Path) -> Stack:
    """Copy the checkout; nothing is up yet."""
    return Stack(Checkout.copy(folder), docker.from_env(timeout=300))


def _private_parts(values: Iterable[str]) -> Iterator[str]:
    """Private and symmetric keys inside of key sets."""
    for value in values:
        with suppress(ValueError):
            for key in json.loads(value)["keys"]:
                yield from (key[part] for part in ("d", "k") if part in key)


def _descendants(process: int) -> list[int]:
    """The process and all that it started, parents first."""
    found = [process]
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in task.read_text().split():
                found += _descendants(int(child))
    return found
