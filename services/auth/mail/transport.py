"""The way to the SMTP server.

A session is opened before anything is looked up or written. A server that is away is therefore
noticed for a known and an unknown address alike, no database connection waits for its greeting,
and what is left for the end of a transaction is one short exchange.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiosmtplib

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from email.message import EmailMessage

    from services.shared.metrics import Metrics

DEPENDENCY = "smtp"

_IMPLICIT_TLS_PORT = 465
# Together less than the gateway waits; sending, less than a transaction may last.
_LONGEST_WAIT_SECONDS = 2.0  # for a place
_LONGEST_GREETING_SECONDS = 5.0  # connection, encryption and sign-in
_LONGEST_SENDING_SECONDS = 5.0
_MOST_SESSIONS = 8  # fewer than connections to the database


class MailError(Exception):
    """A mail cannot be sent now; the message says why, without addresses."""


@dataclass(frozen=True)
class SmtpServer:
    """Where mails go, and from whom.

    Attributes:
        host: Empty when there is no server.
        verified_tls: Whether the connection must be encrypted and the certificate be valid.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    verified_tls: bool


class MailSession:
    """An open, signed-in SMTP session."""

    def __init__(self, client: aiosmtplib.SMTP, metrics: Metrics) -> None:
        self._client = client
        self._metrics = metrics

    async def send(self, message: EmailMessage) -> None:
        """Hand a message over.

        Raises:
            MailError: The server refused it or went away.
        """
        try:
            with self._metrics.dependency(DEPENDENCY, "send"):
                async with asyncio.timeout(_LONGEST_SENDING_SECONDS):
                    await self._client.send_message(message)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise MailError(_reason(error)) from error


class MailTransport:
    """Opens sessions with the SMTP server, a bounded number at a time."""

    def __init__(self, server: SmtpServer, metrics: Metrics) -> None:
        self._server = server
        self._metrics = metrics
        self._places = asyncio.Semaphore(_MOST_SESSIONS)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[MailSession]:
        """An open session; it is closed after the block.

        Raises:
            MailError: There is no server, it does not answer, or it refuses the sign-in.
        """
        if not self._server.host:
            raise MailError("no SMTP server is configured")
        try:
            async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise MailError("too many mails are under way") from None
        try:
            client = await self._connected()
            try:
                yield MailSession(client, self._metrics)
            finally:
                await _leave(client)
        finally:
            self._places.release()

    async def _connected(self) -> aiosmtplib.SMTP:
        server = self._server
        implicit_tls = server.port == _IMPLICIT_TLS_PORT
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user or None,
            password=server.password or None,
            timeout=_LONGEST_SENDING_SECONDS,
            use_tls=implicit_tls,
            # None would go on in the clear where the server, or somebody in between, offers no TLS.
            start_tls=server.verified_tls and not implicit_tls,
            validate_certs=True,
        )
        try:
            with self._metrics.dependency(DEPENDENCY, "connect"):
                async with asyncio.timeout(_LONGEST_GREETING_SECONDS):
                    await client.connect()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            client.close()
            raise MailError(_reason(error)) from error
        return client


async def _leave(client: aiosmtplib.SMTP) -> None:
    try:
        await client.quit()
    except (aiosmtplib.SMTPException, OSError):
        client.close()  # it has gone already; what was sent is sent


def _reason(error: Exception) -> str:
    """Kind of failure and the server's reply code; never its text, which may quote addresses."""
    code = getattr(error, "code", None)
    return f"{type(error).__name__} {code}" if isinstance(code, int) else type(error).__name__
