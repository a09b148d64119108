"""PostgreSQL and Redis as somebody else would run them: outside of any stack, over TLS only."""

from __future__ import annotations

import asyncio
import io
import secrets
import ssl
import tarfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import asyncpg
import docker

from infra import catalog
from tests.certificates import Authority
from tests.running_stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from docker.models.containers import Container

NAME = "plinth-test-elsewhere"
POSTGRES_PORT = 27310
REDIS_PORT = 27311
STORE_USER = "999:999"
LONGEST_START_SECONDS = 60
FOLDER = "/tls"
CERTIFICATE, KEY, AUTHORITY = f"{FOLDER}/server.pem", f"{FOLDER}/server.key", f"{FOLDER}/ca.pem"


@dataclass(frozen=True)
class Servers:
    """Two servers on the host, where containers and the host reach them alike."""

    host: str
    authority: str
    password: str = field(repr=False)
    postgres: Container
    redis: Container

    @classmethod
    def start(cls) -> Self:
        """Start both and wait until they answer."""
        engine = docker.from_env()
        bridge: Any = engine.networks.get("bridge").attrs
        host = bridge["IPAM"]["Config"][0]["Gateway"]
        authority, password = Authority.create(), secrets.token_urlsafe(24)
        signed = authority.sign(host)
        files = {
            CERTIFICATE: signed.certificate,
            KEY: signed.key,
            AUTHORITY: authority.certificate,
        }
        launch = _Launch(engine, host, files)
        options = {"ssl": "on", "ssl_cert_file": CERTIFICATE, "ssl_key_file": KEY}
        settings = [word for name in options for word in ("-c", f"{name}={options[name]}")]
        postgres = launch.run(
            "postgres",
            ["postgres", *settings],
            (5432, POSTGRES_PORT),
            {"POSTGRES_PASSWORD": password},
        )
        options = {
            "--port": "0",
            "--tls-port": "6379",
            "--tls-auth-clients": "no",
            "--tls-ca-cert-file": AUTHORITY,
            "--tls-cert-file": CERTIFICATE,
            "--tls-key-file": KEY,
            "--requirepass": password,
        }
        redis = launch.run(
            "redis",
            ["redis-server", *(word for option in options.items() for word in option)],
            (6379, REDIS_PORT),
        )
        _wait(postgres, "pg_isready", "--quiet", "--host=127.0.0.1")
        return cls(host, authority.certificate, password, postgres, redis)

    def execute_sql(self, script: str) -> None:
        """Run a script as the superuser."""
        asyncio.run(self._ask(lambda connection: connection.execute(script)))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query as the superuser.

        Through the port, for under load the engine loses what a command in a container prints.
        """
        rows: list[asyncpg.Record] = asyncio.run(
            self._ask(lambda connection: connection.fetch(sql))
        )
        return [tuple(row) for row in rows]

    async def _ask(self, work: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
        connection = await asyncpg.connect(
            host=self.host,
            port=POSTGRES_PORT,
            user="postgres",
            database="postgres",
            password=self.password,
            ssl=ssl.create_default_context(cadata=self.authority),
        )
        try:
            return await work(connection)
        finally:
            await connection.close()

    def remove(self) -> None:
        """Remove both with their data."""
        for container in (self.postgres, self.redis):
            container.remove(force=True, v=True)


@dataclass(frozen=True)
class _Launch:
    """What both servers are started with."""

    engine: docker.DockerClient
    host: str
    files: dict[str, str] = field(repr=False)

    def run(
        self,
        store: str,
        command: list[str],
        port: tuple[int, int],
        environment: Mapping[str, str] = {},
    ) -> Container:
        """Start a store's image; `port` is the one inside and the one on the host."""
        inside, outside = port
        container = self.engine.containers.create(
            catalog.build_tag(store, ROOT),
            command,
            name=f"{NAME}-{store}",
            environment=dict(environment),
            ports={f"{inside}/tcp": (self.host, outside)},
        )
        container.put_archive("/", _archive(self.files))
        container.start()
        return container


def _archive(files: dict[str, str]) -> bytes:
    """The files as a tar archive, readable by the stores' user alone."""
    uid, _, gid = STORE_USER.partition(":")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(path.removeprefix("/"))
            member.size, member.mode = len(text), 0o600
            member.uid, member.gid = int(uid), int(gid)
            archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def _wait(container: Container, *command: str) -> None:
    deadline = time.monotonic() + LONGEST_START_SECONDS
    while container.exec_run(list(command)).exit_code != 0:
        assert time.monotonic() < deadline, container.logs()
        time.sleep(0.2)
