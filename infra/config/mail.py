"""How mails leave: a sink in development, any SMTP server."""

from __future__ import annotations

from infra.config.section import Section
from infra.config.values import EmailAddress, Port, Secret


class Mail(Section):
    """A mail sink that keeps what would have been sent. For development and tests."""

    enabled: bool = False
    """Whether it runs."""

    port: Port = 8025
    """Port of its web page on the host's loopback address."""


class Smtp(Section):
    """The server that sends mails: confirmations, recovery, invitations."""

    host: str | None = None
    """Its name. None: mails go to the mail sink where it runs, and cannot be sent where not."""

    port: Port = 587
    """465 encrypts from the first byte; any other port by STARTTLS."""

    user: str = ""
    """Whom to sign in as; empty for a server that asks for no sign-in."""

    password: Secret | None = None
    """Only as a secret: `pulumi config set --secret --path plinth:smtp.password`."""

    sender_address: EmailAddress | None = None
    """Address that mails come from. Needed with `host`."""

    sender_name: str = "Plinth"
    """Name that mails come from."""

    verified_tls: bool = True
    """Whether the connection must be encrypted and the server's certificate be valid."""
