"""Reaching a store through the engine: programs inside its container, and its port.

Stores listen on an internal network and are not published. A program that runs in the container
reaches them with any engine, a remote one too. No port is opened to others for it.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import threading
from typing import IO, TYPE_CHECKING

from backup.errors import BackupError
from toolchain import engine_choice
from toolchain.processes import capture, last_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST_TRIES = 5
_END_MARK = "(all of it)"
_EVIDENCE_LINES = 4
_CONNECT_SECONDS = 1.0

# A connection of bash to the port, in both directions. When the server ends it, so does the
# program; when this side does, cat ends by itself.
_CONNECT = (
    'exec 3<>"/dev/tcp/127.0.0.1/$0" || exit 1; '
    "{ cat <&3; kill $$; } 2>/dev/null & cat >&3; kill $! 2>/dev/null"
)


class Program:
    """A program inside a container, with its streams.

    Attributes:
        stdin: what it reads, if it was started with `takes_input`.
        stdout: what it writes.
    """

    def __init__(self, container: str, command: Sequence[str], *, takes_input: bool) -> None:
        interactive = ["--interactive"] if takes_input else []
        self._ended: tuple[int, tuple[str, ...]] | None = None
        # A file and not a pipe: nobody reads it before the end, and a full pipe would block.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed by end)
        self._process = subprocess.Popen(  # noqa: S603  (the engine's client)
            ["docker", "exec", *interactive, container, *command],  # noqa: S607
            stdin=subprocess.PIPE if takes_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    @property
    def stdin(self) -> IO[bytes]:
        """What it reads."""
        assert self._process.stdin is not None  # noqa: S101  (narrows the type)
        return self._process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """What it writes."""
        assert self._process.stdout is not None  # noqa: S101  (narrows the type)
        return self._process.stdout

    def end(self) -> tuple[int, tuple[str, ...]]:
        """Close its input and wait: the exit code, and its last lines on stderr."""
        if self._ended is None:
            self._ended = self._end()
        return self._ended

    def _end(self) -> tuple[int, tuple[str, ...]]:
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        code = self._process.wait()
        self._errors.seek(0)
        lines = last_lines(self._errors.read().decode(errors="replace"), _EVIDENCE_LINES)
        self._errors.close()
        self.stdout.close()
        return code, lines

    def stop(self) -> None:
        """End it, whatever it does; harmless when it has ended."""
        if self._process.poll() is None:
            self._process.kill()
        self.end()


@contextlib.contextmanager
def program(
    container: str, command: Sequence[str], *, takes_input: bool = False
) -> Iterator[Program]:
    """Start a program in a container; it is gone when the block is left."""
    started = Program(container, command, takes_input=takes_input)
    try:
        yield started
    finally:
        started.stop()


def run(container: str, command: Sequence[str], failure: BackupError) -> None:
    """Run a short program for what it does.

    Raises:
        BackupError: It ended with another code than 0: `failure` with what it said.
    """
    with program(container, command) as running:
        running.stdout.read()
        code, said = running.end()
    if code != 0:
        raise BackupError(failure.what, failure.mend, evidence=said)


def output(container: str, command: Sequence[str], failure: BackupError) -> bytes:
    """What a short program prints.

    Under load an engine can lose what a program printed just before it ended, so an end mark is
    printed after it, and a program whose mark is missing is run again: it must only read.

    Raises:
        BackupError: It ended with another code than 0: `failure` with what it said.
    """
    said: tuple[str, ...] = ()
    for _ in range(_MOST_TRIES):
        marked = ["sh", "-c", f"\"$@\" && printf '{_END_MARK}'", "sh", *command]
        with program(container, marked) as running:
            printed = running.stdout.read()
            code, said = running.end()
        if code != 0:
            break
        if printed.endswith(_END_MARK.encode()):
            return printed.removesuffix(_END_MARK.encode())
    raise BackupError(failure.what, failure.mend, evidence=said)


@contextlib.contextmanager
def reached(container: str, port: int) -> Iterator[tuple[str, int]]:
    """Host and port at which a container's port is reached from this machine.

    The container's own address where an engine on this machine has given it one that answers, which
    makes a connection cheap; else a tunnel, which works with any engine.
    """
    for address in _addresses(container):
        if _answers(address, port):
            yield address, port
            return
    with tunnel(container, port) as local_port:
        yield "127.0.0.1", local_port


def _answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), _CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _addresses(container: str) -> list[str]:
    # An address of a remote engine may be somebody else's here.
    if engine_choice.is_elsewhere():
        return []
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    return capture(
        ["docker", "container", "inspect", "--format", template, container]
    ).stdout.split()


@contextlib.contextmanager
def tunnel(container: str, port: int) -> Iterator[int]:
    """A port on this machine's loopback address that leads to a container's port.

    Each connection is a program in the container. The tunnel asks for no password: what listens
    there does.
    """
    connections: list[subprocess.Popen[bytes]] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # the listener was closed
            with connection:
                command = ["docker", "exec", "--interactive", container]
                connections.append(
                    subprocess.Popen(  # noqa: S603  (the engine's client)
                        [*command, "bash", "-c", _CONNECT, str(port)],
                        stdin=connection.fileno(),
                        stdout=connection.fileno(),
                        stderr=subprocess.DEVNULL,
                    )
                )

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, daemon=True)
        server.start()
        try:
            yield listener.getsockname()[1]
        finally:
            # Closing alone does not wake up who waits for a connection.
            listener.shutdown(socket.SHUT_RDWR)
            server.join()
            for connection in connections:
                connection.kill()
                connection.wait()
