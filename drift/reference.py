"""The reference database: what the stack's own bootstrap makes of an empty server.

A throwaway server of the declared image runs on an internal network of its own, in memory and under
generated passwords, and the declared bootstrap prepares it. Both are removed whatever happens.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from drift.database import (
    BOOTSTRAP,
    ROLE_PASSWORD,
    SERVER,
    Database,
    UnreadableDatabaseError,
    declared_bootstrap,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker
    from docker.models.containers import Container
    from docker.models.networks import Network

    from airgap.docker_provider.inputs import ContainerInputs
    from drift.catalog import Row
    from drift.declaration import Declaration

LABEL = "plinth.drift-reference"
"""Marks what is thrown away; it carries no stack's label, or it would be a stray itself."""

MADE_LABEL = "plinth.drift-reference-made"
"""When it was made, in seconds since 1970."""

_FORGOTTEN_SECONDS = 900
"""Older ones belong to a run that was killed."""

_PASSWORD_BYTES = 32
_BOOTSTRAP_SECONDS = 180
_LOG_LINES = 3
_NO_DURABILITY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True)
class _Part:
    """What runs for the reference: a declared container under another environment."""

    inputs: ContainerInputs = field(repr=False)
    alias: str
    environment: dict[str, str] = field(repr=False)
    command: list[str] | None


def catalog(client: docker.DockerClient, declaration: Declaration) -> list[Row]:
    """The catalogue of a database that the declared bootstrap has just prepared.

    Raises:
        UnreadableDatabaseError: the reference could not be made; says why.
    """
    discard_forgotten(client, declaration.stack)
    with _network(client, declaration.stack) as network:
        return _prepared(client, declaration, network)


def discard_forgotten(client: docker.DockerClient, stack: str) -> None:
    """Remove references that runs which were killed left behind."""
    latest = time.time() - _FORGOTTEN_SECONDS
    mark = f"{LABEL}={stack}"
    for container in client.containers.list(all=True, filters={"label": mark}, ignore_removed=True):
        if float(container.labels[MADE_LABEL]) < latest:
            container.remove(force=True, v=True)
    for network in client.networks.list(filters={"label": mark}):
        if float(network.attrs["Labels"][MADE_LABEL]) < latest:
            network.remove()


def _prepared(client: docker.DockerClient, declaration: Declaration, network: Network) -> list[Row]:
    server, bootstrap = declaration.container(SERVER), declaration.container(BOOTSTRAP)
    asked = declared_bootstrap(declaration)
    if server is None or bootstrap is None or asked is None:
        raise UnreadableDatabaseError("the stack declares no database of its own")
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    environment = {
        name: secrets.token_urlsafe(_PASSWORD_BYTES) if name.startswith(ROLE_PASSWORD) else value
        for name, value in asked.environment.items()
    }
    # The declared password must not leave the stack.
    environment["PGPASSWORD"] = password
    server_environment = {
        "POSTGRES_USER": environment["PGUSER"],
        "POSTGRES_DB": environment["PGDATABASE"],
        "POSTGRES_PASSWORD": password,
    }
    host = _Part(
        server.inputs, environment["PGHOST"], server_environment, _server_command(server.inputs)
    )
    preparation = _Part(
        bootstrap.inputs, BOOTSTRAP, environment, list(bootstrap.inputs.command) or None
    )
    with (
        _container(client, host, network) as running,
        _container(client, preparation, network) as preparing,
    ):
        ended: Any = preparing.wait(timeout=_BOOTSTRAP_SECONDS)
        if ended["StatusCode"] != 0:
            said = preparing.logs().decode(errors="replace").strip().splitlines()[-_LOG_LINES:]
            raise UnreadableDatabaseError("its bootstrap failed: " + " / ".join(said))
        return Database(
            client,
            str(running.id),
            user=environment["PGUSER"],
            name=environment["PGDATABASE"],
            password=password,
        ).catalog()


def _server_command(inputs: ContainerInputs) -> list[str]:
    """The declared command line; what is thrown away need not survive a crash."""
    command = list(inputs.command) or ["postgres"]
    return [*command, *(word for setting in _NO_DURABILITY for word in ("-c", setting))]


@contextlib.contextmanager
def _network(client: docker.DockerClient, stack: str) -> Iterator[Network]:
    name = f"plinth-drift-{secrets.token_hex(6)}"
    labels = {LABEL: stack, MADE_LABEL: str(int(time.time()))}
    network = client.networks.create(name, driver="bridge", internal=True, labels=labels)
    try:
        yield network
    finally:
        network.remove()


@contextlib.contextmanager
def _container(client: docker.DockerClient, part: _Part, network: Network) -> Iterator[Container]:
    """Run a container as declared, but on one network, with its data in memory."""
    inputs = part.inputs
    user, _, group = inputs.user.partition(":")
    owner = f"uid={user},gid={group or user},mode=0700"
    data = {volume.container_path: owner for volume in inputs.volumes}
    endpoint = client.api.create_endpoint_config(aliases=[part.alias])
    container = client.containers.create(
        inputs.image,
        part.command,
        name=f"{network.name}-{part.alias}",
        user=inputs.user,
        environment=part.environment,
        network=network.name,
        networking_config={str(network.name): endpoint},
        read_only=inputs.read_only,
        init=True,
        cap_drop=["ALL"],
        security_opt=list(inputs.security_opts),
        mem_limit=f"{inputs.memory}m",
        memswap_limit=f"{inputs.memory}m",
        shm_size=f"{inputs.shm_size or 64}m",
        tmpfs={**inputs.tmpfs, **data},
        labels=dict(network.attrs["Labels"]),
    )
    try:
        container.start()
        yield container
    finally:
        container.remove(force=True, v=True)
