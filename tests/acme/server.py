"""A real ACME directory: Let's Encrypt's Pebble, built once from its Go module into the cache.

Beside it runs Pebble's own name server, for which every name is at 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests import go_program
from tests.certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE = Path(__file__).parent
COMMANDS = "github.com/letsencrypt/pebble/v2/cmd"
STARTS_WITHIN_SECONDS = 20


@dataclass
class AcmeServer:
    """A directory that runs, or could."""

    host: str
    """Address that it listens on."""
    port: int
    authority: str
    """PEM; signed the directory's own certificate."""
    management: str
    """URL of what only tests ask."""
    folder: Path
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def directory_url(self) -> str:
        return f"https://{self.host}:{self.port}/dir"

    def settings(self, *domains: str) -> dict[str, Any]:
        """What a stack's file says of the directory, in `gateway.tls.acme`."""
        return {
            "directory_url": self.directory_url,
            "ca_certificate": self.authority,
            "domains": list(domains),
            "terms_agreed": True,
        }

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def start(self, **settings: Any) -> None:
        """Start with an empty memory.

        Args:
            settings: Of Pebble's, beside those that every test has.
        """
        file = self.folder / "pebble.json"
        configuration = json.loads(file.read_text())
        file.write_text(json.dumps({"pebble": {**configuration["pebble"], **settings}}))
        programs = go_program.build(
            MODULE, ("go.mod", "go.sum"), [f"{COMMANDS}/pebble", f"{COMMANDS}/pebble-challtestsrv"]
        )
        names = f"127.0.0.1:{free_port()}"
        commands = (
            [
                *("pebble-challtestsrv", f"-dnsserver={names}", "-defaultIPv6="),
                f"-management=127.0.0.1:{free_port()}",
                *(f"-{name}=" for name in ("doh", "http01", "https01", "tlsalpn01")),
            ],
            ["pebble", f"-config={file}", f"-dnsserver={names}"],
        )
        environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        with self.log.open("ab") as log:
            for program, *arguments in commands:
                self._started.append(
                    subprocess.Popen(
                        [programs / program, *arguments],
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        env=environment,
                    )
                )
        self._wait_until_it_answers()

    def stop(self) -> None:
        """End it; it forgets everything."""
        for process in self._started:
            process.terminate()
            process.wait()
        self._started.clear()

    def root(self) -> str:
        """PEM of the authority that it issues from."""
        return self._ask("/roots/0").text

    def renew_now(self, chain: str) -> None:
        """Suggest that a certificate be renewed, as after a mistake of the authority."""
        begun = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
        window = {"start": f"{begun:%FT%TZ}", "end": f"{begun + dt.timedelta(seconds=1):%FT%TZ}"}
        suggestion = json.dumps({"suggestedWindow": window})
        content = {"Certificate": chain, "ARIResponse": suggestion}
        self._ask("/set-renewal-info/", method="POST", json=content)

    def asked_for(self) -> list[str]:
        """Paths of the challenges that it has asked for."""
        return re.findall(r"validate w/ HTTP: http://[^/]+(/\S+)", self.log.read_text())

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                self._ask("/roots/0")
                return
            time.sleep(0.05)
        raise AssertionError(f"Pebble does not answer: {self.log.read_text(errors='replace')}")

    def _ask(self, path: str, method: str = "GET", **request: Any) -> httpx.Response:
        trust = ssl.create_default_context(cadata=self.authority)
        url = f"{self.management}{path}"
        return httpx.request(method, url, verify=trust, **request).raise_for_status()


@contextlib.contextmanager
def acme_server(folder: Path, *, http_port: int, host: str = "127.0.0.1") -> Iterator[AcmeServer]:
    """A directory that is not started yet; it ends with the block.

    Args:
        folder: Takes its files.
        http_port: Where it asks for challenges, in place of port 80.
        host: Address that it listens on.
    """
    authority = Authority.create()
    own = authority.sign(host)
    (folder / "directory.pem").write_text(own.certificate)
    (folder / "directory.key").write_text(own.key)
    port, management = free_port(), f"{host}:{free_port()}"
    pebble = {
        "listenAddress": f"{host}:{port}",
        "managementListenAddress": management,
        "certificate": str(folder / "directory.pem"),
        "privateKey": str(folder / "directory.key"),
        "httpPort": http_port,
        "tlsPort": free_port(),
        "keyAlgorithm": "ecdsa",
        "retryAfter": {"authz": 1, "order": 1},
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": pebble}))
    server = AcmeServer(host, port, authority.certificate, f"https://{management}", folder)
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
