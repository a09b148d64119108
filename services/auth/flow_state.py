"""Sign-ins with PKCE (RFC 7636) that are under way: the SQL of `auth.flow_state`.

A client sends a challenge, gets a code by the link of a mail, and exchanges it together with the
verifier. The table keeps the challenge and the SHA-256 digest of the code; GoTrue keeps the code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from services.auth.errors import AuthError, validation_failed

if TYPE_CHECKING:
    import datetime as dt

    import asyncpg

    from services.auth.sessions import AuthenticationMethod

ChallengeMethod = Literal["s256", "plain"]

_CHALLENGE = re.compile(r"[a-zA-Z0-9._~-]*", re.ASCII)
_SHORTEST_CHALLENGE, _LONGEST_CHALLENGE = 43, 128  # RFC 7636, section 4.2


@dataclass(frozen=True)
class Challenge:
    """What a client's verifier will be compared with."""

    method: ChallengeMethod
    value: str


@dataclass(frozen=True)
class FlowState:
    """A sign-in whose code has been handed out."""

    id: uuid.UUID
    user_id: uuid.UUID
    provider_type: str
    authentication_method: AuthenticationMethod
    challenge: Challenge
    has_expired: bool
    provider_access_token: str = field(default="", repr=False)
    """Of a sign-in with a provider; sealed by the code."""
    provider_refresh_token: str = field(default="", repr=False)


def parse_challenge(method: str, value: str) -> Challenge | None:
    """Challenge of a request; None when it asks for no PKCE.

    Raises:
        AuthError: One of both is missing or not acceptable.
    """
    if not method and not value:
        return None
    if not method or not value:
        raise validation_failed("PKCE flow requires code_challenge_method and code_challenge")
    if not _SHORTEST_CHALLENGE <= len(value) <= _LONGEST_CHALLENGE:
        raise validation_failed(
            f"code challenge has to be between {_SHORTEST_CHALLENGE} and {_LONGEST_CHALLENGE} "
            "characters"
        )
    if not _CHALLENGE.fullmatch(value):
        raise validation_failed(
            "code challenge can only contain alphanumeric characters, hyphens, periods, "
            "underscores and tildes"
        )
    lower = method.lower()
    if lower == "s256":
        return Challenge("s256", value)
    if lower == "plain":
        return Challenge("plain", value)
    raise validation_failed(f"unsupported code_challenge method {method[:32]!r}")


def check_verifier(challenge: Challenge, verifier: str) -> None:
    """Return when the verifier belongs to the challenge.

    Raises:
        AuthError: It does not.
    """
    answer = verifier
    if challenge.method == "s256":
        digest = hashlib.sha256(verifier.encode()).digest()
        answer = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if not hmac.compare_digest(answer.encode(), challenge.value.encode()):
        raise AuthError(
            400,
            "bad_code_verifier",
            "code challenge does not match previously saved code verifier",
        )


async def begin_flow(
    connection: asyncpg.Connection,
    user_id: uuid.UUID,
    method: AuthenticationMethod,
    challenge: Challenge,
) -> None:
    """Remember a challenge until the user opens the link. It replaces an older one of its kind."""
    await connection.execute(
        "delete from auth.flow_state where user_id = $1 and authentication_method = $2",
        user_id,
        method,
    )
    await connection.execute(
        """insert into auth.flow_state (
             id, user_id, code_challenge_method, code_challenge, provider_type,
             authentication_method, created_at, updated_at
           ) values (
             gen_random_uuid(), $1, $2::text::auth.code_challenge_method, $3, $4, $4, now(), now()
           )""",
        user_id,
        challenge.method,
        challenge.value,
        method,
    )


async def issue_code(
    connection: asyncpg.Connection, user_id: uuid.UUID, method: AuthenticationMethod
) -> str:
    """Code for the user's sign-in that is under way.

    Raises:
        AuthError: There is none.
    """
    code = str(uuid.uuid4())
    found = await connection.fetchval(
        """update auth.flow_state
           set auth_code = $3, auth_code_issued_at = now(), updated_at = now()
           where user_id = $1 and authentication_method = $2 returning true""",
        user_id,
        method,
        digest_of(code),
    )
    if not found:
        raise AuthError(400, "flow_state_not_found", "No valid flow state found for user.")
    return code


async def find_flow(
    connection: asyncpg.Connection, code: str, lifetime: dt.timedelta
) -> FlowState | None:
    """The sign-in that a code belongs to; other requests with the same code wait for this one.

    Args:
        connection: A transaction.
        code: As it was handed out.
        lifetime: How long a code can be exchanged.
    """
    row = await connection.fetchrow(
        """select id, user_id, provider_type, authentication_method,
                  code_challenge_method::text, code_challenge,
                  provider_access_token, provider_refresh_token,
                  auth_code_issued_at <= now() - $2::interval as has_expired
           from auth.flow_state
           where auth_code = $1 and user_id is not null and code_challenge is not null
           for update""",
        digest_of(code),
        lifetime,
    )
    if row is None:
        return None
    return FlowState(
        id=row["id"],
        user_id=row["user_id"],
        provider_type=row["provider_type"],
        authentication_method=row["authentication_method"],
        challenge=Challenge(row["code_challenge_method"], row["code_challenge"]),
        has_expired=row["has_expired"],
        provider_access_token=row["provider_access_token"] or "",
        provider_refresh_token=row["provider_refresh_token"] or "",
    )


async def end_flow(connection: asyncpg.Connection, flow_id: uuid.UUID) -> None:
    """Forget a sign-in: its code cannot be used again."""
    await connection.execute("delete from auth.flow_state where id = $1", flow_id)


def digest_of(code: str) -> str:
    """What the database keeps of a code.

    Nobody can guess a random UUID: no key and no salt are needed.
    """
    return hashlib.sha256(code.encode()).hexdigest()
