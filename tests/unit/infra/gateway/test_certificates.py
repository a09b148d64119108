"""Which certificates the gateway takes, and how it says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from infra import keys
from infra.config.loading import parse
from infra.config.section import ConfigurationError
from infra.gateway import certificates
from tests.certificates import self_signed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from infra.config.stack import StackConfig

CHAIN, KEY = self_signed("fits", ["api.example.com", "*.apps.example.com", "192.0.2.1"])
EXPIRED, KEY_OF_EXPIRED = self_signed("expired", ["api.example.com"], first_day=-2, days=1)
EARLY, KEY_OF_EARLY = self_signed("early", ["api.example.com"], first_day=1)
ED25519_KEY = (
    Ed25519PrivateKey.generate()
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
ENCRYPTED_KEY = (
    keys.signing_key(b"certificate test seed of 32 byte")
    .private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"phrase"))
    .decode()
)


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., StackConfig]:
    """Configuration of a stack whose files have the given content."""

    def make(chain: str = CHAIN, key: str = KEY, url: str = "https://api.example.com") -> Any:
        (tmp_path / "chain.pem").write_text(chain)
        (tmp_path / "key.pem").write_text(key)
        tls = {
            "certificate_file": str(tmp_path / "chain.pem"),
            "key_file": str(tmp_path / "key.pem"),
        }
        return parse(
            {
                "environment": "test",
                "auth": {"autoconfirm": True},
                "gateway": {"public_url": url, "tls": tls},
            }
        )

    return make


def test_no_certificate_where_none_is_configured() -> None:
    config = parse({"environment": "test", "auth": {"autoconfirm": True}})
    assert certificates.read(config) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "https://API.example.com:8443/base",
        "https://shop.apps.example.com",
        "https://192.0.2.1",
    ],
)
def test_certificate_for_the_public_url(configure: Callable[..., StackConfig], url: str) -> None:
    assert certificates.read(configure(url=url)) == certificates.Certificate(CHAIN, KEY)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"chain": ""}, r"gateway\.tls\.certificate_file: .*chain\.pem holds no PEM certificate"),
        ({"chain": KEY}, r"gateway\.tls\.certificate_file: .* holds no PEM certificate"),
        ({"chain": "\u00e9"}, r"gateway\.tls\.certificate_file: .* is not PEM"),
        ({"key": CHAIN}, r"gateway\.tls\.key_file: .*key\.pem holds no PEM private key"),
        ({"key": ENCRYPTED_KEY}, r"gateway\.tls\.key_file: .* or one with a passphrase"),
        ({"key": self_signed("other")[1]}, r"gateway\.tls\.key_file: .* is not the key of the"),
        (
            {"chain": EXPIRED, "key": KEY_OF_EXPIRED},
            r"certificate_file: .* is valid from 20.* to 20.*; renew",
        ),
        ({"chain": EARLY, "key": KEY_OF_EARLY}, r"certificate_file: .* is valid from 20.*; renew"),
        ({"key": ED25519_KEY}, r"key_file: .* is no RSA key of 2048 bits or more and no EC P-256"),
        ({"url": "https://elsewhere.com"}, r"is for api\.example\.com, .*, not for elsewhere\.com"),
        ({"url": "https://apps.example.com"}, r"not for apps\.example\.com"),
        ({"url": "https://a.b.apps.example.com"}, r"not for a\.b\.apps\.example\.com"),
        ({"url": "https://192.0.2.2"}, r"not for 192\.0\.2\.2"),
    ],
)
def test_certificate_that_is_refused(
    configure: Callable[..., StackConfig], content: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        certificates.read(configure(**content))


def test_file_that_is_not_there(configure: Callable[..., StackConfig], tmp_path: Path) -> None:
    config = configure()
    (tmp_path / "key.pem").unlink()
    with pytest.raises(ConfigurationError, match=r"key_file: .*key\.pem cannot be read: No such"):
        certificates.read(config)


def test_refusal_does_not_show_the_key(configure: Callable[..., StackConfig]) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        certificates.read(configure(chain=self_signed("other")[0]))
    assert KEY.splitlines()[1] not in str(refusal.value)


def test_representation_does_not_show_the_key() -> None:
    assert KEY.splitlines()[1] not in repr(certificates.Certificate(CHAIN, KEY))
