"""Which engine a stack runs on, from its file: the one place that tells docker's own variables.

Pulumi's provider reads `docker:host` and its companions itself. Everything else here (the docker
client, backup, drift) reads DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.
"""

from __future__ import annotations

import atexit
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain import engine, paths, ssh_tunnel
from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Mapping

TUNNELLED = "PLINTH_ENGINE"
"""Variable that names the engine behind a tunnel."""

LOCAL_SCHEMES = ("unix://", "npipe://")
MATERIAL = {"caMaterial": "ca.pem", "certMaterial": "cert.pem", "keyMaterial": "key.pem"}
"""Settings of the provider that hold a file's content, and the file in a folder of certificates."""

_SETTING = re.compile(r"^\s+[\"']?docker:(\w+)[\"']?:[ \t]*(.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class EngineChoice:
    """What a stack's file says about its engine.

    Attributes:
        host: `unix://…`, `tcp://…` or `ssh://…`; empty where the file names none.
        certificates: folder with ca.pem, cert.pem and key.pem; empty where none is named.
        ssh_options: further options of ssh.
    """

    host: str = ""
    certificates: str = ""
    ssh_options: tuple[str, ...] = ()

    def variables(self) -> dict[str, str]:
        """The docker client's variables for it; for an SSH host without a tunnel."""
        if not self.host:
            return {}
        found = {"DOCKER_HOST": self.host}
        if self.certificates:
            found |= {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": self.certificates}
        return found


def read(text: str, stack: str) -> EngineChoice:
    """Read a stack file.

    Raises:
        ToolchainError: it holds a setting that cannot be followed here.
    """
    found = {name: _unquoted(value) for name, value in _SETTING.findall(text)}
    for name in MATERIAL:
        if name in found:
            raise ToolchainError(
                f"docker:{name} in Pulumi.{stack}.yaml reaches Pulumi's provider alone, not the "
                "docker client",
                f"Put {', '.join(MATERIAL.values())} into a folder, and set docker:certPath to it.",
            )
    try:
        ssh_options = ssh_tunnel.options_from(found.get("sshOpts", ""))
    except ssh_tunnel.TunnelError as error:
        raise _told(error) from None
    return EngineChoice(
        host=found.get("host", ""),
        certificates=_folder(found.get("certPath", ""), stack),
        ssh_options=ssh_options,
    )


def _unquoted(value: str) -> str:
    if value[:1] in {"'", '"'}:
        return value[1:].partition(value[0])[0]
    return re.split(r"\s+#", value, maxsplit=1)[0]


def _folder(named: str, stack: str) -> str:
    if not named:
        return ""
    folder = Path(named)
    if not folder.is_absolute():
        raise ToolchainError(
            f"docker:certPath in Pulumi.{stack}.yaml: {named} is not absolute",
            "Write the folder's whole path: Pulumi's provider starts elsewhere.",
        )
    missing = [name for name in MATERIAL.values() if not (folder / name).is_file()]
    if missing:
        raise ToolchainError(
            f"docker:certPath in Pulumi.{stack}.yaml: {folder} has no {', '.join(missing)}",
            "Put the engine's authority, the client's certificate and its key there.",
        )
    return named


def _told(error: ssh_tunnel.TunnelError) -> ToolchainError:
    what, _, mend = str(error).rpartition("; ")
    return ToolchainError(what, f"{mend[:1].upper()}{mend[1:]}.")


def choose(stack: str) -> EngineChoice:
    """What the file of a stack says.

    Raises:
        ToolchainError: it holds a setting that cannot be followed here.
    """
    return read((paths.REPOSITORY / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"), stack)


def adopt(stack: str) -> None:
    """Set docker's variables, for this process and what it starts, as a stack's file says.

    An engine behind SSH gets a tunnel that lasts as long as this process: the Docker SDK for Python
    does not speak SSH by itself.

    Raises:
        ToolchainError: the file holds a setting that cannot be followed here, or the tunnel cannot
            be opened.
    """
    choice = choose(stack)
    os.environ.update(choice.variables())
    engine.adopt_context()
    host = os.environ.get("DOCKER_HOST", "")
    if not host.startswith(f"{ssh_tunnel.SCHEME}://"):
        return
    try:
        tunnel = ssh_tunnel.open_tunnel(host, choice.ssh_options)
    except ssh_tunnel.TunnelError as error:
        raise _told(error) from None
    atexit.register(tunnel.close)
    os.environ |= {"DOCKER_HOST": f"unix://{tunnel.socket}", TUNNELLED: host}


def is_elsewhere(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the engine may be another machine's: ports here then say nothing about it."""
    host = environment.get(TUNNELLED) or environment.get("DOCKER_HOST", "")
    return bool(host) and not host.startswith(LOCAL_SCHEMES)
