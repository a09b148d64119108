"""Redis: queues, caches and change events."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from infra import credentials
from infra.container import (
    FILES_DIRECTORY,
    ContainerService,
    ContainerSpec,
    DataVolume,
    PublishedPort,
)
from infra.stores.endpoint import Endpoint, ExternalStore
from infra.watch import TcpProbe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config.stores import ExternalRedis
    from infra.context import Context

PORT = 6379
_MEMORY_MEBIBYTES = 192


@dataclass(frozen=True)
class Redis:
    """A store and its password."""

    server: ContainerService | ExternalStore
    endpoint: Endpoint
    password: pulumi.Output[str]


def configuration(passwords: Sequence[str]) -> str:
    """Content of redis.conf.

    Args:
        passwords: What the one user of the server may log in with.
    """
    digests = " ".join(
        f"#{hashlib.sha256(password.encode()).hexdigest()}" for password in passwords
    )
    settings = {
        "bind": "0.0.0.0 -::*",
        "port": str(PORT),
        "protected-mode": "yes",
        "user": f"default on {digests} ~* &* +@all",
        "dir": "/data",
        # Every write reaches the disk within a second; a snapshot would lose minutes.
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        # Half of the container's memory: a rewrite of the log may need as much again.
        "maxmemory": f"{_MEMORY_MEBIBYTES // 2}mb",
        # Queues live here: refuse a write rather than lose one.
        "maxmemory-policy": "noeviction",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def declare(context: Context) -> Redis:
    """Declare the store."""
    external = context.config.redis.external
    return _elsewhere(external) if external else _here(context)


def _elsewhere(external: ExternalRedis) -> Redis:
    endpoint = Endpoint.elsewhere("redis", external, database=str(external.database))
    return Redis(
        server=ExternalStore("redis", endpoint.address),
        endpoint=endpoint,
        password=credentials.given(external.password),
    )


def _here(context: Context) -> Redis:
    passwords = credentials.passwords("redis", context.config.passwords)
    password = passwords[0]
    published = context.config.redis.port
    server = ContainerService(
        ContainerSpec(
            component="redis",
            image=context.images.reference("redis"),
            user="999:999",
            command=("redis-server", f"{FILES_DIRECTORY}/redis.conf"),
            files={"redis.conf": pulumi.Output.all(*passwords).apply(configuration)},
            secret_environment={"REDISCLI_AUTH": password},
            volumes=[DataVolume("redis-data", "/data")],
            networks=("backend", "data") if published else ("data",),
            ports=[PublishedPort(PORT, published)] if published else (),
            health=context.images.health_check("redis"),
            watch=TcpProbe(PORT),
            memory_mebibytes=_MEMORY_MEBIBYTES,
            stop_grace_seconds=30,
        ),
        context.site,
    )
    endpoint = Endpoint("redis", "redis", PORT, user="", database="0", published_port=published)
    return Redis(server, endpoint, password)
