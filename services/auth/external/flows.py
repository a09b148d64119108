"""Sign-ins with a provider that are under way: their rows in `auth.flow_state`.

A row is made before the browser leaves for the provider, and removed when it comes back, so a state
is good once. Where the client uses PKCE, another row then keeps its code until it is exchanged.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.auth.flow_state import Challenge, digest_of

if TYPE_CHECKING:
    import datetime as dt

    import asyncpg

METHOD: Final = "oauth"
"""How a session counts as authenticated."""

_MOST_REMOVED = 200


@dataclass(frozen=True)
class ExternalFlow:
    """A sign-in that is under way at a provider.

    Attributes:
        provider: Name of the provider.
        redirect_to: Where the browser shall end.
        challenge: The client's; None when it uses no PKCE.
        linking_target: The signed-in user who links an identity; None for a sign-in.
    """

    provider: str
    redirect_to: str
    challenge: Challenge | None
    linking_target: uuid.UUID | None


async def begin_external_flow(
    connection: asyncpg.Connection, flow: ExternalFlow, lifetime: dt.timedelta
) -> uuid.UUID:
    """Remember a sign-in until the browser comes back. Returns the id of its row.

    Rows that nobody has come back for are removed: anyone can make them.
    """
    await connection.execute(
        """delete from auth.flow_state where id in (
             select id from auth.flow_state
             where authentication_method = $1
               and coalesce(auth_code_issued_at, created_at) < now() - $2::interval * 2
             order by created_at limit $3 for update skip locked
           )""",
        METHOD,
        lifetime,
        _MOST_REMOVED,
    )
    flow_id = uuid.uuid4()
    await connection.execute(
        """insert into auth.flow_state (
             id, provider_type, authentication_method, referrer, linking_target_id,
             code_challenge_method, code_challenge, created_at, updated_at
           ) values ($1, $2, $3, $4, $5, $6::text::auth.code_challenge_method, $7, now(), now())""",
        flow_id,
        flow.provider,
        METHOD,
        flow.redirect_to,
        flow.linking_target,
        flow.challenge.method if flow.challenge else None,
        flow.challenge.value if flow.challenge else None,
    )
    return flow_id


async def take_external_flow(
    connection: asyncpg.Connection, flow_id: uuid.UUID, lifetime: dt.timedelta
) -> ExternalFlow | None:
    """The sign-in of a row, which is removed; None when it has been taken or is too old."""
    row = await connection.fetchrow(
        """delete from auth.flow_state
           where id = $1 and authentication_method = $2
           returning provider_type, referrer, linking_target_id, code_challenge,
                     code_challenge_method::text, created_at <= now() - $3::interval as has_expired
        """,
        flow_id,
        METHOD,
        lifetime,
    )
    if row is None or row["has_expired"]:
        return None
    return ExternalFlow(
        provider=row["provider_type"],
        redirect_to=row["referrer"] or "",
        challenge=(
            Challenge(row["code_challenge_method"], row["code_challenge"])
            if row["code_challenge"]
            else None
        ),
        linking_target=row["linking_target_id"],
    )


async def keep_code(  # noqa: PLR0913  (one row)
    connection: asyncpg.Connection,
    user_id: uuid.UUID,
    code: str,
    provider: str,
    challenge: Challenge,
    *,
    sealed_access_token: str,
    sealed_refresh_token: str,
) -> None:
    """Keep a code's digest until the client exchanges it, and sealed tokens of the provider."""
    await connection.execute(
        """insert into auth.flow_state (
             id, user_id, auth_code, auth_code_issued_at, provider_type, authentication_method,
             code_challenge_method, code_challenge, provider_access_token, provider_refresh_token,
             created_at, updated_at
           ) values (
             gen_random_uuid(), $1, $2, now(), $3, $4, $5::text::auth.code_challenge_method, $6,
             $7, nullif($8, ''), now(), now()
           )""",
        user_id,
        digest_of(code),
        provider,
        METHOD,
        challenge.method,
        challenge.value,
        sealed_access_token,
        sealed_refresh_token,
    )
