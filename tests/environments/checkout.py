"""A copy of the checkout with a production stack of its own, `external`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import docker
import yaml

from tests import checkout
from tests.checkout import NOWHERE, SECRET_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.checkout import Run
    from tests.environments.servers import Servers

NAME = "external"
NEIGHBOUR = "sidedev"
PORT = 27300
PRODUCTION: dict[str, Any] = {
    "environment": "production",
    "images": {"require_digest": True},
    "protect_data": True,
    "gateway": {"port": PORT, "public_url": f"http://127.0.0.1:{PORT}"},
    "auth": {"signup": False},
    "database": {"extensions": ["pgcrypto"]},
}
MOVED = ("postgres", "redis")


def error(run: Run) -> str:
    """The line that says what is wrong and how to mend it; empty where none does."""
    lines = [line for line in run.printed.splitlines() if line.startswith("plinth: ")]
    return lines[-1] if lines else ""


@dataclass(frozen=True)
class Checkout(checkout.Checkout):
    """The copy with its one stack."""

    engine: Mapping[str, str] = field(default_factory=dict)
    """What the stack's file says about its engine."""

    def settle(self, **stores: dict[str, Any]) -> None:
        """Write the stack's file with stores that run elsewhere, their secrets encrypted."""
        settings, secrets = dict(PRODUCTION), list[str]()
        for name, given in stores.items():
            secret = SECRET_NAMES.get(name, "password")
            external = {key: value for key, value in given.items() if key != secret}
            settings[name] = {**settings.get(name, {}), "external": external}
            secrets += ["--secret", f"plinth:{name}.external.{secret}={given[secret]}"]
        self.configure(NAME, settings)
        self.set_engine(self.engine)
        self.done("config", "set-all", "--path", *secrets)

    def set_engine(self, engine: Mapping[str, str]) -> None:
        """Write into the stack's file which engine it runs on."""
        file = self.folder / f"Pulumi.{NAME}.yaml"
        content: dict[str, Any] = yaml.safe_load(file.read_text())
        kept = {
            key: value for key, value in content["config"].items() if not key.startswith("docker:")
        }
        content["config"] = kept | dict(engine)
        # Each value on one line, as Pulumi writes it.
        file.write_text(yaml.safe_dump(content, width=100_000))

    @cached_property
    def variables(self) -> dict[str, str]:
        """What the documentation has a shell set for plain Pulumi commands."""
        show = 'eval "$(python3 -m toolchain env --stack "$0")"; env --null'
        shown = self.run("sh", "-ec", show, NAME)
        assert shown.code == 0, shown.printed
        return dict(entry.split("=", 1) for entry in shown.output.split("\0") if entry)

    def pulumi(self, *words: str, folder: str = ".", stack: str = NAME) -> Run:
        """Run a Pulumi command as the documentation says."""
        command = ("pulumi", "-C", folder, *words, "--stack", stack, "--non-interactive")
        return self.run(*command, environment=self.variables)

    def done(self, *words: str, folder: str = ".", stack: str = NAME) -> str:
        """The same for a command that must end well: what it printed."""
        ended = self.pulumi(*words, folder=folder, stack=stack)
        assert ended.code == 0, ended.printed
        return ended.output

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secret ones too."""
        found: dict[str, Any] = json.loads(self.make(NAME, "outputs", "SHOW_SECRETS=1").output)
        return found


def elsewhere(servers: Servers, secret: str) -> dict[str, dict[str, Any]]:
    """Every store elsewhere: the two that run, and the two that nothing uses yet."""
    place = {"host": servers.host, "ca_certificate": servers.authority}
    return {
        **partly_elsewhere(secret),
        "database": {**place, "port": 27310, "password": servers.password},
        "redis": {**place, "port": 27311, "password": servers.password},
    }


def partly_elsewhere(secret: str) -> dict[str, dict[str, Any]]:
    """Only the stores elsewhere that nothing uses yet."""
    return {
        name: {**place, SECRET_NAMES.get(name, "password"): secret}
        for name, place in NOWHERE.items()
        if name not in MOVED
    }


def components(stack: str) -> set[str]:
    """Components whose container runs."""
    found = docker.from_env().containers.list(filters={"label": f"plinth.stack={stack}"})
    return {container.labels["plinth.component"] for container in found}


def data_volumes(stack: str) -> set[str]:
    """Names of the volumes that hold the stack's data."""
    found = docker.from_env().volumes.list(filters={"label": f"plinth.stack={stack}"})
    return {volume.name for volume in found if volume.name and "-files-" not in volume.name}
