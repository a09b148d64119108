"""The Mongo store: documents over the MongoDB wire protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra import credentials
from infra.container import ContainerService, ContainerSpec, DataVolume, HealthCheck, PublishedPort
from infra.stores.endpoint import Endpoint, ExternalStore
from infra.watch import TcpProbe

if TYPE_CHECKING:
    import pulumi

    from infra.config import ExternalMongo
    from infra.context import Context

PORT = 27017
USER = "plinth"


@dataclass(frozen=True)
class Mongo:
    """A store and the password of its first user."""

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
    password = context.password("mongo")
    published = context.config.mongo.port
    server = ContainerService(
        ContainerSpec(
            component="mongo",
            image=context.images.reference("mongo"),
            user="999:999",
            environment={"MONGO_INITDB_ROOT_USERNAME": USER},
            secret_environment={"MONGO_INITDB_ROOT_PASSWORD": password},
            volumes=[DataVolume("mongo-data", context.images.data_directory("mongo"))],
            temporary={
                "/tmp": "rw,size=64m",  # noqa: S108  (a mount inside the container)
                "/var/run/postgresql": "rw,size=1m,uid=999,gid=999,mode=0775",
            },
            networks=("backend", "data") if published else ("data",),
            ports=[PublishedPort(PORT, published)] if published else (),
            health=HealthCheck(context.images.health_check("mongo")),
            watch=TcpProbe(PORT),
            memory_mebibytes=640,
            shared_memory_mebibytes=128,
            stop_grace_seconds=60,
        ),
        context.site,
    )
    endpoint = Endpoint("mongodb", "mongo", PORT, USER, database="", published_port=published)
    return Mongo(server, endpoint, password)
