"""An SMTP server of the tests' own: it keeps what it is given, and refuses what it is told to."""

from __future__ import annotations

import email
import email.policy
import re
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiosmtpd.controller import Controller

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

    from aiosmtpd.smtp import SMTP, Envelope, Session

ARRIVES_WITHIN_SECONDS = 10
REFUSED_DOMAIN = "refused.example"
SENDER = "admin@example.com"


@dataclass(frozen=True)
class Mail:
    """One mail, as its reader sees it."""

    recipient: str
    message: EmailMessage = field(repr=False)

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None, f"the mail has no {kind} part"
        content: str = part.get_content()
        return content

    @property
    def html(self) -> str:
        return self._part("html")

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def subject(self) -> str:
        return str(self.message["subject"])

    @property
    def link(self) -> str:
        """The only link of the text part."""
        (link,) = re.findall(r"https?://\S+/verify\?\S+", self.text)
        found: str = link
        return found

    @property
    def token(self) -> str:
        """The token of the link."""
        return parse_qs(urlsplit(self.link).query)["token"][0]

    @property
    def path(self) -> str:
        """The link as the service sees it."""
        parts = urlsplit(self.link)
        return f"{parts.path}?{parts.query}"

    @property
    def code(self) -> str:
        """The code to type in."""
        (code,) = re.findall(r"\b\d{6}\b", self.text)
        found: str = code
        return found


class Mailbox:
    """A running server. `port` is where it listens on 127.0.0.1."""

    def __init__(self, port: int, **options: Any) -> None:
        self.port = port
        self._mails: list[Mail] = []
        self._under_way: dict[Session, list[Mail]] = {}
        self.secured_sessions = 0
        self._controller = Controller(self, hostname="127.0.0.1", port=port, **options)

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def to(self, address: str) -> list[Mail]:
        """Mails to an address so far, the oldest first."""
        return [mail for mail in self._mails if mail.recipient == address]

    def newest(self, address: str, *, number: int = 1) -> Mail:
        """The newest mail to an address, once there are as many as `number` says."""
        self._wait(lambda: len(self.to(address)) >= number, f"{number} mails to {address}")
        return self.to(address)[-1]

    @staticmethod
    def _wait(happened: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + ARRIVES_WITHIN_SECONDS
        while not happened():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {ARRIVES_WITHIN_SECONDS} seconds: {what}")
            time.sleep(0.02)

    async def handle_RCPT(  # noqa: N802  (the name that aiosmtpd calls)
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if address.endswith(f"@{REFUSED_DOMAIN}"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  (the name that aiosmtpd calls)
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        if isinstance(session.ssl, dict):
            self.secured_sessions += 1
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        mails = [Mail(recipient, message) for recipient in envelope.rcpt_tos]
        self._under_way.setdefault(session, []).extend(mails)
        return "250 kept"

    async def handle_QUIT(  # noqa: N802  (the name that aiosmtpd calls)
        self, _server: SMTP, session: Session, _envelope: Envelope
    ) -> str:
        # The sender leaves once its transaction is committed: only then can a link be followed.
        self._mails.extend(self._under_way.pop(session, []))
        return "221 bye"


def server_tls(certificate: str, key: str) -> ssl.SSLContext:
    """What a server presents."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
