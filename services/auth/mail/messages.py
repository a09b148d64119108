"""The kinds of mails with a one-time token, and the message of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, urljoin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.auth.audit import AuditAction
    from services.auth.mail.templates import Template, TemplateName
    from services.auth.models import User
    from services.auth.one_time_tokens import OneTimeToken, TokenType
    from services.auth.sessions import AuthenticationMethod
    from services.auth.settings import AuthSettings


@dataclass(frozen=True)
class Kind:
    """One kind of mail.

    Attributes:
        verification: The `type` of its link.
        template: What it says.
        kept_as: What the database keeps its token as.
        path: Setting that names the path of its link; empty when it has no link.
        method: How a session counts as authenticated that its code is exchanged for, with PKCE.
        action: What the audit log calls asking for it.
        failure: What a client is told when it cannot be sent.
    """

    verification: str
    template: TemplateName
    kept_as: TokenType
    path: str
    method: AuthenticationMethod
    action: AuditAction
    failure: str


SIGN_UP = Kind(
    verification="signup",
    template="confirmation",
    kept_as="confirmation_token",
    path="confirmation_path",
    method="email/signup",
    action="user_confirmation_requested",
    failure="Error sending confirmation email",
)
INVITE = Kind(
    verification="invite",
    template="invite",
    kept_as="confirmation_token",
    path="invite_path",
    method="invite",
    action="user_invited",
    failure="Error sending invite email",
)
RECOVERY = Kind(
    verification="recovery",
    template="recovery",
    kept_as="recovery_token",
    path="recovery_path",
    method="recovery",
    action="user_recovery_requested",
    failure="Error sending recovery email",
)
MAGIC_LINK = Kind(
    verification="magiclink",
    template="magic_link",
    kept_as="recovery_token",
    path="recovery_path",
    method="magiclink",
    action="user_recovery_requested",
    failure="Error sending magic link email",
)
EMAIL_CHANGE = Kind(
    verification="email_change",
    template="email_change",
    kept_as="email_change_token_new",
    path="email_change_path",
    method="email_change",
    action="user_modified",
    failure="Error sending email change email",
)
EMAIL_CHANGE_CURRENT = replace(EMAIL_CHANGE, kept_as="email_change_token_current")
REAUTHENTICATION = Kind(
    verification="reauthentication",
    template="reauthentication",
    kept_as="reauthentication_token",
    path="",
    method="otp",
    action="user_reauthenticate_requested",
    failure="Error sending reauthentication email",
)
LINKS = {kind.verification: kind for kind in (SIGN_UP, INVITE, RECOVERY, MAGIC_LINK, EMAIL_CHANGE)}
"""Kinds of mails with a link, by the `type` of the link."""


def action_link(settings: AuthSettings, kind: Kind, link_token: str, redirect_to: str) -> str:
    """Link of a mail: the path of its kind on the service's public address."""
    path: str = getattr(settings, kind.path)
    query = f"token={link_token}&type={kind.verification}&redirect_to={_in_query(redirect_to)}"
    return urljoin(str(settings.api_external_url), f"{path}?{query}")


def _in_query(address: str) -> str:
    """The address as it is where a query can hold it, as GoTrue writes it, or else encoded."""
    return quote_plus(address) if set(address) & set("&=#+%") or not address.isascii() else address


def compose(  # noqa: PLR0913  (what a mail is made of)
    settings: AuthSettings,
    template: Template,
    kind: Kind,
    user: User,
    *,
    recipient: str,
    token: OneTimeToken,
    redirect_to: str,
) -> EmailMessage:
    """The mail to the recipient, with an HTML part and, where the template has one, a text part."""
    values: Mapping[str, str] = {
        "ConfirmationURL": (
            action_link(settings, kind, token.link_token, redirect_to) if kind.path else ""
        ),
        "Email": user.email,
        "NewEmail": user.new_email,
        "RedirectTo": redirect_to,
        "SendingTo": recipient,
        "SiteURL": settings.site,
        "Token": token.code,
        "TokenHash": token.link_token if kind.path else "",
    }
    content = template.render(values, user.user_metadata)
    message = EmailMessage(policy=SMTP)
    message["Subject"] = content.subject
    message["From"] = Address(settings.smtp_sender_name, addr_spec=settings.smtp_admin_email)
    message["To"] = recipient
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=settings.smtp_admin_email.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    if content.text is None:
        message.set_content(content.html, subtype="html")
    else:
        message.set_content(content.text)
        message.add_alternative(content.html, subtype="html")
    return message
