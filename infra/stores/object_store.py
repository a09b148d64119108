"""The S3 store: files by key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra import credentials
from infra.container import ContainerService, ContainerSpec, DataVolume, PublishedPort
from infra.stores.endpoint import ExternalStore, ObjectEndpoint
from infra.watch import HttpProbe

if TYPE_CHECKING:
    import pulumi

    from infra.config.stores import ExternalObjectStore
    from infra.context import Context

PORT = 9000
ACCESS_KEY_IDENTIFIER = "plinth"
ALTERNATE_ACCESS_KEY_IDENTIFIER = "plinth-alternate"
"""Generations of passwords take turns at the two accounts."""
BUCKET = "plinth"
REGION = "us-east-1"


@dataclass(frozen=True)
class ObjectStore:
    """A store and the secret of the access key that the endpoint names."""

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
    accounts = credentials.accounts(
        "object-store",
        context.config.passwords,
        name=ACCESS_KEY_IDENTIFIER,
        alternate=ALTERNATE_ACCESS_KEY_IDENTIFIER,
    )
    current, previous = accounts.current, accounts.previous
    published = context.config.object_store.port
    server = ContainerService(
        ContainerSpec(
            component="object-store",
            image=context.images.reference("object-store"),
            user="1000:1000",
            environment={
                **({"PREVIOUS_ACCESS_KEY_ID": previous.name} if previous else {}),
                "ROOT_ACCESS_KEY_ID": current.name,
                "S3_BUCKETS": BUCKET,
                "S3_REGION": REGION,
            },
            secret_environment={
                **({"PREVIOUS_SECRET_ACCESS_KEY": previous.password} if previous else {}),
                "ROOT_SECRET_ACCESS_KEY": current.password,
            },
            volumes=[DataVolume("object-store-data", "/data")],
            networks=("backend", "data") if published else ("data",),
            ports=[PublishedPort(PORT, published)] if published else (),
            health=context.images.health_check("object-store"),
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
        access_key_id=current.name,
        published_port=published,
    )
    return ObjectStore(server, endpoint, current.password)
