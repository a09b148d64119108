"""A certificate with its key, and the folder that the gateway reads the present one from."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

CURRENT = "current"
"""Link to the folder of the present pair: chain and key change in one move."""

CHAIN_FILE = "chain.pem"
KEY_FILE = "key.pem"
_ORIGIN_FILE = "directory"

_SELF_SIGNED_DAYS = 365
_CLOCK_TOLERANCE = timedelta(hours=1)


@dataclass(frozen=True)
class Pair:
    """A certificate with the chain to its authority and its private key, both PEM."""

    chain: str
    key: str = field(repr=False)
    origin: str
    """URL of the directory that issued it; empty for one that is self-signed."""

    @property
    def leaf(self) -> x509.Certificate:
        """The certificate itself."""
        return x509.load_pem_x509_certificate(self.chain.encode())

    @property
    def expires(self) -> datetime:
        """From when on clients refuse it."""
        return self.leaf.not_valid_after_utc

    @property
    def lifetime(self) -> timedelta:
        """For how long it was issued."""
        return self.expires - self.leaf.not_valid_before_utc

    def covers(self, names: Sequence[str]) -> bool:
        """Whether it is for each of the names."""
        alternatives = self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return set(names) <= set(alternatives.value.get_values_for_type(x509.DNSName))


def new_key() -> tuple[ec.EllipticCurvePrivateKey, str]:
    """Generate an EC P-256 key, which every client takes; also as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key, pem.decode()


def self_signed(names: Sequence[str], now: datetime) -> Pair:
    """Make what the gateway shows until a directory has issued something better."""
    key, pem = new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Plinth, not issued yet")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_TOLERANCE)
        .not_valid_after(now + timedelta(days=_SELF_SIGNED_DAYS))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return Pair(certificate.public_bytes(Encoding.PEM).decode(), pem, origin="")


@dataclass(frozen=True)
class PairFolder:
    """Where the present pair is, for the gateway to read: `current/chain.pem`, `current/key.pem`.

    Nobody but the service's user and its group reads the key; the gateway's user is of that group.
    """

    path: Path

    def read(self) -> Pair | None:
        """The present pair; None where there is none, or none that is whole."""
        present = self.path / CURRENT
        try:
            pair = Pair(
                chain=(present / CHAIN_FILE).read_text(encoding="ascii"),
                key=(present / KEY_FILE).read_text(encoding="ascii"),
                origin=(present / _ORIGIN_FILE).read_text(encoding="utf-8"),
            )
            _ = pair.leaf
        except (OSError, ValueError):
            return None
        return pair

    def write(self, pair: Pair) -> None:
        """Put a pair in the place of the present one. After a crash one of them is there, whole."""
        made = Path(tempfile.mkdtemp(dir=self.path))
        made.chmod(0o755)
        _write(made / CHAIN_FILE, pair.chain, 0o644)
        _write(made / KEY_FILE, pair.key, 0o640)
        _write(made / _ORIGIN_FILE, pair.origin, 0o644)
        link = made.with_name(f"{made.name}.link")
        link.symlink_to(made.name)
        link.rename(self.path / CURRENT)
        for other in set(self.path.iterdir()) - {made, self.path / CURRENT}:
            if other.is_symlink():
                other.unlink()
            else:
                shutil.rmtree(other)


def _write(path: Path, content: str, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
