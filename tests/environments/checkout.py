"""A copy of the checkout with a production stack of its own, `external`."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import docker

from tests import checkout

if TYPE_CHECKING:
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
ELSEWHERE: dict[str, dict[str, Any]] = {
    "mongo": {"host": "mongo.example.com", "user": "plinth"},
    "object_store": {
        "endpoint": "https://s3.example.com",
        "bucket": "files",
        "access_key_id": "plinth",
    },
}
"""Stores that no service uses yet: nothing needs to listen there."""

MOVED = ("postgres", "redis")
SECRET_NAMES = {"object_store": "secret_access_key"}


def error(run: Run) -> str:
    """The line that says what is wrong and how to mend it; empty where none does."""
    lines = [line for line in run.printed.splitlines() if line.startswith("plinth: ")]
    return lines[-1] if lines else ""


class Checkout(checkout.Checkout):
    """The copy with its one stack."""

    def settle(self, **stores: dict[str, Any]) -> None:
        """Write the stack's file with stores that run elsewhere, their secrets encrypted."""
        secrets = {
            name: external.pop(SECRET_NAMES.get(name, "password"))
            for name, external in stores.items()
        }
        settings = dict(PRODUCTION)
        for name, external in stores.items():
            settings[name] = {**settings.get(name, {}), "external": external}
        self.configure(NAME, settings)
        for name, secret in secrets.items():
            path = f"plinth:{name}.external.{SECRET_NAMES.get(name, 'password')}"
            self.done("config", "set", "--secret", "--path", path, secret)

    def pulumi(self, *words: str, folder: str = ".", stack: str = NAME) -> Run:
        """Run a Pulumi command as the documentation says."""
        command = shlex.join(["pulumi", *words, "--stack", stack, "--non-interactive"])
        prepare = f'eval "$(python3 -m toolchain env --stack {NAME})"'
        return self.run("sh", "-ec", f"{prepare}; cd {folder}; {command}")

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
        for name, place in ELSEWHERE.items()
    }


def components(stack: str) -> set[str]:
    """Components whose container runs."""
    found = docker.from_env().containers.list(filters={"label": f"plinth.stack={stack}"})
    return {container.labels["plinth.component"] for container in found}


def data_volumes(stack: str) -> set[str]:
    """Names of the volumes that hold the stack's data."""
    found = docker.from_env().volumes.list(filters={"label": f"plinth.stack={stack}"})
    return {volume.name for volume in found if volume.name and "-files-" not in volume.name}
