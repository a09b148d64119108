"""The gateway's certificate: read on the machine that runs Pulumi, and checked before it is used.

What a browser would refuse is refused here, in one line, before a resource is touched.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import pulumi
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from infra.config.section import REPOSITORY, ConfigurationError

if TYPE_CHECKING:
    from infra.config.stack import StackConfig

CHAIN_FILE = "chain.pem"
KEY_FILE = "key.pem"
"""Names that certificate and key have in the container that shows them."""

_SMALLEST_RSA_BITS = 2048
_SETTING = "plinth:gateway.tls"


@dataclass(frozen=True)
class Certificate:
    """A certificate with the chain to its authority, and its private key, both PEM."""

    chain: str
    key: str = field(repr=False)

    @property
    def files(self) -> dict[str, pulumi.Input[str]]:
        """Content by file name; the key's is a secret."""
        return {CHAIN_FILE: self.chain, KEY_FILE: pulumi.Output.secret(self.key)}


def read(config: StackConfig) -> Certificate | None:
    """Read the stack's certificate; None where there are no files of one.

    Args:
        config: The stack's configuration. Relative paths start at the checkout's root.

    Raises:
        ConfigurationError: A file cannot be read, is not PEM, holds a kind of key that browsers do
            not take, or does not fit: to the other one, to the host of the public URL, or to now.
    """
    tls = config.gateway.tls
    if tls is None or tls.certificate_file is None or tls.key_file is None:
        return None
    chain = _text("certificate_file", tls.certificate_file)
    key = _text("key_file", tls.key_file)
    try:
        leaf = x509.load_pem_x509_certificates(chain.encode())[0]
    except ValueError:
        _refuse(
            "certificate_file", tls.certificate_file, "holds no PEM certificate; give the chain"
        )
    try:
        public_key = load_pem_private_key(key.encode(), password=None).public_key()
    except (ValueError, TypeError):  # an encrypted key is a TypeError
        _refuse("key_file", tls.key_file, "holds no PEM private key, or one with a passphrase")
    if not _usable(public_key):
        _refuse("key_file", tls.key_file, "is no RSA key of 2048 bits or more and no EC P-256 key")
    if public_key != leaf.public_key():
        _refuse("key_file", tls.key_file, "is not the key of the first certificate; give its key")
    if not leaf.not_valid_before_utc <= datetime.now(UTC) <= leaf.not_valid_after_utc:
        times = (leaf.not_valid_before_utc, leaf.not_valid_after_utc)
        valid = " to ".join(f"{time:%Y-%m-%d %H:%M}" for time in times)
        _refuse("certificate_file", tls.certificate_file, f"is valid from {valid} UTC; renew it")
    host = urlsplit(config.public_url).hostname or ""
    names = _names(leaf)
    if not any(_covers(name, host) for name in names):
        known = f"is for {', '.join(names) or 'no name'}, not for {host} of gateway.public_url"
        _refuse("certificate_file", tls.certificate_file, known)
    return Certificate(chain, key)


def _text(setting: str, path: str) -> str:
    try:
        return (REPOSITORY / path).expanduser().read_text(encoding="ascii")
    except OSError as error:
        _refuse(setting, path, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        _refuse(setting, path, "is not PEM; convert it with openssl")


def _refuse(setting: str, path: str, why: str) -> NoReturn:
    raise ConfigurationError(f"{_SETTING}.{setting}: {path} {why}") from None


def _usable(key: object) -> bool:
    """Whether Envoy starts with such a key."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= _SMALLEST_RSA_BITS
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = names.get_values_for_type(x509.IPAddress)
    return [*names.get_values_for_type(x509.DNSName), *map(str, addresses)]


def _covers(name: str, host: str) -> bool:
    """Whether a name of a certificate stands for a host (RFC 9525, section 6.3)."""
    try:
        return ipaddress.ip_address(host) == ipaddress.ip_address(name)
    except ValueError:
        pass
    if name.startswith("*."):
        return host.partition(".")[2].lower() == name[2:].lower()
    return host.lower() == name.lower()
