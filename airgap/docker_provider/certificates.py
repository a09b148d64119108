"""TLS with an engine: the authority that it is checked by, and the client's own certificate.

Read once, into a context: a private key that came as text is on the disk for no longer than that.
"""

import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path

import requests
from docker.tls import TLSConfig
from requests.adapters import HTTPAdapter
from typing_extensions import override

from toolchain.engine_choice import MATERIAL


class CertificateError(Exception):
    """The configured certificates cannot be used; one line with the mend."""


class ClientCertificates(TLSConfig):
    """Makes a client of the Docker SDK use a context."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(verify=True)
        self._context = context

    @override
    def configure_client(self, client: requests.Session) -> None:
        """Called by the SDK before the first request."""
        client.mount("https://", _ContextAdapter(self._context))


class _ContextAdapter(HTTPAdapter):
    """Connects with a context, and adds no authority to it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    @override
    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **options: object
    ) -> None:
        options["ssl_context"] = self._context
        super().init_poolmanager(connections, maxsize, block, **options)

    @override
    def cert_verify(self, *_: object) -> None:
        """The context verifies."""


def from_folder(named: str) -> ClientCertificates:
    """The certificates of a folder with ca.pem, cert.pem and key.pem, as docker's client keeps it.

    Raises:
        CertificateError: A file is missing or is not what its name says.
    """
    return ClientCertificates(_context(Path(named), f"docker:certPath {named}"))


def from_material(material: Mapping[str, str]) -> ClientCertificates:
    """The certificates that stand in the configuration.

    Args:
        material: PEM by the names in `MATERIAL`.

    Raises:
        CertificateError: One is missing or is not what its name says.
    """
    missing = [f"docker:{name}" for name in MATERIAL if name not in material]
    if missing:
        raise CertificateError(f"{', '.join(missing)} is not set; the three belong together")
    with tempfile.TemporaryDirectory(prefix="plinth-") as folder:
        for name, file in MATERIAL.items():
            (Path(folder) / file).write_text(material[name], encoding="utf-8")
        return ClientCertificates(_context(Path(folder), "docker:caMaterial and its companions"))


def _context(folder: Path, source: str) -> ssl.SSLContext:
    files = [folder / file for file in MATERIAL.values()]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise CertificateError(f"{source}: {', '.join(missing)} is missing; put it there")
    authority, certificate, key = files
    try:
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise CertificateError(
            f"{source}: not PEM, or key and certificate do not match ({error.reason or error}); "
            "mend them"
        ) from None
    return context
