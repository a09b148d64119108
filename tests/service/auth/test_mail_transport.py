"""The way to an SMTP server: encryption, sign-in, and servers that cannot be used."""

from __future__ import annotations

import datetime as dt
import ipaddress
from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.auth.mail.transport import MailError, MailTransport, SmtpServer
from services.shared.metrics import Metrics
from tests.service.auth.mailbox import Mailbox, server_tls
from tests.service.auth.service import free_port

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aiosmtpd.smtp import SMTP, Envelope, Session

RECIPIENT = "ann@example.com"
PASSWORD = "k7Qw2-of-the-mail-server"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """Files of a self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = tmp_path / "server.pem", tmp_path / "server.key"
    certificate_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(certificate_file), str(key_file)


@pytest.fixture
def tls(certificate: tuple[str, str]) -> ssl.SSLContext:
    """What a server with that certificate presents."""
    return server_tls(*certificate)


@pytest.fixture
def trusted(certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate is one that this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])


def right_password(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
) -> AuthResult:
    """Accept the one user that there is."""
    assert isinstance(data, LoginPassword)
    return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@pytest.fixture
def started() -> Iterator[Callable[..., Mailbox]]:
    """Start a server with the given options of aiosmtpd."""
    running = []

    def start(**options: object) -> Mailbox:
        mailbox = Mailbox(free_port(), **options)
        mailbox.start()
        running.append(mailbox)
        return mailbox

    yield start
    for mailbox in running:
        mailbox.stop()


def transport(
    port: int, *, verified_tls: bool, user: str = "", password: str = PASSWORD
) -> MailTransport:
    """The way to a server on this machine."""
    server = SmtpServer("127.0.0.1", port, user, password, verified_tls)
    return MailTransport(server, Metrics())


async def send(way: MailTransport) -> None:
    """Send one mail."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", RECIPIENT, "Hello"
    message.set_content("Hello")
    async with way.session() as session:
        await session.send(message)


async def test_a_mail_arrives_without_tls_where_that_is_allowed(
    started: Callable[..., Mailbox],
) -> None:
    mailbox = started()

    await send(transport(mailbox.port, verified_tls=False))

    assert mailbox.newest(RECIPIENT).subject == "Hello"


@pytest.mark.usefixtures("trusted")
async def test_a_mail_is_encrypted(started: Callable[..., Mailbox], tls: ssl.SSLContext) -> None:
    mailbox = started(tls_context=tls, require_starttls=True)

    await send(transport(mailbox.port, verified_tls=True))

    assert mailbox.secured_sessions == 1


async def test_a_certificate_of_nobody_is_refused(
    started: Callable[..., Mailbox], tls: ssl.SSLContext
) -> None:
    mailbox = started(tls_context=tls, require_starttls=True)

    with pytest.raises(MailError):
        await send(transport(mailbox.port, verified_tls=True))


async def test_a_server_that_offers_no_tls_is_refused(started: Callable[..., Mailbox]) -> None:
    mailbox = started()

    with pytest.raises(MailError):
        await send(transport(mailbox.port, verified_tls=True))


@pytest.mark.usefixtures("trusted")
async def test_the_user_signs_in(started: Callable[..., Mailbox], tls: ssl.SSLContext) -> None:
    mailbox = started(tls_context=tls, auth_required=True, authenticator=right_password)

    await send(transport(mailbox.port, verified_tls=True, user="plinth"))

    assert mailbox.newest(RECIPIENT)


@pytest.mark.usefixtures("trusted")
async def test_a_wrong_password_is_told_without_it(
    started: Callable[..., Mailbox], tls: ssl.SSLContext
) -> None:
    mailbox = started(tls_context=tls, auth_required=True, authenticator=right_password)
    way = transport(mailbox.port, verified_tls=True, user="plinth", password="not-the-password")

    with pytest.raises(MailError, match="SMTPAuthenticationError 535") as raised:
        await send(way)

    assert "not-the-password" not in str(raised.value)


async def test_a_server_that_is_away_is_told() -> None:
    with pytest.raises(MailError, match="SMTPConnectError"):
        await send(transport(free_port(), verified_tls=False))


async def test_without_a_server_nothing_can_be_sent() -> None:
    way = MailTransport(SmtpServer("", 587, "", "", verified_tls=True), Metrics())

    with pytest.raises(MailError, match="no SMTP server is configured"):
        await send(way)
