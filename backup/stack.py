"""The stack that is backed up or restored: what Pulumi and the engine say about it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from dataclasses import dataclass
from http.client import HTTP_PORT
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pymongo.errors
from botocore.exceptions import BotoCoreError, ClientError

from backup import engine, mongo, objects
from backup.errors import BackupError
from toolchain import containers, paths
from toolchain.processes import capture, last_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

POSTGRES, MONGO, OBJECT_STORE, BOOTSTRAP = "postgres", "mongo", "object-store", "db-bootstrap"
STORES = (POSTGRES, MONGO, OBJECT_STORE)
GOES_ON = frozenset(
    {*STORES, "redis", "gateway", "waf", "certificates", "mail", "prometheus", "blackbox"}
)
"""Components that keep running while the others are paused. Without what stands behind it the
gateway answers 503."""

_STOP_SECONDS = 120
_HEALTHY_SECONDS = 120


@dataclass(frozen=True)
class Stack:
    """A stack that is up."""

    name: str
    outputs: dict[str, Any]

    @classmethod
    def read(cls, name: str) -> Stack:
        """Read the outputs, secret ones too.

        Raises:
            BackupError: The stack does not exist or has never been up.
        """
        arguments = ("stack", "output", "--json", "--show-secrets")
        outputs = json.loads(pulumi(name, *arguments) or "{}")
        if "components" not in outputs:
            raise missing(name)
        return cls(name, outputs)

    def container(self, component: str) -> str:
        """Name of a component's container."""
        return str(self.outputs["components"][component]["container"])

    def require_stores(self) -> None:
        """Make sure that every store runs, as a container of the stack.

        Raises:
            BackupError: One does not.
        """
        elsewhere = [
            f"{store} ({self.outputs['components'][store]['external']})"
            for store in STORES
            if "external" in self.outputs["components"][store]
        ]
        if elsewhere:
            raise BackupError(
                f"stack {self.name} keeps {', '.join(elsewhere)} elsewhere, and a bundle holds "
                "every store",
                "Back each store up where it runs; the generated secrets are in Pulumi's state.",
            )
        running = {
            found.component
            for found in containers.of_stack(self.name)
            if found.status == "running" and found.health in {"", "healthy"}
        }
        lacking = [store for store in STORES if store not in running]
        if lacking:
            raise BackupError(
                f"stack {self.name}: {', '.join(lacking)} does not run",
                f"Start it first: make up STACK={self.name}",
            )

    @contextlib.contextmanager
    def mongo(self) -> Iterator[mongo.Client]:
        """A client of the Mongo store."""
        details = self.outputs["mongo"]
        with (
            engine.reached(self.container(MONGO), details["port"]) as address,
            mongo.connect(address, details["user"], details["password"]) as client,
        ):
            try:
                yield client
            except pymongo.errors.PyMongoError as error:
                raise self._refused("Mongo", error) from None

    @contextlib.contextmanager
    def objects(self) -> Iterator[objects.Client]:
        """A client of the S3 store."""
        details = self.outputs["s3"]
        port = urlsplit(details["endpoint"]).port or HTTP_PORT
        with engine.reached(self.container(OBJECT_STORE), port) as address:
            client = objects.connect(
                address, details["region"], details["access_key_id"], details["secret_access_key"]
            )
            with contextlib.closing(client):
                try:
                    yield client
                except (BotoCoreError, ClientError) as error:
                    raise self._refused("S3", error) from None

    def _refused(self, store: str, error: Exception) -> BackupError:
        said = str(error).splitlines() or [type(error).__name__]
        return BackupError(
            f"the {store} store of stack {self.name} failed: {said[0]}",
            f"Look at make ps STACK={self.name}, then run this again.",
        )

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stop what writes to the stores, and start it again, whatever happens in between.

        Raises:
            BackupError: A service cannot be stopped, or does not come back.
        """
        services = [
            found.name
            for found in containers.of_stack(self.name)
            if found.keeps_running and found.status == "running" and found.component not in GOES_ON
        ]
        try:
            for service in reversed(services):
                self._docker("stop", service)
            yield
        finally:
            for service in services:
                self._docker("start", service)
            self._wait(services)

    def run_bootstrap(self) -> None:
        """Run the bootstrap again: newer migrations, and the passwords that this stack declares.

        Raises:
            BackupError: It failed; carries its last lines.
        """
        name = self.container(BOOTSTRAP)
        done = capture(["docker", "start", "--attach", name], timeout_seconds=_STOP_SECONDS)
        if done.returncode != 0:
            raise BackupError(
                f"the data is restored, and the bootstrap {name} failed",
                f"Mend what it says above, then: make up STACK={self.name}",
                evidence=last_lines(done.stdout + done.stderr, 3),
            )

    def _docker(self, action: str, name: str) -> None:
        done = capture(["docker", action, name], timeout_seconds=_STOP_SECONDS)
        if done.returncode != 0:
            raise BackupError(
                f"{name}: docker {action} failed",
                f"make up STACK={self.name} starts everything.",
                evidence=last_lines(done.stderr, 3),
            )

    def _wait(self, services: list[str]) -> None:
        deadline = time.monotonic() + _HEALTHY_SECONDS
        while True:
            waiting = [
                found.name
                for found in containers.of_stack(self.name)
                if found.name in services and found.health not in {"", "healthy"}
            ]
            if not waiting:
                return
            if time.monotonic() > deadline:
                raise BackupError(
                    f"{', '.join(waiting)} is not healthy after {_HEALTHY_SECONDS} s",
                    f"See make logs STACK={self.name} SERVICE=…, then make up STACK={self.name}.",
                )
            time.sleep(0.3)


def pulumi(stack: str, *arguments: str, stdin: str | None = None) -> str | None:
    """What a Pulumi command on a stack prints, or None where the stack does not exist.

    Raises:
        BackupError: It failed.
    """
    ended = subprocess.run(  # noqa: S603  (the toolchain puts it on the PATH)
        ["pulumi", *arguments, "--stack", stack, "--non-interactive"],  # noqa: S607
        input=stdin,
        capture_output=True,
        text=True,
        cwd=paths.REPOSITORY,
        check=False,
    )
    if ended.returncode == 0:
        return ended.stdout
    if "no stack named" in ended.stderr:
        return None
    raise BackupError(
        f"pulumi {' '.join(arguments[:2])} of stack {stack} failed",
        "Mend what it says above, then run this again.",
        evidence=last_lines(ended.stderr, 3),
    )


def missing(name: str) -> BackupError:
    """The error for a stack that is not there."""
    return BackupError(
        f"there is no stack {name} that is up", f"Bring it up first: make up STACK={name}"
    )
