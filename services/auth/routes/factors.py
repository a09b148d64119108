"""`/factors`: second factors of the signed-in user. TOTP is the one that is offered."""

import datetime as dt
import uuid
from typing import Annotated
from urllib.parse import urlsplit

import asyncpg
from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse

from services.auth import audit, factor_store, sessions, store
from services.auth.access_tokens import token_answer
from services.auth.bodies import FactorEnrolment, FactorVerification, body_of, documented
from services.auth.context import AuthContext, Caller, Context, RequestClient, SignedIn
from services.auth.errors import AuthError, validation_failed
from services.auth.models import Client, Factor, Session, User
from services.auth.totp import accepted_step, new_secret, provisioning_uri, qr_code

router = APIRouter(tags=["factors"])

_LONGEST_NAME = 255


def _insufficient_aal(status: int, message: str) -> AuthError:
    return AuthError(status, "insufficient_aal", message)


async def _factor_id(_caller: SignedIn, factor_id: str) -> uuid.UUID:
    try:
        return uuid.UUID(factor_id)
    except ValueError:
        raise validation_failed("factor_id must be an UUID", status=404) from None


FactorId = Annotated[uuid.UUID, Depends(_factor_id)]


def _session_of(caller: Caller) -> Session:
    if caller.session is None:
        raise AuthError(403, "session_not_found", "Second factors need a session")
    return caller.session


@router.post("/factors", openapi_extra=documented(FactorEnrolment))
async def enrol(
    caller: SignedIn,
    body: Annotated[FactorEnrolment, Depends(body_of(FactorEnrolment))],
    context: Context,
) -> JSONResponse:
    """Begin a second factor: the answer has the secret as text, as an address and as a QR code."""
    session = _session_of(caller)
    _check_enrolment(body, context)
    secret = new_secret()
    async with context.database.transaction("factor_enrol") as connection:
        user = await store.lock_user(connection, caller.user.id) or caller.user
        _check_room(user, session, body.friendly_name, context)
        factor_id = await factor_store.insert_factor(
            connection, user.id, body.friendly_name, secret
        )
        traits = {"factor_id": str(factor_id)}
        await audit.add_audit_entry(connection, "factor_in_progress", actor=user, traits=traits)
    context.events.labels("factor_enrolled").inc()
    issuer = body.issuer or urlsplit(context.settings.site).netloc
    uri = provisioning_uri(secret, issuer=issuer, account=user.email)
    return JSONResponse(
        {
            "id": str(factor_id),
            "type": "totp",
            "friendly_name": body.friendly_name,
            "totp": {"qr_code": qr_code(uri), "secret": secret, "uri": uri},
        },
        headers={"Cache-Control": "no-store"},
    )


def _check_enrolment(body: FactorEnrolment, context: AuthContext) -> None:
    disabled = {
        "phone": ("mfa_phone_enroll_not_enabled", "MFA enroll is disabled for Phone"),
        "webauthn": ("mfa_webauthn_enroll_not_enabled", "MFA enroll is disabled for WebAuthn"),
    }
    if not context.settings.totp_enroll_enabled:
        disabled["totp"] = ("mfa_totp_enroll_not_enabled", "MFA enroll is disabled for TOTP")
    if body.factor_type in disabled:
        code, message = disabled[body.factor_type]
        raise AuthError(422, code, message)
    if body.factor_type != "totp":
        raise validation_failed("factor_type needs to be totp, phone, or webauthn")
    if max(len(body.friendly_name), len(body.issuer)) > _LONGEST_NAME:
        raise validation_failed(f"A name may have at most {_LONGEST_NAME} characters")


def _check_room(user: User, session: Session, name: str, context: AuthContext) -> None:
    verified = [factor for factor in user.factors if factor.is_verified]
    if any(factor.friendly_name == name for factor in user.factors):
        raise AuthError(
            422,
            "mfa_factor_name_conflict",
            f'A factor with the friendly name "{name}" for this user already exists',
        )
    settings = context.settings
    if (
        len(user.factors) >= settings.mfa_most_enrolled_factors
        or len(verified) >= settings.mfa_most_verified_factors
    ):
        raise AuthError(
            422,
            "too_many_enrolled_mfa_factors",
            "Maximum number of verified factors reached, unenroll to continue",
        )
    if verified and session.aal == "aal1":
        raise _insufficient_aal(403, "AAL2 required to enroll a new factor")


@router.post("/factors/{factor_id}/challenge")
async def challenge(
    caller: SignedIn, factor_id: FactorId, context: Context, client: RequestClient
) -> JSONResponse:
    """Begin a challenge, to be answered with a code of the authenticator."""
    context.rate_limits.check("challenge", client)
    async with context.database.transaction("factor_challenge") as connection:
        factor = await _load(connection, caller, factor_id)
        _check_verifiable(factor, context)
        begun = await factor_store.insert_challenge(connection, factor.id, client)
        traits = {"factor_id": str(factor.id), "factor_status": factor.status}
        await audit.add_audit_entry(
            connection, "challenge_created", actor=caller.user, traits=traits
        )
    expires_at = begun.created_at + _challenge_lifetime(context)
    return JSONResponse(
        {"id": str(begun.id), "type": factor.factor_type, "expires_at": int(expires_at.timestamp())}
    )


@router.post("/factors/{factor_id}/verify", openapi_extra=documented(FactorVerification))
async def verify(
    caller: SignedIn,
    factor_id: FactorId,
    body: Annotated[FactorVerification, Depends(body_of(FactorVerification))],
    context: Context,
    client: RequestClient,
) -> JSONResponse:
    """Answer a challenge: the session then counts as one with a second factor (aal2).

    The first time verifies the factor. Sessions of the user without a second factor end.
    """
    session = _session_of(caller)
    context.rate_limits.check("challenge", client)
    # Outside of the transaction that a wrong code undoes.
    async with context.database.connection("count_attempt") as connection:
        attempt = await context.attempts.begin_for_user(connection, "totp", caller.user.id, client)
    async with context.database.transaction("factor_verify") as connection:
        # Of several requests with one code, the others wait here and then see that it is used.
        await store.lock_user(connection, caller.user.id)
        factor = await _load(connection, caller, factor_id)
        _check_verifiable(factor, context)
        if not body.code:
            raise validation_failed("Code needs to be non-empty")
        answered = await _open_challenge(connection, context, factor, body.challenge_id, client)
        step = accepted_step(factor.secret, body.code)
        if step is None or await factor_store.is_used(connection, factor.id, step):
            context.events.labels("factor_refused").inc()
            raise AuthError(422, "mfa_verification_failed", "Invalid TOTP code entered")
        traits = {
            "challenge_id": str(answered.id),
            "factor_id": str(factor.id),
            "factor_type": factor.factor_type,
        }
        await audit.add_audit_entry(
            connection, "verification_attempted", actor=caller.user, traits=traits
        )
        await context.attempts.succeed(connection, attempt)
        await factor_store.answer_challenge(connection, answered.id, step)
        await factor_store.verify_factor(connection, factor)
        refresh_token = await sessions.raise_session(
            connection, context.refresh_tokens, session, factor.id
        )
        await sessions.end_sessions_without_second_factor(connection, caller.user.id)
        raised = await sessions.load_session(connection, session.id)
        user = await store.existing_user(connection, caller.user.id)
        answer = await token_answer(
            connection,
            context,
            user,
            raised or session,
            refresh_token,
            method="totp",
            client=client,
        )
    context.events.labels("factor_verified").inc()
    return JSONResponse(answer)


@router.delete("/factors/{factor_id}")
async def unenrol(caller: SignedIn, factor_id: FactorId, context: Context) -> JSONResponse:
    """Remove a factor. A verified one can only be removed in a session that has shown it."""
    session = _session_of(caller)
    async with context.database.transaction("factor_unenrol") as connection:
        await store.lock_user(connection, caller.user.id)
        factor = await _load(connection, caller, factor_id)
        if factor.is_verified and session.aal == "aal1":
            raise _insufficient_aal(422, "AAL2 required to unenroll verified factor")
        await factor_store.delete_factor(connection, factor.id)
        traits = {
            "factor_id": str(factor.id),
            "factor_status": factor.status,
            "session_id": str(session.id),
        }
        await audit.add_audit_entry(
            connection, "factor_unenrolled", actor=caller.user, traits=traits
        )
        await sessions.lower_sessions(connection, factor.id)
    context.events.labels("factor_unenrolled").inc()
    return JSONResponse({"id": str(factor.id)})


async def _load(connection: asyncpg.Connection, caller: Caller, factor_id: uuid.UUID) -> Factor:
    factor = await factor_store.load_factor(connection, caller.user.id, factor_id)
    if factor is None:
        raise AuthError(404, "mfa_factor_not_found", "Factor not found")
    return factor


def _check_verifiable(factor: Factor, context: AuthContext) -> None:
    if factor.factor_type != "totp" or not context.settings.totp_verify_enabled:
        raise AuthError(422, "mfa_totp_verify_not_enabled", "MFA verification is disabled for TOTP")


async def _open_challenge(
    connection: asyncpg.Connection,
    context: AuthContext,
    factor: Factor,
    challenge_id: str,
    client: Client,
) -> factor_store.FactorChallenge:
    """The challenge that a code answers.

    Raises:
        AuthError: There is none, it is answered, too old, or was begun from another address.
    """
    try:
        found = await factor_store.load_challenge(connection, factor.id, uuid.UUID(challenge_id))
    except ValueError:
        found = None
    if found is None:
        raise AuthError(
            422, "mfa_factor_not_found", "MFA factor with the provided challenge ID not found"
        )
    if found.is_answered or str(found.address) != (client.address or "0.0.0.0"):  # noqa: S104  (not known)
        raise AuthError(
            422, "mfa_ip_address_mismatch", "Challenge and verify IP addresses mismatch."
        )
    if dt.datetime.now(dt.UTC) > found.created_at + _challenge_lifetime(context):
        raise AuthError(
            422,
            "mfa_challenge_expired",
            f"MFA challenge {found.id} has expired, verify against another challenge or create a "
            "new challenge.",
        )
    return found


def _challenge_lifetime(context: AuthContext) -> dt.timedelta:
    return dt.timedelta(seconds=context.settings.mfa_challenge_seconds)
