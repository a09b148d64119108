"""What the gateway's container runs: Envoy under a script that stops it gracefully.

The image has to hold `envoy`, `bash` and the usual small tools of a Debian or Ubuntu base.
"""

from __future__ import annotations

from pathlib import Path

from infra.container import FILES_DIRECTORY
from infra.gateway.settings import DRAIN_SECONDS

CONFIGURATION_FILE = "envoy.yaml"
SECRET_FILE = "certificate.yaml"  # noqa: S105 - says where the certificate is
CERTIFICATE_DIRECTORY = "/tmp/certificate"  # noqa: S108 - the container's own, in memory
"""Where `start.sh` puts certificate and key for Envoy."""

START_FILE = "start.sh"
START_SCRIPT = Path(__file__).with_name(START_FILE).read_text(encoding="utf-8")


def command(admin_port: int = 9901, *, certificate: str | None = None) -> list[str]:
    """Command of the container: Envoy, stopped gracefully, its certificate followed.

    Args:
        admin_port: Where Envoy listens for the script.
        certificate: Folder where certificate and key are renewed; None for plain HTTP.
    """
    return [
        "bash",
        f"{FILES_DIRECTORY}/{START_FILE}",
        f"{FILES_DIRECTORY}/{CONFIGURATION_FILE}",
        str(admin_port),
        str(DRAIN_SECONDS),
        *([certificate, CERTIFICATE_DIRECTORY] if certificate else []),
    ]
