"""PostgREST: the REST API over PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra import keys
from infra.container import ContainerService, ContainerSpec
from infra.watch import HttpProbe

if TYPE_CHECKING:
    from infra.context import Context
    from infra.stores import postgres

PORT = 3000
ADMIN_PORT = 3001
ROLE = "authenticator"

_CONNECTION_IDLE_SECONDS = 300


def environment(context: Context, database: postgres.Client, login: str) -> dict[str, str]:
    """PostgREST's settings (https://docs.postgrest.org/en/v12/references/configuration.html).

    Args:
        context: What the component is declared from.
        database: How the database is reached.
        login: Role to log in as; it acts as `ROLE`.
    """
    rest = context.config.rest
    openapi = {"service_role": "follow-privileges", "disabled": "disabled"}
    return {
        "PGRST_ADMIN_SERVER_PORT": str(ADMIN_PORT),
        "PGRST_DB_ANON_ROLE": "anon",
        "PGRST_DB_MAX_ROWS": str(rest.max_rows),
        "PGRST_DB_POOL": str(rest.pool_size),
        # Long enough to outlive a change of passwords: until a replacement has taken over, the
        # connections that are open are all that this one gets.
        "PGRST_DB_POOL_MAX_IDLETIME": str(_CONNECTION_IDLE_SECONDS),
        "PGRST_DB_SCHEMAS": ",".join(rest.schemas),
        "PGRST_DB_URI": database.url(login),
        "PGRST_JWT_AUD": keys.AUDIENCE,
        "PGRST_LOG_LEVEL": "warn",
        "PGRST_OPENAPI_MODE": openapi[rest.openapi],
        "PGRST_OPENAPI_SERVER_PROXY_URI": f"{context.config.public_url}/rest/v1",
        "PGRST_SERVER_HOST": "0.0.0.0",  # noqa: S104  (inside the container)
        "PGRST_SERVER_PORT": str(PORT),
        **database.environment,
    }


def declare(context: Context, database: postgres.Postgres) -> ContainerService:
    """Declare the service."""
    login = database.logins[ROLE]
    return ContainerService(
        ContainerSpec(
            component="rest",
            image=context.images.reference("rest"),
            user="1000:1000",
            environment=environment(context, database.client, login.name),
            secret_environment={
                # Holds the symmetric key as well while legacy keys are on.
                "PGRST_JWT_SECRET": context.keys.apply(lambda keys: keys.public_key_set),
                "PGPASSWORD": login.password,
            },
            files=database.client.files,
            # Twice the same where the database runs elsewhere.
            networks=tuple(dict.fromkeys(("backend", database.client.network))),
            health=context.images.health_check("rest"),
            watch=HttpProbe(ADMIN_PORT, "/ready"),
            memory_mebibytes=256,
            cpu_shares=1024,
            overlaps=True,
        ),
        context.site,
        after=[database.bootstrap],
    )
