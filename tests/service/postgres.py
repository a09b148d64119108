"""A real PostgreSQL server in a container, and the bootstrap that prepares its databases.

Fixtures: `postgres_server` is one server for the whole test run, `bootstrap` runs the bootstrap's
own image against one of its databases, `prepared_database` names one that it has prepared. A
conftest.py imports the fixtures that it offers.
"""

from __future__ import annotations

import asyncio
import io
import json
import secrets
import subprocess
import sys
import tarfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import asyncpg
import docker
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from docker.models.containers import Container

REPOSITORY = Path(__file__).resolve().parents[2]
SUPERUSER = "postgres"
READY_WITHIN_SECONDS = 60
LAST_LINES = 2000
DATABASE_FOLDER = "/database"  # in the image db-bootstrap
LABELS = {"plinth.stack": "test"}


def built_image(name: str) -> str:
    """Build the image `name` from images/ unless it is there already, and return its reference."""
    build = subprocess.run(
        [sys.executable, "-m", "infra.image_build", name],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if build.returncode != 0:
        pytest.fail(f"image {name} was not built:\n{build.stdout}{build.stderr}")
    return build.stdout.split()[-1]


@dataclass(frozen=True)
class PostgresServer:
    """A running server. `host` and `port` are reachable from the tests, `network` from containers.

    Attributes:
        container: the server's container.
        network: the Docker network where the server's name is `postgres` and its port 5432.
        host: address on this machine.
        port: port on this machine.
        password: the superuser's password.
        role_passwords: password by role, as the bootstrap sets them unless told otherwise.
    """

    container: Container
    network: str
    host: str
    port: int
    password: str = field(repr=False)
    role_passwords: Mapping[str, str] = field(repr=False)

    @property
    def passwords(self) -> dict[str, str]:
        """Password by role, the superuser's included."""
        return {SUPERUSER: self.password, **self.role_passwords}

    async def connect(
        self,
        user: str = SUPERUSER,
        *,
        database: str = "postgres",
        password: str | None = None,
    ) -> asyncpg.Connection:
        """Open a connection as `user`, with the password that the server is known to have for it.

        Raises:
            asyncpg.InvalidPasswordError: the server refuses the password.
        """
        return await asyncpg.connect(
            host=self.host,
            port=self.port,
            user=user,
            password=password or self.passwords[user],
            database=database,
        )

    def run_script(self, script: str, *, database: str, **variables: str) -> None:
        """Run a script of psql as the superuser; its variables are `:name` in it."""
        options = [f"--set={name}={value}" for name, value in variables.items()]
        command = ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *options]
        ended = self.container.exec_run(
            [
                *("sh", "-c", 'printf %s "$SCRIPT" | "$@"', "psql"),
                *(*command, f"--username={SUPERUSER}", database),
            ],
            environment={"SCRIPT": script, "PGPASSWORD": self.password},
        )
        assert ended.exit_code == 0, ended.output

    def log(self) -> str:
        """Return everything that the server has written so far."""
        return self.container.logs().decode(errors="replace")

    async def log_between(self, start: str, end: str) -> str:
        """Return the lines that the server wrote between two notes, once both are there.

        The engine reads a log's last lines from its end: that takes as long at the end of a test
        run, when the log is long, as at its beginning.

        Raises:
            AssertionError: The notes are not among the last lines.
        """
        for _ in range(200):
            lines = self.container.logs(tail=LAST_LINES).decode(errors="replace").splitlines()
            ends = [place for place, line in enumerate(lines) if end in line]
            starts = [place for place, line in enumerate(lines) if start in line]
            if starts and ends:
                return "\n".join(lines[starts[-1] + 1 : ends[0]])
            await asyncio.sleep(0.05)
        raise AssertionError(f"not among the last {LAST_LINES} lines of the log: {start}, {end}")

    async def note(self) -> str:
        """Have the server write a line of its own into its log; return what it says."""
        text = f"note {secrets.token_hex(8)}"
        connection = await self.connect()
        await connection.execute(f"do $$ begin raise log '{text}'; end $$")
        await connection.close()
        return text


async def fetch_as(
    connection: asyncpg.Connection,
    role: str,
    statement: str,
    *arguments: object,
    user: uuid.UUID | None = None,
) -> list[asyncpg.Record]:
    """Run `statement` as `role` with the claims of `user`, in one transaction as PostgREST does."""
    claims = {"role": role} | ({"sub": str(user)} if user else {})
    async with connection.transaction():
        await connection.execute(
            "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)",
            role,
            json.dumps(claims),
        )
        return list(await connection.fetch(statement, *arguments))


@dataclass(frozen=True)
class BootstrapRun:
    """How one run of the bootstrap ended: its exit code and all that it printed."""

    exit_code: int
    output: str

    @property
    def lines(self) -> list[str]:
        return self.output.splitlines()


class Bootstrap(Protocol):
    """Runs the bootstrap once. See the fixture of the same name."""

    def __call__(
        self,
        environment: Mapping[str, str | None] | None = None,
        migrations: Path | None = None,
    ) -> BootstrapRun: ...


def _archive(folder: Path) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, arcname=path.name)
    return content.getvalue()


def _published_port(container: Container) -> int:
    container.reload()
    bindings = container.ports["5432/tcp"] or []
    return int(bindings[0]["HostPort"])


def _wait_until_ready(container: Container) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        container.reload()
        if container.status == "exited":
            break
        if container.exec_run(["pg_isready", "-q", "-h", "127.0.0.1"]).exit_code == 0:
            return
        time.sleep(0.3)
    pytest.fail(f"PostgreSQL did not become ready:\n{container.logs().decode(errors='replace')}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server that logs every statement, so that a test can look for what must not be there."""
    image = built_image("postgres")
    client = docker.from_env()
    name = f"plinth-test-postgres-{uuid.uuid4().hex[:8]}"
    password = secrets.token_urlsafe(32)
    network = client.networks.create(name, driver="bridge", labels=LABELS)
    container = client.containers.create(
        image,
        ["postgres", "-c", "log_statement=all", "-c", "log_min_duration_statement=0"],
        name=name,
        environment={"POSTGRES_PASSWORD": password},
        network=name,
        networking_config={name: client.api.create_endpoint_config(aliases=["postgres"])},
        ports={"5432/tcp": ("127.0.0.1", 0)},
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        tmpfs={
            "/tmp": "",
            "/var/run/postgresql": "uid=999,gid=999,mode=0775",
            "/var/lib/postgresql/data": "uid=999,gid=999,mode=0700",
        },
        labels=LABELS,
    )
    try:
        container.start()
        _wait_until_ready(container)
        yield PostgresServer(
            container=container,
            network=name,
            host="127.0.0.1",
            port=_published_port(container),
            password=password,
            role_passwords={
                "authenticator": secrets.token_urlsafe(32),
                "auth_admin": secrets.token_urlsafe(32),
            },
        )
    finally:
        container.remove(force=True, v=True)
        network.remove()
        client.close()


@pytest.fixture(scope="session")
def bootstrap(postgres_server: PostgresServer) -> Bootstrap:
    """Return `run(environment, migrations)`: one run of the bootstrap against the server.

    `environment` overrides variables of the usual one; None removes a variable. `migrations` is a
    folder whose SQL files are put beside the image's own.
    """
    image = built_image("db-bootstrap")
    usual = {
        "PGHOST": "postgres",
        "PGPORT": "5432",
        "PGUSER": SUPERUSER,
        "PGPASSWORD": postgres_server.password,
        "PGDATABASE": "postgres",
        "DATABASE_EXTENSIONS": "pgcrypto,uuid-ossp",
        "DATABASE_AUTO_RLS": "true",
    } | {
        f"ROLE_PASSWORD_{role.upper()}": password
        for role, password in postgres_server.role_passwords.items()
    }

    def run(
        environment: Mapping[str, str | None] | None = None, migrations: Path | None = None
    ) -> BootstrapRun:
        wanted = {**usual, **(environment or {})}
        container = docker.from_env().containers.create(
            image,
            environment={key: value for key, value in wanted.items() if value is not None},
            network=postgres_server.network,
            read_only=migrations is None,  # the engine copies no file into a read-only container
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            tmpfs={"/tmp": ""},
            labels=LABELS,
        )
        try:
            if migrations is not None:
                container.put_archive(f"{DATABASE_FOLDER}/migrations", _archive(migrations))
            container.start()
            exit_code = int(container.wait(timeout=120)["StatusCode"])
            return BootstrapRun(exit_code, container.logs().decode(errors="replace"))
        finally:
            container.remove(force=True, v=True)

    return run


@pytest.fixture(scope="session")
def prepared_database(bootstrap: Bootstrap) -> str:
    """The name of a database that the bootstrap has prepared."""
    run = bootstrap()
    if run.exit_code != 0:
        pytest.fail(f"the bootstrap failed:\n{run.output}")
    return "postgres"
