"""The SQL of second factors and their challenges (`auth.mfa_factors`, `auth.mfa_challenges`).

A TOTP challenge has no code of its own. Once it is answered, its column `otp_code` holds the time
step that was accepted, so that a code is accepted once.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.auth.models import Factor

if TYPE_CHECKING:
    import datetime as dt
    import uuid

    import asyncpg

    from services.auth.models import Client

_NO_ADDRESS = ipaddress.ip_address("0.0.0.0")  # noqa: S104  (an address that is not known)
_KEPT_CHALLENGES = "1 hour"


@dataclass(frozen=True)
class FactorChallenge:
    """One row of `auth.mfa_challenges`."""

    id: uuid.UUID
    created_at: dt.datetime
    is_answered: bool
    address: ipaddress.IPv4Address | ipaddress.IPv6Address


async def insert_factor(
    connection: asyncpg.Connection, user_id: uuid.UUID, friendly_name: str, secret: str
) -> uuid.UUID:
    """Add a TOTP factor that is not verified yet. Returns its id."""
    factor_id: uuid.UUID = await connection.fetchval(
        """insert into auth.mfa_factors (
             id, user_id, friendly_name, factor_type, status, secret, created_at, updated_at
           ) values (gen_random_uuid(), $1, $2, 'totp', 'unverified', $3, now(), now())
           returning id""",
        user_id,
        friendly_name,
        secret,
    )
    return factor_id


async def load_factor(
    connection: asyncpg.Connection, user_id: uuid.UUID, factor_id: uuid.UUID
) -> Factor | None:
    """A factor of the user."""
    row = await connection.fetchrow(
        "select * from auth.mfa_factors where id = $1 and user_id = $2", factor_id, user_id
    )
    return None if row is None else Factor.from_record(row)


async def verify_factor(connection: asyncpg.Connection, factor: Factor) -> None:
    """Count a factor as the user's, and remove those that were begun and never verified."""
    await connection.execute(
        "update auth.mfa_factors set status = 'verified', updated_at = now() where id = $1",
        factor.id,
    )
    await connection.execute(
        """delete from auth.mfa_factors
           where user_id = $1 and factor_type = 'totp' and status = 'unverified'""",
        factor.user_id,
    )


async def delete_factor(connection: asyncpg.Connection, factor_id: uuid.UUID) -> None:
    """Remove a factor and its challenges."""
    await connection.execute("delete from auth.mfa_factors where id = $1", factor_id)


async def insert_challenge(
    connection: asyncpg.Connection, factor_id: uuid.UUID, client: Client
) -> FactorChallenge:
    """Begin a challenge; old ones of the factor are removed."""
    await connection.execute(
        f"""delete from auth.mfa_challenges
            where factor_id = $1 and created_at < now() - interval '{_KEPT_CHALLENGES}'""",  # noqa: S608  (a constant)
        factor_id,
    )
    row = await connection.fetchrow(
        """insert into auth.mfa_challenges (id, factor_id, created_at, ip_address)
           values (gen_random_uuid(), $1, now(), $2)
           returning id, created_at, verified_at, ip_address""",
        factor_id,
        _NO_ADDRESS if client.address is None else ipaddress.ip_address(client.address),
    )
    # The column is unique over all factors: clock_timestamp() differs where now() may not.
    await connection.execute(
        "update auth.mfa_factors set last_challenged_at = clock_timestamp() where id = $1",
        factor_id,
    )
    return _challenge(row)


async def load_challenge(
    connection: asyncpg.Connection, factor_id: uuid.UUID, challenge_id: uuid.UUID
) -> FactorChallenge | None:
    """A challenge of the factor."""
    row = await connection.fetchrow(
        """select id, created_at, verified_at, ip_address from auth.mfa_challenges
           where id = $1 and factor_id = $2""",
        challenge_id,
        factor_id,
    )
    return None if row is None else _challenge(row)


async def is_used(connection: asyncpg.Connection, factor_id: uuid.UUID, step: int) -> bool:
    """Whether a code of this time step, or of a later one, has been accepted."""
    return bool(
        await connection.fetchval(
            """select exists (
                 select from auth.mfa_challenges
                 where factor_id = $1 and verified_at is not null and otp_code::bigint >= $2
               )""",
            factor_id,
            step,
        )
    )


async def answer_challenge(
    connection: asyncpg.Connection, challenge_id: uuid.UUID, step: int
) -> None:
    """Note that a challenge was answered with the code of a time step."""
    await connection.execute(
        "update auth.mfa_challenges set verified_at = now(), otp_code = $2 where id = $1",
        challenge_id,
        str(step),
    )


def _challenge(row: asyncpg.Record) -> FactorChallenge:
    return FactorChallenge(
        id=row["id"],
        created_at=row["created_at"],
        is_answered=row["verified_at"] is not None,
        address=row["ip_address"],
    )
