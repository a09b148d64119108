"""PostgreSQL 17 and the one-shot that gives it roles, schemas and migrations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra import credentials
from infra.container import ContainerService, ContainerSpec, DataVolume, HealthCheck, PublishedPort

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from infra.config import Database
    from infra.context import Context

PORT = 5432
DATABASE = "postgres"
SUPERUSER = "postgres"
LOGIN_ROLES = ("authenticator", "auth_admin")
"""Roles that services connect as; each gets a password of its own."""

_PRELOADED_EXTENSIONS = ("pg_cron", "pg_stat_statements", "pgaudit")
"""Extensions that work only when the server loads their library at start."""


@dataclass(frozen=True)
class Postgres:
    """A database that is ready for the services."""

    server: ContainerService
    bootstrap: ContainerService
    superuser_password: pulumi.Output[str]
    role_passwords: Mapping[str, pulumi.Output[str]]


def declare(context: Context) -> Postgres:
    """Declare the server, then its bootstrap."""
    # The server takes it when its data directory is made and never again: it has one generation.
    superuser_password = credentials.password("postgres", generation=1)
    role_passwords = {role: context.password(role) for role in LOGIN_ROLES}
    server = _server(context, superuser_password)
    return Postgres(
        server=server,
        bootstrap=_bootstrap(context, server, superuser_password, role_passwords),
        superuser_password=superuser_password,
        role_passwords=role_passwords,
    )


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
            health=HealthCheck(context.images.health_check("postgres")),
            memory_mebibytes=512,
            shared_memory_mebibytes=128,
            cpu_shares=1024,
            stop_grace_seconds=60,
        ),
        context.site,
    )


def _bootstrap(
    context: Context,
    server: ContainerService,
    superuser_password: pulumi.Output[str],
    role_passwords: Mapping[str, pulumi.Output[str]],
) -> ContainerService:
    database = context.config.database
    return ContainerService(
        ContainerSpec(
            component="db-bootstrap",
            image=context.images.reference("db-bootstrap"),
            user="1000:1000",
            environment={
                "DATABASE_AUTO_RLS": str(database.auto_rls).lower(),
                "DATABASE_EXTENSIONS": ",".join(database.extensions),
                "PGDATABASE": DATABASE,
                "PGHOST": "postgres",
                "PGPORT": str(PORT),
                "PGUSER": SUPERUSER,
            },
            secret_environment={
                "PGPASSWORD": superuser_password,
                **{
                    f"ROLE_PASSWORD_{role.upper()}": password
                    for role, password in role_passwords.items()
                },
            },
            networks=("data",),
            memory_mebibytes=128,
            one_shot=True,
        ),
        context.site,
        after=[server],
    )
