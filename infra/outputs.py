"""What the stack hands out: addresses, keys and connection details.

| output | secret | what it is |
|---|---|---|
| `gateway_url` | | the one entry |
| `auth_url`, `rest_url` | | the APIs behind it |
| `jwks_url` | | public keys that tokens are signed with |
| `mail_url` | | the mail sink's page, where it runs |
| `publishable_key` | | API key for clients; row-level security decides what it may see |
| `secret_key` | yes | API key for servers; passes row-level security |
| `legacy_anon_key`, `legacy_service_role_key` | the latter | HS256 keys for older clients, if on |
| `database`, `mongo`, `redis`, `s3` | yes | connection details of the stores |
| `components` | | container, image, networks, ports, health and limits by component |
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NotRequired, TypedDict

import pulumi

from infra.container import LOOPBACK
from infra.services import auth
from infra.stores import mongo, object_store, postgres, redis

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.container import ContainerService
    from infra.context import Context
    from infra.stores import Stores


@dataclass(frozen=True)
class Address:
    """Where a store listens: inside the stack's networks and, where published, on the host."""

    scheme: str
    host: str
    port: int
    published_port: int | None


@dataclass(frozen=True)
class Account:
    """Whom a store's connection details are for, and which database they open."""

    user: str
    database: str


class Connection(TypedDict):
    """How to reach a store.

    `url` holds within the stack's networks. `published_url` reaches the store from the host, where
    it is published. Both carry the password.
    """

    host: str
    port: int
    user: str
    password: str
    url: str
    published_url: NotRequired[str]


class S3Connection(TypedDict):
    """How to reach the S3 store."""

    endpoint: str
    published_endpoint: NotRequired[str]
    region: str
    bucket: str
    access_key_id: str
    secret_access_key: str


def connection(address: Address, account: Account, password: str) -> Connection:
    """Connection details of a store."""

    def url(host: str, port: int) -> str:
        return f"{address.scheme}://{account.user}:{password}@{host}:{port}/{account.database}"

    details = Connection(
        host=address.host,
        port=address.port,
        user=account.user,
        password=password,
        url=url(address.host, address.port),
    )
    if address.published_port:
        details["published_url"] = url(LOOPBACK, address.published_port)
    return details


def s3_connection(published_port: int | None, secret_access_key: str) -> S3Connection:
    """Connection details of the S3 store."""
    details = S3Connection(
        endpoint=f"http://object-store:{object_store.PORT}",
        region=object_store.REGION,
        bucket=object_store.BUCKET,
        access_key_id=object_store.ACCESS_KEY_IDENTIFIER,
        secret_access_key=secret_access_key,
    )
    if published_port:
        details["published_endpoint"] = f"http://{LOOPBACK}:{published_port}"
    return details


def export(context: Context, stores: Stores, components: Iterable[ContainerService]) -> None:
    """Export every output of the stack."""
    config, keys = context.config, context.keys
    gateway_url = config.public_url
    pulumi.export("gateway_url", gateway_url)
    pulumi.export("auth_url", f"{gateway_url}/auth/v1")
    pulumi.export("rest_url", f"{gateway_url}/rest/v1")
    pulumi.export("jwks_url", f"{auth.issuer(gateway_url)}/.well-known/jwks.json")
    if config.mail.enabled:
        pulumi.export("mail_url", f"http://{LOOPBACK}:{config.mail.port}")
    # Made for clients to carry: public, although it is derived from a secret.
    publishable_key = keys.apply(lambda material: material.current("anon"))
    pulumi.export("publishable_key", pulumi.Output.unsecret(publishable_key))
    pulumi.export("secret_key", keys.apply(lambda material: material.current("service_role")))
    if config.keys.legacy:
        anon_key = keys.apply(lambda material: material.legacy_keys["anon"])
        pulumi.export("legacy_anon_key", pulumi.Output.unsecret(anon_key))
        pulumi.export(
            "legacy_service_role_key",
            keys.apply(lambda material: material.legacy_keys["service_role"]),
        )
    connections = (
        (
            "database",
            stores.postgres.superuser_password,
            Address("postgresql", "postgres", postgres.PORT, config.database.port),
            Account(postgres.SUPERUSER, postgres.DATABASE),
        ),
        (
            "mongo",
            stores.mongo.password,
            Address("mongodb", "mongo", mongo.PORT, config.mongo.port),
            Account(mongo.USER, ""),
        ),
        (
            "redis",
            stores.redis.password,
            Address("redis", "redis", redis.PORT, config.redis.port),
            Account("", "0"),
        ),
    )
    for name, password, address, account in connections:
        pulumi.export(name, password.apply(partial(connection, address, account)))
    pulumi.export(
        "s3",
        stores.object_store.secret_access_key.apply(
            partial(s3_connection, config.object_store.port)
        ),
    )
    pulumi.export("components", {service.component: service.summary for service in components})
