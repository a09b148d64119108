"""A real Envoy with the rendered configuration, in front of a small echoing HTTP server.

Envoy runs from the catalogue's image, or, where the environment variable PLINTH_ENVOY names an
Envoy binary, as a process of the host. Tests of what clients send run twice: they speak to the
gateway, and to a firewall in front of it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest

from infra import keys
from infra.container import FILES_DIRECTORY, RENEWED_FILES_DIRECTORY
from infra.gateway.envoy import runtime
from infra.gateway.envoy.bootstrap import render
from infra.gateway.envoy.overload import MEMORY_MEBIBYTES
from infra.gateway.routes import MEBIBYTE, ROUTES, Route
from infra.gateway.settings import ApiKey, GatewaySettings, Upstream

from .container import RunningContainer, address_of, run_docker, started
from .firewall import DIFFERENCES, in_front_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

WITHOUT_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of plain HTTP. On its own each would read the authorities' certificates anew, which
takes longer than most of the tests."""

ISSUER = "http://gateway.test/auth/v1"
ORIGIN = "https://app.example.org"
LEGACY_SECRET = "the secret behind the legacy keys of this test"
SIGNING_KEY = keys.signing_key(b"gateway test seed of 32 bytes...")
FOREIGN_KEY = keys.signing_key(b"some other test seed of 32 bytes")

LIMITED = Route(
    name="limited",
    prefix="/limited/v1",
    component="rest",
    port=3000,
    profile="core",
    description="Three requests a minute",
    requests_per_minute=3,
    timeout_seconds=5,
)
SMALL = Route(
    name="small",
    prefix="/small/v1",
    component="rest",
    port=3000,
    profile="core",
    description="Bodies of 1 KiB",
    requests_per_minute=1_000_000,
    timeout_seconds=5,
    body_limit_bytes=1024,
)
DOWN = Route(
    name="down",
    prefix="/down/v1",
    component="down",
    port=1,
    profile="core",
    description="A component that does not run",
    requests_per_minute=1_000_000,
    timeout_seconds=5,
)
SOCKET = Route(
    name="socket",
    prefix="/socket/v1",
    component="rest",
    port=3000,
    profile="core",
    description="Upgrades to websockets",
    requests_per_minute=1_000_000,
    timeout_seconds=0,
    websocket=True,
)
TWIN = Route(
    name="twin",
    prefix="/twin/v1",
    component="twin",
    port=1,
    profile="core",
    description="A component with two containers, where a test has them",
    requests_per_minute=1_000_000,
    timeout_seconds=5,
)
HASTY = Route(
    name="hasty",
    prefix="/hasty/v1",
    component="rest",
    port=3000,
    profile="core",
    description="A second for the answer, beside the time for the body",
    requests_per_minute=1_000_000,
    timeout_seconds=1,
    body_limit_bytes=1024,
)
UPLOAD = Route(
    name="upload",
    prefix="/upload/v1",
    component="rest",
    port=3000,
    profile="core",
    description="Bodies that are passed on while they arrive",
    requests_per_minute=1_000_000,
    timeout_seconds=5,
    body_limit_bytes=3 * MEBIBYTE,
    streams_body=True,
)
NARROW = Route(
    name="narrow",
    prefix="/narrow/v1",
    component="narrow",
    port=1,
    profile="core",
    description="One request at a time, and one that waits",
    requests_per_minute=1_000_000,
    timeout_seconds=5,
    concurrency=1,
)
TEST_ROUTES = (*ROUTES, LIMITED, SMALL, DOWN, SOCKET, TWIN, HASTY, UPLOAD, NARROW)


class Echo(BaseHTTPRequestHandler):
    """Answers every request with what it received, as JSON.

    `/pause/<seconds>` answers after a while; `/events/<seconds>` is two events, and a while
    between them. What comes after an upgrade to a websocket is sent back.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _echo(self) -> None:
        if self.headers.get("Upgrade") == "websocket":
            self.send_response(101)
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", "websocket")
            self.send_header("X-Seen-Path", self.path)
            self.end_headers()
            self.wfile.write(self.connection.recv(100))
            self.close_connection = True
            return
        what, _, pause = self.path.strip("/").partition("/")
        if what == "pause":
            time.sleep(float(pause))
        if what == "events":
            self._events(float(pause))
            return
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        seen = {
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body_bytes": len(body),
        }
        answer = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("X-Powered-By", "echo")
        self.end_headers()
        self.wfile.write(answer)

    def _events(self, pause: float) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        time.sleep(pause)
        self.wfile.write(b"data: second\n\n")

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):  # one method for every verb
            return self._echo
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Keep the test's output to what the test says."""


class EchoServer(ThreadingHTTPServer):
    """Remembers the paths that it was asked for, from the moment a request's headers are there.

    What gateways ask by themselves, whether it is well, is left out.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []
        seen = self.seen

        class RememberingEcho(Echo):
            def _echo(self) -> None:
                if self.headers.get("User-Agent") != "Envoy/HC":
                    seen.append(self.path)
                super()._echo()

        # Every address: a gateway in a container comes from a bridge network.
        super().__init__(("0.0.0.0", 0), RememberingEcho)  # noqa: S104


@dataclass(frozen=True)
class Gateway:
    """A running gateway and the keys that it knows."""

    port: int
    settings: GatewaySettings
    read_log: Callable[[], str]
    behind_firewall: bool

    def refusal(self, status: int | None, difference: str) -> int | None:
        """Status of a refusal, or the firewall's own where it refuses in another way.

        Args:
            status: The gateway's.
            difference: Name in `DIFFERENCES`.
        """
        return DIFFERENCES[difference].status if self.behind_firewall else status

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"

    def key(self, name: str) -> str:
        """Value of the key `publishable`, `secret`, `legacy_anon` or `legacy_service_role`."""
        position = ("publishable", "secret", "legacy_anon", "legacy_service_role").index(name)
        return self.settings.api_keys[position].value.get_secret_value()

    def token(self, name: str) -> str:
        """Internal token that stands behind a key."""
        position = ("publishable", "secret", "legacy_anon", "legacy_service_role").index(name)
        return self.settings.api_keys[position].token.get_secret_value()


@pytest.fixture(scope="session")
def echo() -> Iterator[EchoServer]:
    """What stands behind every route."""
    server = EchoServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()


@pytest.fixture(scope="session")
def gateway_image() -> str:
    built = subprocess.run(
        [sys.executable, "-m", "infra.image_build", "envoy"],
        check=True,
        capture_output=True,
        text=True,
    )
    return built.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="session")
def start_gateway(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    echo: EchoServer,
) -> Iterator[Callable[..., Gateway]]:
    """Start a gateway with the given settings, behind a firewall where that is asked for; all are
    stopped at the end of the session."""
    stops: list[Callable[[], None]] = []
    binary = os.environ.get("PLINTH_ENVOY")

    def start(
        *,
        hosts: Sequence[tuple[str, str]] = (),
        upstreams: Mapping[str, Upstream] = {},
        firewall: bool = False,
        **changes: Any,
    ) -> Gateway:
        folder = tmp_path_factory.mktemp("gateway") / "files"
        folder.mkdir(mode=0o755)
        upstream_host = "127.0.0.1" if binary else "host.docker.internal"
        names = ("listen_port", "admin_port", "metrics_port")
        ports = {name: _free_port() for name in names} if binary else {}
        upstream = Upstream(host=upstream_host, port=echo.server_address[1])
        fields = {
            **default_settings(),
            **ports,
            "upstreams": {
                "auth": upstream,
                "rest": upstream,
                "narrow": upstream,
                "down": Upstream(host="127.0.0.1", port=1),
                "twin": Upstream(host="127.0.0.1", port=1),
                **upstreams,
            },
            **changes,
        }
        settings = GatewaySettings(
            **{**fields, "trusted_proxies": fields["trusted_proxies"] + firewall}
        )
        (folder / runtime.CONFIGURATION_FILE).write_text(render(settings, TEST_ROUTES))
        shutil.copy(Path(runtime.__file__).with_name(runtime.START_FILE), folder)
        if binary:
            running = _start_process(Path(binary), folder, settings)
        else:
            image = request.getfixturevalue("gateway_image")
            running = start_container(image, folder, settings, hosts)
        stops.append(running.stop)
        if firewall:
            address = (
                Upstream(host="host.docker.internal", port=settings.listen_port)
                if binary
                else Upstream(host=address_of(running), port=settings.listen_port)
            )
            files = tmp_path_factory.mktemp("firewall")
            running = in_front_of(running, address, files, fields, TEST_ROUTES)
            stops.append(running.stop)
        wait_until_it_answers(running.port, running.read_log)
        return Gateway(running.port, settings, running.read_log, firewall)

    yield start
    for stop in stops:
        stop()


@pytest.fixture(scope="session", params=[False, True], ids=["alone", "behind a firewall"])
def firewall(request: pytest.FixtureRequest) -> bool:
    """Whether clients speak to a firewall in front of the gateway."""
    stands: bool = request.param
    return stands


@pytest.fixture(scope="session")
def gateway(start_gateway: Callable[..., Gateway], firewall: bool) -> Gateway:  # noqa: FBT001 - a fixture
    """Behind one trusted proxy, legacy keys on."""
    return start_gateway(firewall=firewall)


@pytest.fixture(scope="session")
def strict_gateway(start_gateway: Callable[..., Gateway], firewall: bool) -> Gateway:  # noqa: FBT001 - a fixture
    """Facing clients directly, legacy keys off."""
    return start_gateway(
        firewall=firewall,
        trusted_proxies=0,
        api_keys=default_settings()["api_keys"][:2],
        jwks=keys.key_set([SIGNING_KEY.public_jwk()]),
    )


@pytest.fixture
def client(gateway: Gateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, verify=WITHOUT_TLS, timeout=10) as http:
        yield http


@pytest.fixture
def strict_client(strict_gateway: Gateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=strict_gateway.url, verify=WITHOUT_TLS, timeout=10) as http:
        yield http


@pytest.fixture
def publishable(gateway: Gateway) -> dict[str, str]:
    """Header with the publishable key."""
    return {"apikey": gateway.key("publishable")}


@pytest.fixture
def send_raw(gateway: Gateway) -> Callable[[bytes], bytes]:
    """Send bytes as they are, and return the first answer: its head, and its body if it says how
    long that is."""

    def send(request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
            connection.sendall(request)
            return read_answer(connection)

    return send


def status_of(answer: bytes) -> int | None:
    """Status of an answer; None where the connection was closed without a status."""
    match = re.match(rb"HTTP/1\.[01] ([1-5][0-9]{2}) ?[^\r\n]*\r\n", answer)
    return int(match[1]) if match else None


def read_answer(connection: socket.socket) -> bytes:
    """The next answer on a connection; see `send_raw`."""
    answer = b""
    while b"\r\n\r\n" not in answer and (part := connection.recv(65536)):
        answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    while length and len(body) < int(length[1]) and (part := connection.recv(65536)):
        body += part
    return head + b"\r\n\r\n" + body


def default_settings() -> dict[str, Any]:
    """Settings of the gateway under test, without its addresses."""
    roles: tuple[keys.Role, keys.Role] = ("anon", "service_role")
    values = [
        *((keys.api_key(b"api key seed of the gateway test", role), role) for role in roles),
        *((keys.legacy_key(LEGACY_SECRET, role, ISSUER), role) for role in roles),
    ]
    return {
        "api_keys": tuple(
            ApiKey(value=value, role=role, token=keys.role_token(SIGNING_KEY, role, ISSUER))
            for value, role in values
        ),
        "jwks": keys.key_set([SIGNING_KEY.public_jwk(), keys.symmetric_jwk(LEGACY_SECRET)]),
        "issuer": ISSUER,
        "cors_origins": (ORIGIN,),
        "trusted_proxies": 1,
        "secure": True,
        "rate_limit_per_minute": {"auth": 1_000_000, "rest": 1_000_000},
    }


def access_token(
    key: Any = SIGNING_KEY.private,
    *,
    algorithm: str = "ES256",
    key_id: str | None = SIGNING_KEY.identifier,
    **changes: object,
) -> str:
    """Token of a user; a claim given as None is left out."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": keys.AUDIENCE,
        "sub": "5e1c1c3e-6f0a-4b52-8a31-0c6d3f6f1a11",
        "role": "authenticated",
        "iat": now,
        "exp": now + 600,
        **changes,
    }
    present = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(
        present, key, algorithm=algorithm, headers={"kid": key_id} if key_id else None
    )


def _start_process(binary: Path, folder: Path, settings: GatewaySettings) -> RunningContainer:
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", folder / "start.sh", folder / "envoy.yaml", str(settings.admin_port), "1"],
            stdout=output,
            stderr=output,
            env={**os.environ, "PATH": f"{binary.parent}:{os.environ['PATH']}"},
        )

    def stop() -> None:
        process.terminate()
        process.wait(timeout=30)

    return RunningContainer(str(process.pid), settings.listen_port, log.read_text, stop)


def start_container(
    image: str,
    folder: Path,
    settings: GatewaySettings,
    hosts: Sequence[tuple[str, str]] = (),
    renewed: Path | None = None,
) -> RunningContainer:
    """Start a gateway as the program does: read-only, without privileges.

    Args:
        image: Reference of the image.
        folder: What the container finds as its files.
        settings: What its configuration was rendered from.
        hosts: Names and addresses that the container resolves.
        renewed: Folder with certificate and key, where the settings say TLS.
    """
    for file in folder.iterdir():
        file.chmod(0o644)
    container = run_docker(
        "run", "--detach", "--init", "--read-only", "--cap-drop=ALL", "--user=101:101",
        "--tmpfs=/tmp:rw,size=64m",
        "--security-opt=no-new-privileges:true", f"--memory={MEMORY_MEBIBYTES}m",
        f"--volume={folder}:{FILES_DIRECTORY}:ro",
        "--add-host=host.docker.internal:host-gateway",
        *(f"--add-host={name}:{address}" for name, address in hosts),
        *([f"--volume={renewed}:{RENEWED_FILES_DIRECTORY}:ro"] if renewed else []),
        f"--publish=127.0.0.1::{settings.listen_port}",
        image,
        *runtime.command(
            settings.admin_port, certificate=RENEWED_FILES_DIRECTORY if renewed else None
        ),
    )  # fmt: skip

    return started(container, settings.listen_port)


def wait_until_it_answers(
    port: int, read_log: Callable[[], str], trust: ssl.SSLContext | None = None
) -> None:
    """Fail with the gateway's log when it does not answer within 15 seconds.

    Args:
        port: On the host's loopback address.
        read_log: Its log.
        trust: Whose certificates are believed, where it speaks TLS.
    """
    scheme = "https" if trust else "http"
    for _ in range(150):
        try:
            url = f"{scheme}://127.0.0.1:{port}/health/live"
            if httpx.get(url, verify=trust or WITHOUT_TLS).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"the gateway does not answer; its log:\n{read_log()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
