from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import pytest
from docker.errors import NotFound
from docker.types import Mount

from infra import catalog, image_build
from infra.observability import blackbox, prometheus
from infra.watch import HttpProbe, TcpProbe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker.models.containers import Container

PASSWORD = "it's-a-password-of-this-test-only-0123456789"
HEALTHY_WITHIN_SECONDS = 60
NANOSECONDS = 1_000_000_000
CONNECTION_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3"
ENVOY_CONFIGURATION = """
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}
static_resources:
  listeners:
    - address: {socket_address: {address: 0.0.0.0, port_value: 8000}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/CONNECTION_MANAGER.HttpConnectionManager
                stat_prefix: test
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: {prefix: /}
                          direct_response: {status: 200, body: {inline_string: served}}
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
""".replace("CONNECTION_MANAGER", CONNECTION_MANAGER)


@dataclass(frozen=True)
class Settings:
    """What a component's image needs to start, as the platform gives it."""

    user: str
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    temporary: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


SETTINGS = {
    "gateway": Settings("101:101", 8000, files={"envoy.yaml": ENVOY_CONFIGURATION}),
    "postgres": Settings(
        "999:999",
        5432,
        environment={"POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": 'odd "name"'},
        temporary={"/var/run/postgresql": "uid=999,gid=999,mode=0775"},
    ),
    "redis": Settings(
        "999:999",
        6379,
        environment={"REDISCLI_AUTH": PASSWORD},
        files={"redis.conf": f'requirepass "{PASSWORD}"\nappendonly yes\ndir /data\n'},
    ),
    "mongo": Settings(
        "999:999",
        27017,
        environment={
            "MONGO_INITDB_ROOT_USERNAME": "plinth",
            "MONGO_INITDB_ROOT_PASSWORD": PASSWORD,
        },
        temporary={"/var/run/postgresql": "uid=999,gid=999,mode=0700"},
    ),
    "object-store": Settings(
        "1000:1000",
        9000,
        environment={
            "ROOT_ACCESS_KEY_ID": "plinth",
            "ROOT_SECRET_ACCESS_KEY": PASSWORD,
            "S3_BUCKETS": "files,more-files",
        },
    ),
    "mail": Settings("1000:1000", 8025, environment={"MP_DATABASE": "/tmp/mailpit.db"}),
    "prometheus": Settings(
        "65534:65534",
        9090,
        files=prometheus.files(
            {"prometheus": prometheus.WATCH, "page": HttpProbe(80, "/"), "store": TcpProbe(5432)}
        ),
    ),
    "blackbox": Settings("65534:65534", 9115, files={"blackbox.yaml": blackbox.configuration()}),
}
"""Settings by component, for those that need no other component."""


class Running:
    """A started container."""

    def __init__(self, container: Container, port: int) -> None:
        self.container = container
        self._port = port

    @property
    def port(self) -> int:
        """Where the component's port is on this machine."""
        return self.published(self._port)

    def published(self, port: int) -> int:
        """Where a port of the container is on this machine."""
        self.container.reload()
        bindings = self.container.ports[f"{port}/tcp"]
        assert bindings, self.log()
        return int(bindings[0]["HostPort"])

    def log(self) -> str:
        content = self.container.logs()
        assert isinstance(content, bytes)
        return content.decode(errors="replace")

    def run(self, *command: str, environment: dict[str, str] | None = None) -> str:
        """Run a command inside; its output. Fails the test where the command fails."""
        exit_code, output = self.container.exec_run(list(command), environment=environment or {})
        assert isinstance(output, bytes)
        text = output.decode(errors="replace")
        assert exit_code == 0, f"{command}: {text}\n{self.log()}"
        return text.strip()

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
        while time.monotonic() < deadline:
            self.container.reload()
            state = self.container.attrs["State"]
            if state["Status"] == "running" and state["Health"]["Status"] == "healthy":
                return
            if state["Status"] in {"exited", "dead"}:
                break
            time.sleep(0.2)
        pytest.fail(f"{self.container.name} is not healthy: {state}\n{self.log()}")


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="session")
def image() -> Callable[[str], str]:
    """Build a component's image unless the engine holds it; its tag."""

    def build(component: str) -> str:
        tags = [image_build.ensure(name) for name in catalog.build_order([component])]
        return tags[-1]

    return build


@pytest.fixture(scope="session")
def start(
    engine: docker.DockerClient,
    image: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Running]]:
    """Start a component hardened as in a stack, its data in `volume` or in one of its own.

    Every container goes at the end.
    """
    containers: list[Container] = []

    def run(
        component: str,
        settings: Settings | None = None,
        volume: str | None = None,
        **options: Any,
    ) -> Running:
        settings = settings or SETTINGS[component]
        files = tmp_path_factory.mktemp(component)
        files.chmod(0o755)
        for name, content in settings.files.items():
            (files / name).write_text(content)
        entry = catalog.CATALOG[component]
        mounts = [Mount("/run/plinth/files", str(files), type="bind", read_only=True)]
        if entry.built_data_directory:
            mounts.append(Mount(entry.built_data_directory, volume))
        container = engine.containers.create(
            image(component),
            user=settings.user,
            environment=settings.environment,
            read_only=True,
            tmpfs={"/tmp": "size=64m", **settings.temporary},
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            mem_limit="640m",
            memswap_limit="640m",
            labels={"plinth.stack": "test"},
            mounts=mounts,
            healthcheck={
                "test": ["CMD", *entry.health_check("packages")],
                "interval": NANOSECONDS,
                "timeout": 3 * NANOSECONDS,
            },
            **{
                "ports": {f"{settings.port}/tcp": ("127.0.0.1", None)},
                **options,
            },
        )
        containers.append(container)
        container.start()
        return Running(container, settings.port)

    yield run
    for container in reversed(containers):
        with contextlib.suppress(NotFound):  # gone with its test's volume
            container.remove(force=True, v=True)


@pytest.fixture(scope="session")
def running(start: Callable[..., Running]) -> Callable[[str], Running]:
    """A healthy component with its usual settings, one for the whole session."""
    started: dict[str, Running] = {}

    def get(component: str) -> Running:
        if component not in started:
            started[component] = start(component)
            started[component].wait_until_healthy()
        return started[component]

    return get


def _volume(engine: docker.DockerClient) -> Iterator[str]:
    """A named volume that a test's containers share; remove them first."""
    created = engine.volumes.create(labels={"plinth.stack": "test"})
    yield created.name
    for container in engine.containers.list(all=True, filters={"volume": created.name}):
        container.remove(force=True)
    created.remove()


REPOSITORY = Path(__file__).resolve().parents[2]


volume = pytest.fixture(_volume, name="volume")
lasting_volume = pytest.fixture(_volume, scope="module", name="lasting_volume")
"""The same for the tests of a module."""
