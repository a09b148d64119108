"""Requests for a mail with a link and a code: `/recover`, `/otp`, `/magiclink`, `/resend`.

They say nothing about who is registered. The SMTP session is opened in any case, so that a server
that is away is noticed for every address; the mail itself is written and sent after the answer.
`/otp` with `"create_user": false` tells all the same, as GoTrue's contract has it.
"""

import contextlib
from dataclasses import dataclass, field
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse

from services.auth import audit, store
from services.auth.bodies import Recovery, Resend, SignInByMail, body_of, documented
from services.auth.context import AuthContext, Context, Redirect, RequestClient
from services.auth.errors import AuthError, validation_failed
from services.auth.flow_state import Challenge, begin_flow, parse_challenge
from services.auth.mail.messages import EMAIL_CHANGE, MAGIC_LINK, RECOVERY, SIGN_UP, Kind
from services.auth.mail.transport import MailSession
from services.auth.models import User
from services.auth.one_time_tokens import SENT_AT
from services.auth.registration import add_email_user, new_email_user, with_claims
from services.auth.token_mails import mail_session, send_email_change, send_token
from services.auth.values import email_address, only_one_contact


async def _limited(context: Context, client: RequestClient) -> None:
    context.rate_limits.check("otp", client)


router = APIRouter(tags=["mails"], dependencies=[Depends(_limited)])


@dataclass(frozen=True)
class MailRequest:
    """A mail that somebody asks for.

    Attributes:
        kind: What it is.
        email: Address in lower case that the request names.
        redirect_to: Where its link leads.
        challenge: With PKCE, what the verifier will be compared with.
        register: Whether a user is added when nobody has the address.
        data: Metadata of a user who is added.
    """

    kind: Kind
    email: str
    redirect_to: str
    challenge: Challenge | None = None
    register: bool = False
    data: dict[str, Any] = field(default_factory=dict)


@router.post("/recover", openapi_extra=documented(Recovery))
async def recover(
    body: Annotated[Recovery, Depends(body_of(Recovery))], context: Context, redirect_to: Redirect
) -> JSONResponse:
    """Send a link and a code that sign in who has forgotten the password."""
    if not body.email:
        raise validation_failed("Password recovery requires an email")
    email = email_address(body.email)
    challenge = parse_challenge(body.code_challenge_method, body.code_challenge)
    user = await _find(context, email)
    request = MailRequest(RECOVERY, email, redirect_to, challenge)
    await _mail_after_answer(context, RECOVERY, request if user else None, user, email)
    return JSONResponse({})


@router.post("/otp", openapi_extra=documented(SignInByMail))
async def send_code(
    body: Annotated[SignInByMail, Depends(body_of(SignInByMail))],
    context: Context,
    redirect_to: Redirect,
) -> JSONResponse:
    """Send a link and a code that sign in; a new address is registered unless the body says not."""
    return await _sign_in_by_mail(body, context, redirect_to, create_user=body.create_user)


@router.post("/magiclink", openapi_extra=documented(SignInByMail))
async def send_magic_link(
    body: Annotated[SignInByMail, Depends(body_of(SignInByMail))],
    context: Context,
    redirect_to: Redirect,
) -> JSONResponse:
    """The older name of `/otp`."""
    return await _sign_in_by_mail(body, context, redirect_to, create_user=True)


async def _sign_in_by_mail(
    body: SignInByMail, context: AuthContext, redirect_to: str, *, create_user: bool
) -> JSONResponse:
    if error := only_one_contact(body.email, body.phone, action="verify"):
        raise error
    if body.phone:
        raise AuthError(400, "phone_provider_disabled", "Unsupported phone provider")
    if not body.email:
        raise validation_failed("One of email or phone must be set")
    if body.channel:
        raise validation_failed("Channel should only be specified with Phone OTP")
    if not context.settings.email_enabled:
        raise AuthError(422, "email_provider_disabled", "Email logins are disabled")
    email = email_address(body.email)
    challenge = parse_challenge(body.code_challenge_method, body.code_challenge)
    user = await _find(context, email)
    if user is None and not create_user:
        raise AuthError(422, "otp_disabled", "Signups not allowed for otp")
    if user is None and context.settings.disable_signup:
        raise AuthError(422, "signup_disabled", "Signups not allowed for this instance")
    request = MailRequest(
        SIGN_UP if user is None and not context.settings.mailer_autoconfirm else MAGIC_LINK,
        email,
        redirect_to,
        challenge,
        register=create_user,
        data=body.data,
    )
    await _mail_after_answer(context, MAGIC_LINK, request, user, email)
    return JSONResponse({})


@router.post("/resend", openapi_extra=documented(Resend))
async def resend(
    body: Annotated[Resend, Depends(body_of(Resend))], context: Context, redirect_to: Redirect
) -> JSONResponse:
    """Send the mail of a sign-up or of an address change once more."""
    kind = _resent_kind(body)
    if not context.settings.email_enabled:
        raise AuthError(400, "email_provider_disabled", "Email logins are disabled")
    email = email_address(body.email)
    user = await _find(context, email)
    waits = user is not None and (
        not user.is_confirmed if kind is SIGN_UP else bool(user.new_email)
    )
    request = MailRequest(kind, email, redirect_to) if waits else None
    await _mail_after_answer(context, kind, request, user, email)
    return JSONResponse({})


def _resent_kind(body: Resend) -> Kind:
    if body.type not in {"signup", "email_change", "sms", "phone_change"}:
        raise validation_failed(
            "Missing one of these types: signup, email_change, sms, phone_change"
        )
    if body.email and body.phone:
        raise validation_failed("Only an email address or phone number should be provided.")
    if body.type in {"sms", "phone_change"} or body.phone:
        raise AuthError(400, "phone_provider_disabled", "Phone logins are disabled")
    if not body.email:
        raise validation_failed("Type provided requires an email address")
    return SIGN_UP if body.type == "signup" else EMAIL_CHANGE


async def _find(context: AuthContext, email: str) -> User | None:
    async with context.database.connection("find_user") as connection:
        return await store.load_user_by_email(connection, email, context.settings.jwt_audience)


async def _mail_after_answer(
    context: AuthContext,
    asked_for: Kind,
    request: MailRequest | None,
    user: User | None,
    email: str,
) -> None:
    """Check what can be checked before the answer, and leave the mail for afterwards.

    Args:
        context: The service's parts.
        asked_for: What the endpoint stands for. Refusals are worded and counted by it, so that they
            do not depend on who has the address.
        request: The mail; None when none is to be sent.
        user: Who has the address.
        email: Address in lower case.

    Raises:
        AuthError: A mail was sent a moment ago, or the SMTP server is away.
    """
    context.frequency.check_request(email, SENT_AT[asked_for.kept_as])
    if user is not None and request is not None:
        context.frequency.check(user, SENT_AT[request.kind.kept_as])
    stack = contextlib.AsyncExitStack()
    session = await stack.enter_async_context(mail_session(context, asked_for))
    context.frequency.count_request(email, SENT_AT[asked_for.kept_as])
    context.background.start(
        _write_and_send(context, stack, session, request), name=f"mail {asked_for.verification}"
    )


async def _write_and_send(
    context: AuthContext,
    stack: contextlib.AsyncExitStack,
    session: MailSession,
    request: MailRequest | None,
) -> None:
    """Send the mail, and end the SMTP session. A failure has been logged where it happened."""
    with contextlib.suppress(AuthError):
        async with stack:
            if request is None:
                return
            async with context.database.transaction("mail") as connection:
                user = await _recipient(connection, context, request)
                if user is not None:
                    await _send(connection, context, session, user, request)


async def _recipient(
    connection: asyncpg.Connection, context: AuthContext, request: MailRequest
) -> User | None:
    """The user whom the mail is for, locked; a new one where the request asks for it.

    Raises:
        AuthError: A mail was sent since the request was checked.
    """
    settings = context.settings
    await store.reserve_contact(connection, request.email)
    user = await store.load_user_by_email(connection, request.email, settings.jwt_audience)
    if user is None:
        return await _register(connection, context, request) if request.register else None
    await store.lock_user(connection, user.id)
    user = await store.existing_user(connection, user.id)
    context.frequency.check(user, SENT_AT[request.kind.kept_as])
    return user


async def _register(
    connection: asyncpg.Connection, context: AuthContext, request: MailRequest
) -> User:
    new_user = with_claims(new_email_user(context.settings, request.email, request.data))
    user = await add_email_user(connection, new_user, new_user.user_metadata)
    if context.settings.mailer_autoconfirm:
        traits = {"provider": "email"}
        await audit.add_audit_entry(connection, "user_signedup", actor=user, traits=traits)
        await store.confirm_email(connection, user.id)
    return await store.existing_user(connection, user.id)


async def _send(
    connection: asyncpg.Connection,
    context: AuthContext,
    session: MailSession,
    user: User,
    request: MailRequest,
) -> None:
    await audit.add_audit_entry(connection, request.kind.action, actor=user)
    if request.kind is EMAIL_CHANGE:
        if not user.new_email:
            return  # confirmed since the request was checked
        await send_email_change(connection, context, session, user, redirect_to=request.redirect_to)
        return
    if request.challenge is not None:
        await begin_flow(connection, user.id, request.kind.method, request.challenge)
    await send_token(
        connection,
        context,
        session,
        user,
        request.kind,
        recipient=request.email,
        redirect_to=request.redirect_to,
        pkce=request.challenge is not None,
    )
