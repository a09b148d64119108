"""A real container registry on loopback, with its content in a folder that a test can change.

It is the server of the distribution project, built once from its Go module into the cache.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bcrypt
import httpx
import yaml

from tests import go_program

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE = Path(__file__).parent
SOURCES = ("go.mod", "go.sum", "main.go")
USER, PASSWORD = "publisher", "a-password-of-these-tests-only"
STARTS_WITHIN_SECONDS = 20
ANSWERS = {httpx.codes.OK, httpx.codes.UNAUTHORIZED}


@dataclass(frozen=True)
class RegistryServer:
    """A registry that runs."""

    host: str
    """`127.0.0.1:port`, which an engine takes without TLS."""
    folder: Path
    """Where its content is."""

    def blob(self, digest: str) -> Path:
        """The file of a manifest, configuration or layer."""
        algorithm, _, name = digest.partition(":")
        blobs = self.folder / "docker" / "registry" / "v2" / "blobs"
        return blobs / algorithm / name[:2] / name / "data"

    def parts(self, digest: str) -> dict[str, Path]:
        """The files of an image: its manifest, its configuration and its last layer."""
        manifest = self.blob(digest)
        described = json.loads(manifest.read_text(encoding="utf-8"))
        return {
            "manifest": manifest,
            "configuration": self.blob(described["config"]["digest"]),
            "layer": self.blob(described["layers"][-1]["digest"]),
        }

    def write_login(self, folder: Path) -> Path:
        """Write what `docker login` would, and return the folder to name in DOCKER_CONFIG."""
        word = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        login = {"auths": {self.host: {"auth": word}}}
        (folder / "config.json").write_text(json.dumps(login), encoding="utf-8")
        return folder


@contextlib.contextmanager
def serving(folder: Path, *, with_login: bool = False) -> Iterator[RegistryServer]:
    """Run a registry for as long as the block runs.

    Args:
        folder: Takes its configuration and its content.
        with_login: Whether only `USER` with `PASSWORD` may pull and push.
    """
    content = folder / "content"
    host = f"127.0.0.1:{_free_port()}"
    configuration = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(content)}},
        "http": {"addr": host},
    }
    if with_login:
        users = folder / "users"
        secret = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(rounds=4)).decode()
        users.write_text(f"{USER}:{secret}\n", encoding="utf-8")
        configuration["auth"] = {"htpasswd": {"realm": "tests", "path": str(users)}}
    file = folder / "configuration.yaml"
    file.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [go_program.build(MODULE, SOURCES, ["."]) / "registry", "serve", str(file)],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_it_answers(host, server, log)
        yield RegistryServer(host, content)
    finally:
        server.terminate()
        server.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_it_answers(host: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://{host}/v2/").status_code in ANSWERS:
                return
        time.sleep(0.05)
    raise AssertionError(f"the registry does not answer: {log.read_text(errors='replace')}")
