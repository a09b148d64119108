"""Sending a mail with a one-time token: what sign-up, recovery and all the others share."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from services.auth.errors import AuthError
from services.auth.mail.messages import EMAIL_CHANGE, EMAIL_CHANGE_CURRENT, Kind, compose
from services.auth.mail.transport import MailError
from services.auth.one_time_tokens import OneTimeToken, keep_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from services.auth.context import AuthContext
    from services.auth.mail.transport import MailSession
    from services.auth.models import User

logger = structlog.get_logger()


@asynccontextmanager
async def mail_session(context: AuthContext, kind: Kind) -> AsyncIterator[MailSession]:
    """A session with the SMTP server, opened before the transaction that the mail belongs to.

    Raises:
        AuthError: There were too many mails of late, the server cannot be used, or it refused a
            mail within the block.
    """
    context.rate_limits.check_mail()
    try:
        async with context.mail.session() as session:
            yield session
    except MailError as error:
        context.events.labels("mail_failed").inc()
        logger.warning("mail not sent", kind=kind.verification, reason=str(error))
        raise AuthError(500, "unexpected_failure", kind.failure) from error


async def issue_token(  # noqa: PLR0913  (what a mail is made of)
    connection: asyncpg.Connection,
    context: AuthContext,
    user: User,
    kind: Kind,
    *,
    recipient: str,
    pkce: bool = False,
) -> OneTimeToken:
    """Make a token for a mail to the recipient, and keep what is needed to recognise it."""
    token = context.tokens.new(recipient, code_length=context.settings.otp_length, pkce=pkce)
    kept = context.tokens.kept(token.link_token)
    await keep_token(connection, user.id, kind.kept_as, kept, recipient)
    return token


async def send_token(  # noqa: PLR0913  (what a mail is made of)
    connection: asyncpg.Connection,
    context: AuthContext,
    session: MailSession,
    user: User,
    kind: Kind,
    *,
    recipient: str,
    redirect_to: str,
    pkce: bool = False,
) -> None:
    """Send a mail with a new token, as the last step of the transaction that keeps the token.

    Raises:
        MailError: The server refused it; the transaction must not be kept.
    """
    token = await issue_token(connection, context, user, kind, recipient=recipient, pkce=pkce)
    message = compose(
        context.settings,
        context.templates[kind.template],
        kind,
        user,
        recipient=recipient,
        token=token,
        redirect_to=redirect_to,
    )
    await session.send(message)
    context.events.labels("mail_sent").inc()


async def send_email_change(  # noqa: PLR0913  (what the mails are made of)
    connection: asyncpg.Connection,
    context: AuthContext,
    session: MailSession,
    user: User,
    *,
    redirect_to: str,
    pkce: bool = False,
) -> None:
    """Ask the address that a user wants to confirm the change, and the present one too.

    The present address is asked where the settings say so and where there is one.

    Raises:
        MailError: The server refused a mail; the transaction must not be kept.
    """
    recipients = [(EMAIL_CHANGE, user.new_email)]
    if context.settings.secure_email_change and user.email:
        recipients.append((EMAIL_CHANGE_CURRENT, user.email))
    for kind, recipient in recipients:
        await send_token(
            connection,
            context,
            session,
            user,
            kind,
            recipient=recipient,
            redirect_to=redirect_to,
            pkce=pkce,
        )
