"""The socket of a Docker engine on another machine, forwarded to one on this machine by ssh.

One connection carries every request, so that a run with many of them meets no limit on sessions.
It is the `ssh` program that connects: keys, agents, jump hosts and known hosts are those of the
user's own ~/.ssh. It never asks: what would need an answer fails instead.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEME = "ssh"
REMOTE_SOCKET = "/var/run/docker.sock"
CONNECT_SECONDS = 10
LONGEST_START_SECONDS = 30
LONGEST_END_SECONDS = 5

_OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": str(CONNECT_SECONDS),
    "ExitOnForwardFailure": "yes",
    "ServerAliveInterval": "15",
}

# ssh ends when this process does, however that ends: the shell's input is then at its end. A
# session of its own keeps Ctrl-C from cutting off what still has to finish. $0 is the folder.
_BOUND_TO_PARENT = """\
exec 3<&0
"$@" </dev/null &
ssh=$!
{ cat <&3 >/dev/null; kill "$ssh"; rm -rf "$0"; } 2>/dev/null &
wait "$ssh"
"""

_MENDS = (
    (
        "Host key verification failed",
        "its key is not the known one: compare it with what its owner says, then mend known_hosts",
    ),
    ("Permission denied", "it does not accept this user's key: ssh-copy-id adds it there"),
    ("ssh: not found", "install ssh (apt-get install openssh-client)"),
    ("Could not resolve hostname", "mend the name in docker:host"),
    ("", "check the address in docker:host, and that sshd runs there"),
)


class TunnelError(Exception):
    """The engine's socket cannot be reached over SSH; one line with the mend."""


def options_from(text: str) -> tuple[str, ...]:
    """Further options of ssh, as `docker:sshOpts` gives them: a list of texts as JSON.

    Raises:
        TunnelError: it is no such list.
    """
    try:
        options = json.loads(text) if text else []
    except ValueError:
        options = None
    if not isinstance(options, list) or not all(isinstance(each, str) for each in options):
        raise TunnelError(
            """docker:sshOpts is no list of texts; write it on one line, as '["-i", "/key"]'"""
        )
    return tuple(options)


def parsed(host: str) -> SplitResult:
    """The address of an engine: `ssh://[user@]host[:port][/path of its socket]`.

    Raises:
        TunnelError: it is no such address.
    """
    try:
        address = urlsplit(host)
        is_usable = address.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not address.hostname or address.hostname.startswith("-"):
        raise TunnelError(f"docker:host {host} names no host; write ssh://user@host:22")
    return address


def command(address: SplitResult, options: Sequence[str], local: Path) -> list[str]:
    """The command line of ssh.

    Args:
        address: where the engine is.
        options: further options of ssh.
        local: the socket on this machine.
    """
    return [
        "ssh",
        "-N",
        "-T",
        *options,
        *(word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")),
        *(["-p", str(address.port)] if address.port else []),
        *(["-l", address.username] if address.username else []),
        "-L",
        f"{local}:{address.path or REMOTE_SOCKET}",
        "--",
        str(address.hostname),
    ]


def mend_for(said: str) -> str:
    """What to do about what ssh said."""
    return next(mend for text, mend in _MENDS if text in said)


@dataclass(frozen=True)
class Tunnel:
    """A forwarded socket; it is there until `close`, or until this process ends."""

    socket: Path
    _process: subprocess.Popen[bytes]

    def close(self) -> None:
        """End ssh; the socket goes with it."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=LONGEST_END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def open_tunnel(host: str, options: Sequence[str] = ()) -> Tunnel:
    """Forward the socket of the engine on another machine.

    Raises:
        TunnelError: ssh does not reach the machine, or no engine answers there.
    """
    address = parsed(host)
    # Readable by its owner alone, and short: a socket's path has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="plinth-"))
    local, errors = folder / "docker.sock", folder / "errors"
    words = command(address, options, local)
    with errors.open("wb") as written:
        process = subprocess.Popen(
            ["sh", "-c", _BOUND_TO_PARENT, str(folder), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=written,
            start_new_session=True,
        )
    tunnel = Tunnel(local, process)
    deadline = time.monotonic() + LONGEST_START_SECONDS
    while not local.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            said = _last_line(errors.read_text(encoding="utf-8", errors="replace"))
            tunnel.close()
            raise TunnelError(
                f"cannot reach the Docker engine at {host}: {said or 'ssh says nothing'}; "
                f"{mend_for(said)}"
            )
        time.sleep(0.05)
    if not answers(local):
        tunnel.close()
        raise TunnelError(
            f"no Docker engine answers at {address.path or REMOTE_SOCKET} of {host}; start "
            "it there, and let its user use it (group docker)"
        )
    return tunnel


def answers(path: Path) -> bool:
    """Whether an engine answers at a socket (GET /_ping, Docker Engine API)."""
    connection = http.client.HTTPConnection("localhost", timeout=CONNECT_SECONDS)
    with socket.socket(socket.AF_UNIX) as connected, contextlib.closing(connection):
        connected.settimeout(CONNECT_SECONDS)
        try:
            connected.connect(str(path))
            connection.sock = connected
            connection.request("GET", "/_ping")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False


def _last_line(text: str) -> str:
    """The last line that says something; ssh frames a changed key by lines of signs."""
    lines = [line.strip() for line in text.splitlines() if any(map(str.isalpha, line))]
    return lines[-1].rstrip(".") if lines else ""
