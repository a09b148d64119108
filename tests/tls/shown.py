"""What a stack of these tests shows clients that connect to it."""

from __future__ import annotations

import ssl
import time

import pytest
from cryptography import x509

from .conftest import PORT


def shown() -> x509.Certificate:
    """The certificate of a new connection."""
    pem = ssl.get_server_certificate(("127.0.0.1", PORT), timeout=10)
    return x509.load_pem_x509_certificate(pem.encode())


def wait_for_another(before: x509.Certificate) -> x509.Certificate:
    """The certificate that is shown in place of another one, within a minute."""
    for _ in range(600):
        if (certificate := shown()) != before:
            return certificate
        time.sleep(0.1)
    return pytest.fail("clients are still shown the certificate that there was")


def issuer(certificate: x509.Certificate) -> str:
    """Who signed it."""
    return certificate.issuer.rfc4514_string()
