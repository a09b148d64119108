"""The S3 store: files by key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra import credentials
from infra.container import ContainerService, ContainerSpec, DataVolume, HealthCheck, PublishedPort
from infra.stores.endpoint import ExternalStore, ObjectEndpoint
from infra.watch import HttpProbe

if TYPE_CHECKING:
    import pulumi

    from infra.config import ExternalObjectStore
    from infra.context import Context

PORT = 9000
ACCESS_KEY_IDENTIFIER = "plinth"
BUCKET = "plinth"
REGION = "us-east-1"


@dataclass(frozen=True)
class ObjectStore:
    """A store and the secret of its root account."""

    server: ContainerService | ExternalStore
    endpoint: ObjectEndpoint
    secret_access_key: pulumi.Output[str]


def declare(context: Context) -> ObjectStore:
    """Declare the store."""
    external = context.config.object_store.external
    return _elsewhere(external) if external else _here(context)


def _elsewhere(external: ExternalObjectStore) -> ObjectStore:
    return ObjectStore(
        server=ExternalStore("object-store", external.endpoint),
        endpoint=ObjectEndpoint(
            url=external.endpoint,
            region=external.region,
            bucket=external.bucket,
            access_key_id=external.access_key_id,
        ),
        secret_access_key=credentials.given(external.secret_access_key),
    )


def _here(context: Context) -> ObjectStore:
    secret_access_key = context.password("object-store")
    published = context.config.object_store.port
    server = ContainerService(
        ContainerSpec(
            component="object-store",
            image=context.images.reference("object-store"),
            user="1000:1000",
            environment={
                "ROOT_ACCESS_KEY_ID": ACCESS_KEY_IDENTIFIER,
                "S3_BUCKETS": BUCKET,
                "S3_REGION": REGION,
            },
            secret_environment={"ROOT_SECRET_ACCESS_KEY": secret_access_key},
            volumes=[DataVolume("object-store-data", "/data")],
            networks=("backend", "data") if published else ("data",),
            ports=[PublishedPort(PORT, published)] if published else (),
            health=HealthCheck(context.images.health_check("object-store")),
            watch=HttpProbe(PORT, "/health"),
            memory_mebibytes=256,
            stop_grace_seconds=30,
        ),
        context.site,
    )
    endpoint = ObjectEndpoint(
        url=f"http://object-store:{PORT}",
        region=REGION,
        bucket=BUCKET,
        access_key_id=ACCESS_KEY_IDENTIFIER,
        published_port=published,
    )
    return ObjectStore(server, endpoint, secret_access_key)
