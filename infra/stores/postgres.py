"""PostgreSQL 17 and the one-shot that gives it roles, schemas and migrations.

The server may run elsewhere; the one-shot and the services then connect to it over the network
`backend`, which has a way out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

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
    from collections.abc import Mapping

    import pulumi

    from infra.config.stores import Database
    from infra.context import Context

PORT = 5432
DATABASE = "postgres"
SUPERUSER = "postgres"
LOGIN_ROLES = ("authenticator", "auth_admin")
"""Roles that services act as; each gets a password of its own."""

_CA_FILE = "database-ca.pem"
_PRELOADED_EXTENSIONS = ("pg_cron", "pg_stat_statements", "pgaudit")
"""Extensions that work only when the server loads their library at start."""


@dataclass(frozen=True)
class Client:
    """What a container needs to connect to the database, besides a role and its password."""

    endpoint: Endpoint
    network: str
    """Network of the stack on which the server is reached."""

    def url(self, role: str) -> str:
        """Connection URL of a role. The password comes in libpq's own variable, PGPASSWORD."""
        server = f"{self.endpoint.host}:{self.endpoint.port}"
        database = quote(self.endpoint.database, safe="")
        return f"postgres://{role}@{server}/{database}?sslmode={self.endpoint.tls}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that libpq, asyncpg and Go's drivers read alike."""
        return {"PGSSLROOTCERT": f"{FILES_DIRECTORY}/{_CA_FILE}"} if self.files else {}

    @property
    def files(self) -> dict[str, str]:
        """Content by file name."""
        certificate = self.endpoint.ca_certificate
        return {_CA_FILE: certificate} if certificate else {}


@dataclass(frozen=True)
class Postgres:
    """A database that is ready for the services."""

    server: ContainerService | ExternalStore
    client: Client
    bootstrap: ContainerService
    superuser_password: pulumi.Output[str]
    logins: Mapping[str, credentials.Account]
    """How to log in, by the role that it gives."""


def alternate(role: str) -> str:
    """Role that logs in as another one: generations of passwords take turns at the two."""
    return f"{role}_alternate"


def logins() -> list[str]:
    """Every role that services log in as, now or with another generation of passwords."""
    return [login for role in LOGIN_ROLES for login in (role, alternate(role))]


def declare(context: Context) -> Postgres:
    """Declare the server unless it runs elsewhere, then its bootstrap."""
    client = client_of(context.config.database)
    external = context.config.database.external
    server: ContainerService | ExternalStore
    if external:
        superuser_password = credentials.given(external.password)
        server = ExternalStore("postgres", client.endpoint.address)
    else:
        # The server takes it when its data directory is made and never again: one generation.
        superuser_password = credentials.password("postgres", generation=1)
        server = _server(context, superuser_password)
    accounts = {
        role: credentials.accounts(
            role, context.config.passwords, name=role, alternate=alternate(role)
        )
        for role in LOGIN_ROLES
    }
    return Postgres(
        server=server,
        client=client,
        bootstrap=_bootstrap(
            context,
            client,
            server,
            {
                "PGPASSWORD": superuser_password,
                **{
                    f"ROLE_PASSWORD_{account.name.upper()}": account.password
                    for each in accounts.values()
                    for account in each.accepted
                },
            },
        ),
        superuser_password=superuser_password,
        logins={role: each.current for role, each in accounts.items()},
    )


def client_of(database: Database) -> Client:
    """How the database is reached, as its superuser."""
    external = database.external
    if external:
        endpoint = Endpoint.elsewhere("postgresql", external, database=external.database)
        return Client(endpoint, network="backend")
    endpoint = Endpoint(
        "postgresql", "postgres", PORT, SUPERUSER, DATABASE, published_port=database.port
    )
    return Client(endpoint, network="data")


def server_command(database: Database) -> list[str]:
    """Command line of the server."""
    preloaded = [name for name in _PRELOADED_EXTENSIONS if name in database.extensions]
    settings = {
        "max_connections": str(database.max_connections),
        "password_encryption": "scram-sha-256",
        "shared_preload_libraries": ",".join(preloaded),
        "wal_level": "logical",
    }
    return ["postgres", *(word for name in settings for word in ("-c", f"{name}={settings[name]}"))]


def _server(context: Context, superuser_password: pulumi.Output[str]) -> ContainerService:
    published = context.config.database.port
    return ContainerService(
        ContainerSpec(
            component="postgres",
            image=context.images.reference("postgres"),
            user="999:999",
            command=server_command(context.config.database),
            environment={"POSTGRES_DB": DATABASE, "POSTGRES_USER": SUPERUSER},
            secret_environment={"POSTGRES_PASSWORD": superuser_password},
            volumes=[DataVolume("postgres-data", "/var/lib/postgresql/data")],
            temporary={
                "/tmp": "rw,size=64m",  # noqa: S108  (a mount inside the container)
                "/var/run/postgresql": "rw,size=1m,uid=999,gid=999,mode=0775",
            },
            # A container on internal networks alone cannot publish a port.
            networks=("backend", "data") if published else ("data",),
            ports=[PublishedPort(PORT, published)] if published else (),
            health=context.images.health_check("postgres"),
            watch=TcpProbe(PORT),
            memory_mebibytes=512,
            shared_memory_mebibytes=128,
            cpu_shares=1024,
            stop_grace_seconds=60,
        ),
        context.site,
    )


def _bootstrap(
    context: Context,
    client: Client,
    server: ContainerService | ExternalStore,
    passwords: Mapping[str, pulumi.Output[str]],
) -> ContainerService:
    database, endpoint = context.config.database, client.endpoint
    return ContainerService(
        ContainerSpec(
            component="db-bootstrap",
            image=context.images.reference("db-bootstrap"),
            user="1000:1000",
            environment={
                "DATABASE_AUTO_RLS": str(database.auto_rls).lower(),
                "DATABASE_EXTENSIONS": ",".join(database.extensions),
                "PGDATABASE": endpoint.database,
                "PGHOST": endpoint.host,
                "PGPORT": str(endpoint.port),
                "PGSSLMODE": endpoint.tls,
                "PGUSER": endpoint.user,
                **client.environment,
            },
            secret_environment=passwords,
            files=client.files,
            networks=(client.network,),
            memory_mebibytes=128,
            one_shot=True,
        ),
        context.site,
        after=[server] if isinstance(server, ContainerService) else (),
    )
