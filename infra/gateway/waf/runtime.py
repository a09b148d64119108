"""What the firewall's container runs: nginx under a script that follows what changes around it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from infra.container import FILES_DIRECTORY, RENEWED_FILES_DIRECTORY
from infra.gateway.settings import DRAIN_SECONDS
from infra.services.certificates import ISSUED_DIRECTORY

if TYPE_CHECKING:
    from infra.gateway.settings import Tls

CONFIGURATION_FILE = "nginx.conf"
RULES_FILE = "rules.conf"
START_FILE = "start.sh"
AUDIT_FILE = "audit.jq"
BODY_FILE = "body.lua"
STREAMED_FILE = "streamed.conf"

AUDIT_PIPE = "/tmp/audit"  # noqa: S108 - the container's own, in memory
PROCESS_FILE = "/tmp/nginx.pid"  # noqa: S108 - as above

_HERE = Path(__file__).parent

EXCLUSION_FILES = ("platform.conf", "rest.conf", "auth.conf")
"""What is taken out of the rules, in the order in which it is read."""


def fixed_files() -> dict[str, str]:
    """Content of the files that are the same for every environment, by file name."""
    files = [
        _HERE / START_FILE,
        _HERE / AUDIT_FILE,
        _HERE / BODY_FILE,
        *(_HERE / "exclusions" / name for name in (*EXCLUSION_FILES, STREAMED_FILE)),
    ]
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def certificate_directory(tls: Tls) -> str:
    """Where certificate and key are renewed: by Pulumi, or by the component that obtains them."""
    return ISSUED_DIRECTORY if tls.challenges else RENEWED_FILES_DIRECTORY


def command(gateway_host: str, tls: Tls | None) -> list[str]:
    """Command of the container.

    Args:
        gateway_host: Name of the gateway, whose address is followed.
        tls: Whose certificate is followed as well.
    """
    return [
        "bash",
        f"{FILES_DIRECTORY}/{START_FILE}",
        FILES_DIRECTORY,
        gateway_host,
        str(DRAIN_SECONDS),
        *([certificate_directory(tls)] if tls else []),
    ]
