"""A PostgreSQL server in a container, asked through the psql in its own image."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drift import catalog, scram
from drift.finding import Finding, Remedy
from infra.stores.postgres import logins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import docker

    from drift.catalog import Difference, Row
    from drift.declaration import Declaration

CATALOG = Path(__file__).with_name("catalog.sql")
SERVER = "postgres"
BOOTSTRAP = "db-bootstrap"
"""Names of the resources in `infra/stores/postgres.py`."""

ROLE_PASSWORD = "ROLE_PASSWORD_"  # noqa: S105  (the beginning of a variable's name)
_REASON = re.compile(r"(?:ERROR|FATAL|psql: error): +(.+)")
_LOOPBACK = "127.0.0.1"
_MOST_STATEMENTS = 200
_PASSWORDS = "select rolname || ' ' || rolpassword from pg_authid where rolpassword is not null"


class UnreadableDatabaseError(Exception):
    """A database could not be asked; says why in one line."""


@dataclass(frozen=True)
class Bootstrap:
    """What the bootstrap was declared to do: its image and its environment."""

    image: str
    environment: Mapping[str, str] = field(repr=False)

    @property
    def switches_row_security_on(self) -> bool:
        """Whether new tables in `public` get row-level security."""
        return self.environment.get("DATABASE_AUTO_RLS", "true") == "true"

    @property
    def role_passwords(self) -> dict[str, str]:
        """Password by role."""
        return {
            name.removeprefix(ROLE_PASSWORD).lower(): value
            for name, value in self.environment.items()
            if name.startswith(ROLE_PASSWORD)
        }


def declared_bootstrap(declaration: Declaration) -> Bootstrap | None:
    """The stack's bootstrap, None where the stack declares none."""
    found = declaration.container(BOOTSTRAP)
    if found is None:
        return None
    pairs = (entry.partition("=") for entry in found.inputs.envs)
    return Bootstrap(found.inputs.image, {name: value for name, _, value in pairs})


@dataclass(frozen=True)
class Database:
    """One database of a server.

    Attributes:
        container: name or id of the server's container.
        user: a superuser.
        password: the superuser's.
        name: the database.
    """

    client: docker.DockerClient
    container: str
    user: str
    name: str
    password: str = field(repr=False)

    def catalog(self) -> list[Row]:
        """Everything that `catalog.sql` lists.

        Raises:
            UnreadableDatabaseError: the server did not answer.
        """
        return catalog.parse(self._query(CATALOG.read_text(encoding="utf-8")))

    def password_verifiers(self) -> dict[str, str]:
        """What the server keeps of each role's password.

        Raises:
            UnreadableDatabaseError: the server did not answer.
        """
        pairs = (line.split(" ", 1) for line in self._query(_PASSWORDS).splitlines() if line)
        return dict(pairs)

    def run(self, statements: Sequence[str]) -> None:
        """Run each statement on its own; one that fails does not keep the next from running.

        Raises:
            UnreadableDatabaseError: the server did not answer.
        """
        for start in range(0, len(statements), _MOST_STATEMENTS):
            part = statements[start : start + _MOST_STATEMENTS]
            arguments = [word for statement in part for word in ("-c", statement)]
            self._psql(*arguments, "-c", "select pg_reload_conf()")

    def _query(self, sql: str) -> str:
        code, output, error = self._psql("-v", "ON_ERROR_STOP=1", "-c", sql)
        if code != 0:
            reasons = _REASON.findall(error) or [f"psql ended with code {code}"]
            raise UnreadableDatabaseError(reasons[0])
        return output

    def _psql(self, *arguments: str) -> tuple[int, str, str]:
        import docker.errors  # noqa: PLC0415

        connection = ["-h", _LOOPBACK, "-U", self.user, "-d", self.name]
        try:
            created = self.client.api.exec_create(
                self.container,
                ["psql", "-XqAtw", *connection, *arguments],
                environment={"PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "5"},
            )
            output, error = self.client.api.exec_start(created["Id"], demux=True)
            code: Any = self.client.api.exec_inspect(created["Id"])["ExitCode"]
        except docker.errors.APIError as refused:
            raise UnreadableDatabaseError(str(refused.explanation)) from None
        return int(code), (output or b"").decode(), (error or b"").decode(errors="replace")


def is_elsewhere(declaration: Declaration) -> bool:
    """Whether the stack's bootstrap prepares a server that the stack does not declare."""
    return declared_bootstrap(declaration) is not None and declaration.container(SERVER) is None


def live(client: docker.DockerClient, declaration: Declaration) -> Database | None:
    """The stack's database, None where the stack declares none."""
    server, bootstrap = declaration.container(SERVER), declared_bootstrap(declaration)
    if server is None or bootstrap is None:
        return None
    return Database(
        client,
        server.name,
        user=bootstrap.environment["PGUSER"],
        name=bootstrap.environment["PGDATABASE"],
        password=bootstrap.environment["PGPASSWORD"],
    )


def password_findings(declared: Mapping[str, str], verifiers: Mapping[str, str]) -> list[Finding]:
    """Roles whose password is not the declared one; the bootstrap sets it, or takes it away.

    Args:
        declared: password by role.
        verifiers: what the server keeps, by role.
    """
    revoked = [login for login in logins() if login not in declared and login in verifiers]
    return [
        Finding(catalog.COMPONENT, f"role {login}: password", "none", "one", Remedy.DATABASE)
        for login in revoked
    ] + [
        Finding(
            catalog.COMPONENT,
            f"role {role}: password",
            "as declared",
            "another" if role in verifiers else "none",
            Remedy.DATABASE,
        )
        for role, password in sorted(declared.items())
        if not scram.fits(password, verifiers.get(role, ""))
    ]


def repairs(differences: Sequence[Difference]) -> list[str]:
    """The statements that put differences right, in order.

    None while a migration is missing: what it would make must not be there when it is applied.
    """
    if any(each.is_migration for each in differences):
        return []
    return [each.statement for each in differences if each.statement is not None]
