"""The stores, in the stack or elsewhere."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.config.section import Section
from infra.config.values import (
    Certificates,
    Extension,
    Host,
    Port,
    Secret,
    TlsMode,
    WebAddress,
)


class ExternalServer(Section):
    """A store that runs elsewhere."""

    host: Host
    """Host name or IPv4 address, as containers reach it."""

    tls: TlsMode = "verify-full"
    """`verify-full` checks the server's certificate and name; `require` encrypts without knowing
    whom it talks to; `disable` sends everything in clear."""

    ca_certificate: Certificates | None = None
    """Certificates (PEM) of the authorities that may have signed the server's."""

    password: Secret
    """Set it with `pulumi config set --secret --path`."""


class ExternalDatabase(ExternalServer):
    """A PostgreSQL server that runs elsewhere."""

    port: Port = 5432
    """Its port."""

    user: str = "postgres"
    """A superuser: the bootstrap creates roles, schemas and event triggers as it."""

    database: str = "postgres"
    """The database that becomes the platform's."""

    @model_validator(mode="after")
    def _authority_is_known(self) -> Self:
        if self.tls == "verify-full" and self.ca_certificate is None:
            raise ValueError(
                "ca_certificate is missing, which tls: verify-full checks the server by; set it"
            )
        return self


class ExternalMongo(ExternalServer):
    """A Mongo server that runs elsewhere."""

    port: Port = 27017
    """Its port."""

    user: str
    """Who the connection details are for."""


class ExternalRedis(ExternalServer):
    """A Redis server that runs elsewhere."""

    port: Port = 6379
    """Its port."""

    user: str = ""
    """Who the connection details are for; empty for the default user."""

    database: Annotated[int, Field(ge=0)] = 0
    """Number of the database."""


class ExternalObjectStore(Section):
    """An S3 store that runs elsewhere."""

    endpoint: WebAddress
    """URL of its S3 API."""

    region: str = "us-east-1"
    """Region that requests are signed for."""

    bucket: str
    """The platform's bucket; it must exist."""

    access_key_id: str
    """Who the connection details are for."""

    secret_access_key: Secret
    """Set it with `pulumi config set --secret --path`."""


class Database(Section):
    """PostgreSQL."""

    external: ExternalDatabase | None = None
    """Use a server that runs elsewhere; this stack then declares none, and no volume."""

    port: Port | None = None
    """Port on the host's loopback address; none by default."""

    auto_rls: bool = True
    """Switch row-level security on for every new table in `public`."""

    extensions: tuple[Extension, ...] = ("pgcrypto", "pg_stat_statements")
    """Extensions to create in the schema `extensions`."""

    max_connections: Annotated[int, Field(ge=20, le=2000)] = 100
    """Connections that the server takes."""


class Mongo(Section):
    """The Mongo store."""

    external: ExternalMongo | None = None
    """Use a server that runs elsewhere; this stack then declares none, and no volume."""

    port: Port | None = None
    """Port on the host's loopback address; none by default."""


class Redis(Section):
    """Redis."""

    external: ExternalRedis | None = None
    """Use a server that runs elsewhere; this stack then declares none, and no volume."""

    port: Port | None = None
    """Port on the host's loopback address; none by default."""


class ObjectStore(Section):
    """The S3 store."""

    external: ExternalObjectStore | None = None
    """Use a store that runs elsewhere; this stack then declares none, and no volume."""

    port: Port | None = None
    """Port on the host's loopback address; none by default."""
