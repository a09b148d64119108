"""What the stack hands out: addresses, keys and connection details.

| output | secret | what it is |
|---|---|---|
| `gateway_url` | | the one entry |
| `auth_url`, `rest_url` | | the APIs behind it |
| `jwks_url` | | public keys that tokens are signed with |
| `mail_url` | | the mail sink's page, where it runs |
| `prometheus_url` | | the monitor's page and API, where it runs |
| `publishable_key` | | API key for clients; row-level security decides what it may see |
| `secret_key` | yes | API key for servers; passes row-level security |
| `legacy_anon_key`, `legacy_service_role_key` | the latter | HS256 keys for older clients, if on |
| `database`, `mongo`, `redis`, `s3` | yes | connection details of the stores |
| `components` | | container, image, networks, ports, limits by component; an external address |
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NotRequired, TypedDict
from urllib.parse import quote

import pulumi

from infra.container import LOOPBACK
from infra.services import auth

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.config.values import TlsMode
    from infra.container import ContainerService
    from infra.context import Context
    from infra.stores import Stores
    from infra.stores.endpoint import Endpoint, ExternalStore, ObjectEndpoint


_ENCRYPTED: Mapping[str, Mapping[TlsMode, str]] = {
    "postgresql": {"require": "?sslmode=require", "verify-full": "?sslmode=verify-full"},
    "mongodb": {
        "require": "?tls=true&tlsAllowInvalidCertificates=true",
        "verify-full": "?tls=true",
    },
}
"""What a URL says about TLS, by scheme. Redis says it by a scheme of its own."""


class Connection(TypedDict):
    """How to reach a store.

    `url` holds within the stack's networks, or anywhere for a store that runs elsewhere.
    `published_url` reaches the store from the host, where it is published. Both carry the password.
    `tls` and `ca_certificate` are of a store that runs elsewhere.
    """

    host: str
    port: int
    user: str
    password: str
    url: str
    published_url: NotRequired[str]
    tls: NotRequired[str]
    ca_certificate: NotRequired[str]


class S3Connection(TypedDict):
    """How to reach the S3 store."""

    endpoint: str
    published_endpoint: NotRequired[str]
    region: str
    bucket: str
    access_key_id: str
    secret_access_key: str


def connection(endpoint: Endpoint, password: str) -> Connection:
    """Connection details of a store."""
    encrypted = endpoint.tls != "disable"
    scheme = "rediss" if encrypted and endpoint.scheme == "redis" else endpoint.scheme
    account = f"{quote(endpoint.user, safe='')}:{quote(password, safe='')}"
    database = quote(endpoint.database, safe="")
    options = _ENCRYPTED.get(endpoint.scheme, {}).get(endpoint.tls, "")

    def url(host: str, port: int) -> str:
        return f"{scheme}://{account}@{host}:{port}/{database}{options}"

    details = Connection(
        host=endpoint.host,
        port=endpoint.port,
        user=endpoint.user,
        password=password,
        url=url(endpoint.host, endpoint.port),
    )
    if endpoint.published_port:
        details["published_url"] = url(LOOPBACK, endpoint.published_port)
    if encrypted:
        details["tls"] = endpoint.tls
    if endpoint.ca_certificate:
        details["ca_certificate"] = endpoint.ca_certificate
    return details


def s3_connection(endpoint: ObjectEndpoint, secret_access_key: str) -> S3Connection:
    """Connection details of the S3 store."""
    details = S3Connection(
        endpoint=endpoint.url,
        region=endpoint.region,
        bucket=endpoint.bucket,
        access_key_id=endpoint.access_key_id,
        secret_access_key=secret_access_key,
    )
    if endpoint.published_port:
        details["published_endpoint"] = f"http://{LOOPBACK}:{endpoint.published_port}"
    return details


def export(
    context: Context, stores: Stores, components: Iterable[ContainerService | ExternalStore]
) -> None:
    """Export every output of the stack."""
    config, keys = context.config, context.keys
    gateway_url = config.public_url
    pulumi.export("gateway_url", gateway_url)
    pulumi.export("auth_url", f"{gateway_url}/auth/v1")
    pulumi.export("rest_url", f"{gateway_url}/rest/v1")
    pulumi.export("jwks_url", f"{auth.issuer(gateway_url)}/.well-known/jwks.json")
    if config.mail.enabled:
        pulumi.export("mail_url", f"http://{LOOPBACK}:{config.mail.port}")
    if config.observability.enabled:
        pulumi.export("prometheus_url", f"http://{LOOPBACK}:{config.observability.port}")
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
        ("database", stores.postgres.client.endpoint, stores.postgres.superuser_password),
        ("mongo", stores.mongo.endpoint, stores.mongo.password),
        ("redis", stores.redis.endpoint, stores.redis.password),
    )
    for name, endpoint, password in connections:
        pulumi.export(name, password.apply(partial(connection, endpoint)))
    files = stores.object_store
    pulumi.export("s3", files.secret_access_key.apply(partial(s3_connection, files.endpoint)))
    pulumi.export("components", {service.component: service.summary for service in components})
