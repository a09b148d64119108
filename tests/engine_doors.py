"""Doors to the engine of this machine as a remote one has them: an SSH server and a TLS port."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import asyncssh

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

    from tests.certificates import Authority

ENGINE_SOCKET = "/var/run/docker.sock"
HOST = "127.0.0.1"
_CHUNK = 65536
T = TypeVar("T")


@contextlib.contextmanager
def _event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[None, None, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, loop).result(timeout=10)


@dataclass(frozen=True)
class SshDoor:
    """An SSH server that forwards to sockets of this machine."""

    port: int
    key: Path
    known_hosts: Path
    connections: list[str]
    """Sockets that were asked for, in order."""

    @property
    def address(self) -> str:
        """What `docker:host` says."""
        return f"ssh://deploy@{HOST}:{self.port}"

    def options(self, *, key: Path | None = None, known_hosts: Path | None = None) -> list[str]:
        """Options by which ssh uses nothing of this machine's user."""
        return [
            *("-F", "none", "-i", str(key or self.key)),
            *("-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"),
            *("-o", f"UserKnownHostsFile={known_hosts or self.known_hosts}"),
            *("-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes"),
        ]

    def settings(self) -> dict[str, str]:
        """What a stack's file says."""
        return {"docker:host": self.address, "docker:sshOpts": json.dumps(self.options())}


class _Door(asyncssh.SSHServer):
    def __init__(self, connections: list[str]) -> None:
        self._connections = connections

    def unix_connection_requested(self, dest_path: str) -> bool:
        self._connections.append(dest_path)
        return True


def write_key(folder: Path, name: str) -> Path:
    """Make a private key with its public one beside it."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    private = folder / name
    private.touch(mode=0o600)
    key.write_private_key(private)
    key.write_public_key(private.with_suffix(".pub"))
    return private


def write_known_hosts(folder: Path, name: str, port: int, host_key: Path) -> Path:
    """Make a file that knows a server by a key."""
    public = host_key.with_suffix(".pub").read_text()
    known = folder / name
    known.write_text(f"[{HOST}]:{port} {public}")
    return known


async def _listen(host_key: Path, accepted: Path, connections: list[str]) -> asyncssh.SSHAcceptor:
    return await asyncssh.create_server(
        lambda: _Door(connections),
        HOST,
        0,
        server_host_keys=[str(host_key)],
        authorized_client_keys=str(accepted),
    )


@contextlib.contextmanager
def ssh_door(folder: Path) -> Iterator[SshDoor]:
    """Serve SSH on a free port."""
    host_key, client_key = write_key(folder, "host"), write_key(folder, "client")
    with _event_loop() as loop:
        connections: list[str] = []
        server = _run(loop, _listen(host_key, client_key.with_suffix(".pub"), connections))
        port = server.get_port()
        known_hosts = write_known_hosts(folder, "known_hosts", port, host_key)
        yield SshDoor(port, client_key, known_hosts, connections)
        loop.call_soon_threadsafe(server.close)
        _run(loop, server.wait_closed())


@dataclass(frozen=True)
class TlsDoor:
    """A port of the engine that asks for a client's certificate."""

    port: int
    certificates: Path
    """Folder with ca.pem, cert.pem and key.pem."""
    clients: list[str]
    """Whom the certificates of those who came in name, in order."""

    @property
    def address(self) -> str:
        """What `docker:host` says."""
        return f"tcp://{HOST}:{self.port}"

    def settings(self) -> dict[str, str]:
        """What a stack's file says."""
        return {"docker:host": self.address, "docker:certPath": str(self.certificates)}

    def material(self) -> dict[str, str]:
        """The provider's settings that hold the files' content."""
        files = {"caMaterial": "ca.pem", "certMaterial": "cert.pem", "keyMaterial": "key.pem"}
        return {name: (self.certificates / file).read_text() for name, file in files.items()}


def write_certificates(folder: Path, trusted: Authority, issuer: Authority) -> Path:
    """Make a client's folder of certificates.

    Args:
        folder: Takes the files.
        trusted: Whom the client trusts.
        issuer: Who signed the client's own certificate.
    """
    folder.mkdir()
    signed = issuer.sign("client.example.com")
    contents = {
        "ca.pem": trusted.certificate,
        "cert.pem": signed.certificate,
        "key.pem": signed.key,
    }
    for name, text in contents.items():
        (folder / name).write_text(text)
    return folder


@contextlib.contextmanager
def tls_door(folder: Path, authority: Authority) -> Iterator[TlsDoor]:
    """Serve the engine over TLS on a free port."""
    signed = authority.sign(HOST)
    (folder / "server.pem").write_text(signed.certificate + signed.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=authority.certificate)
    context.load_cert_chain(folder / "server.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    clients: list[str] = []

    async def let_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        certificate = writer.get_extra_info("peercert")
        clients.append(str(dict(certificate["subjectAltName"])["DNS"]))
        await _forward(reader, writer)

    with _event_loop() as loop:
        server = _run(loop, asyncio.start_server(let_in, HOST, 0, ssl=context))
        port = server.sockets[0].getsockname()[1]
        yield TlsDoor(port, write_certificates(folder / "client", authority, authority), clients)
        loop.call_soon_threadsafe(server.close)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    engine_reader, engine_writer = await asyncio.open_unix_connection(ENGINE_SOCKET)
    await asyncio.gather(_pump(reader, engine_writer), _pump(engine_reader, writer))


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(_CHUNK):
            target.write(chunk)
            await target.drain()
    target.close()


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
