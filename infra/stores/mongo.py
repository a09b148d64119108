"""The Mongo store: documents over the MongoDB wire protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra import credentials
from infra.container import ContainerService, ContainerSpec, DataVolume, PublishedPort
from infra.stores.endpoint import Endpoint, ExternalStore
from infra.watch import TcpProbe

if TYPE_CHECKING:
    import pulumi

    from infra.config.stores import ExternalMongo
    from infra.context import Context

PORT = 27017
USER = "plinth"
ALTERNATE_USER = "plinth_alternate"
"""Generations of passwords take turns at the two users."""


@dataclass(frozen=True)
class Mongo:
    """A store and the password of the user that the endpoint names."""

    server: ContainerService | ExternalStore
    endpoint: Endpoint
    password: pulumi.Output[str]


def declare(context: Context) -> Mongo:
    """Declare the store."""
    external = context.config.mongo.external
    return _elsewhere(external) if external else _here(context)


def _elsewhere(external: ExternalMongo) -> Mongo:
    endpoint = Endpoint.elsewhere("mongodb", external, database="")
    return Mongo(
        server=ExternalStore("mongo", endpoint.address),
        endpoint=endpoint,
        password=credentials.given(external.password),
    )


def _here(context: Context) -> Mongo:
    accounts = credentials.accounts(
        "mongo", context.config.passwords, name=USER, alternate=ALTERNATE_USER
    )
    current, previous = accounts.current, accounts.previous
    published = context.config.mongo.port
    server = ContainerService(
        ContainerSpec(
            component="mongo",
            image=context.images.reference("mongo"),
            user="999:999",
            environment={
                "MONGO_INITDB_ROOT_USERNAME": current.name,
                **({"MONGO_PREVIOUS_ROOT_USERNAME": previous.name} if previous else {}),
            },
            secret_environment={
                "MONGO_INITDB_ROOT_PASSWORD": current.password,
                **({"MONGO_PREVIOUS_ROOT_PASSWORD": previous.password} if previous else {}),
            },
            volumes=[DataVolume("mongo-data", context.images.data_directory("mongo"))],
            temporary={
                "/tmp": "rw,size=64m",  # noqa: S108  (a mount inside the container)
                "/var/run/postgresql": "rw,size=1m,uid=999,gid=999,mode=0775",
            },
            networks=("backend", "data") if published else ("data",),
            ports=[PublishedPort(PORT, published)] if published else (),
            health=context.images.health_check("mongo"),
            watch=TcpProbe(PORT),
            memory_mebibytes=640,
            shared_memory_mebibytes=128,
            stop_grace_seconds=60,
        ),
        context.site,
    )
    endpoint = Endpoint(
        "mongodb", "mongo", PORT, current.name, database="", published_port=published
    )
    return Mongo(server, endpoint, current.password)
