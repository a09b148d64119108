"""Certificates of the tests' own: of an authority that nobody else trusts, or self-signed."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY = dt.timedelta(days=1)
_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Certificate(NamedTuple):
    """A certificate and its private key, both in PEM."""

    certificate: str
    key: str


@dataclass(frozen=True)
class Authority:
    """Signs certificates for servers and clients."""

    certificate: str
    _own: x509.Certificate
    _key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls) -> Self:
        """Make an authority that nobody else trusts."""
        key = ec.generate_private_key(ec.SECP256R1())
        own = (
            _builder("Plinth test authority", key.public_key())
            .issuer_name(_name("Plinth test authority"))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(_pem(own), own, key)

    def sign(self, name: str) -> Certificate:
        """A certificate for a host's name or address, or for a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        signed = (
            _builder(name, key.public_key())
            .issuer_name(self._own.subject)
            .add_extension(_alternatives([name]), critical=False)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        return Certificate(_pem(signed), _private_pem(key))


def self_signed(
    subject: str,
    names: Sequence[str] = ("localhost", "127.0.0.1"),
    first_day: int = -1,
    days: int = 30,
) -> Certificate:
    """A certificate that is its own authority, for hosts' names and addresses.

    The first of its days is counted from today.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    signed = (
        _builder(subject, key.public_key(), first_day * DAY, days * DAY)
        .issuer_name(_name(subject))
        .add_extension(_alternatives(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Certificate(_pem(signed), _private_pem(key))


def _builder(
    subject: str,
    key: ec.EllipticCurvePublicKey,
    begins: dt.timedelta = -DAY,
    lifetime: dt.timedelta = 2 * DAY,
) -> x509.CertificateBuilder:
    first = dt.datetime.now(dt.UTC) + begins
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(first + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternatives(names: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_alternative(name) for name in names])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private.decode()
