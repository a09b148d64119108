"""Guessing made slow: attempts to give a password or a code, counted for each account.

There are two counts. One is of an account and a client address: after a few attempts each further
one has to wait, twice as long as the one before. The other is of an account alone, for guesses that
come from many addresses: it allows more, and its wait stays short, because it meets the owner too.
An address from which the account has a session is not held up by the second count. Sessions that
exist are not touched by either.

An attempt is counted before it is checked, so that many at the same time are no way around, and
taken back when it succeeds. An account is what the request names, whether or not it exists. The
counts stand in PostgreSQL: they outlive a restart, and two containers that overlap share them.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.auth.errors import AuthError
from services.auth.models import NO_USER

if TYPE_CHECKING:
    import asyncpg

    from services.auth.models import Client

_IPV6_PREFIX = 64  # what one subscriber has


@dataclass(frozen=True)
class Limit:
    """When attempts have to wait, and for how long.

    Attributes:
        free: Attempts that need not wait.
        first_seconds: What the next one waits; each further one waits twice as long.
        longest_seconds: Most that one has to wait.
        remembered_hours: How long after the last attempt the count starts anew.
    """

    free: int
    first_seconds: int
    longest_seconds: int
    remembered_hours: int


@dataclass(frozen=True)
class Attempt:
    """An attempt that was counted and may be checked.

    Attributes:
        by_address: Key of the count of account and address.
        by_account: Key of the account's count.
    """

    by_address: bytes
    by_account: bytes


class Attempts:
    """Counts attempts.

    Args:
        key: Secret that the database does not hold; the table keeps hashes only.
        by_address: Limit of an account and an address.
        by_account: Limit of an account.
    """

    def __init__(self, key: bytes, *, by_address: Limit, by_account: Limit) -> None:
        self._key = key
        self._by_address = by_address
        self._by_account = by_account

    async def begin_for_email(
        self, connection: asyncpg.Connection, email: str, client: Client
    ) -> Attempt:
        """Count an attempt of somebody who is not signed in.

        Args:
            connection: Outside of a transaction, so that the count stays.
            email: Account, in lower case.
            client: Where the attempt comes from.

        Raises:
            AuthError: It has to wait.
        """
        # Before the count: the same statements run for an address that nobody has.
        is_known = await connection.fetchval(
            """select exists (
                 select from auth.users join auth.sessions on sessions.user_id = users.id
                 where users.instance_id = $1 and lower(users.email) = $2
                   and not users.is_sso_user and sessions.ip = $3
               )""",
            NO_USER,
            email,
            None if client.address is None else ipaddress.ip_address(client.address),
        )
        return await self._begin(connection, email, client, origin="known" if is_known else "new")

    async def begin_for_user(
        self, connection: asyncpg.Connection, purpose: str, user_id: object, client: Client
    ) -> Attempt:
        """Count an attempt of a signed-in user, who may be somebody with a stolen password.

        Args:
            connection: Outside of a transaction, so that the count stays.
            purpose: What is attempted.
            user_id: Who it is.
            client: Where the attempt comes from.

        Raises:
            AuthError: It has to wait.
        """
        return await self._begin(connection, f"{purpose} {user_id}", client, origin="signed in")

    async def succeed(self, connection: asyncpg.Connection, attempt: Attempt) -> None:
        """Take an attempt back: it was right."""
        await connection.execute(
            "delete from auth_limits.attempts where subject = $1", attempt.by_address
        )
        await connection.execute(
            """update auth_limits.attempts
               set attempts = greatest(attempts - 1, 0), blocked_until = null
               where subject = $1""",
            attempt.by_account,
        )

    async def _begin(
        self, connection: asyncpg.Connection, account: str, client: Client, *, origin: str
    ) -> Attempt:
        attempt = Attempt(
            by_address=self._subject("address", account, network_of(client.address)),
            by_account=self._subject("account", account, origin),
        )
        await _count(connection, attempt.by_address, self._by_address)
        await _count(connection, attempt.by_account, self._by_account)
        return attempt

    def _subject(self, *parts: str) -> bytes:
        # NUL separates: no part holds one.
        return hmac.new(self._key, "\0".join(parts).encode(), hashlib.sha256).digest()


def network_of(address: str | None) -> str:
    """What counts as one client: an IPv4 address, or the IPv6 network of a subscriber."""
    if address is None:
        return ""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))


def over_request_rate_limit(seconds: float) -> AuthError:
    """GoTrue's answer to who asks too often."""
    return AuthError(
        429,
        "over_request_rate_limit",
        "Request rate limit reached",
        headers={"Retry-After": str(max(1, math.ceil(seconds)))},
    )


async def _count(connection: asyncpg.Connection, subject: bytes, limit: Limit) -> None:
    """Count an attempt, and make the next one wait where there have been enough.

    Two counts that nobody needs any more are removed on the way, so that the table does not grow.
    """
    counted = await connection.fetchval(
        """with outdated as (
             delete from auth_limits.attempts where ctid in (
               select ctid from auth_limits.attempts
               where expires_at < now() and subject <> $1
               order by expires_at limit 2 for update skip locked
             )
           )
           insert into auth_limits.attempts as kept (subject, attempts, blocked_until, expires_at)
           values (
             $1, 1,
             case when $2 <= 1 then now() + interval '1 s' * least($3::float8, $5::float8) end,
             now() + make_interval(hours => $4)
           )
           on conflict (subject) do update
           set attempts = case when kept.expires_at < now() then 1 else kept.attempts + 1 end,
               blocked_until = case
                 when kept.expires_at >= now() and kept.attempts + 1 >= $2
                 then now() + interval '1 s' * least(
                   $3::float8, $5::float8 * power(2, least(kept.attempts + 1 - $2, 30))
                 )
               end,
               expires_at = now() + make_interval(hours => $4)
           where kept.blocked_until is null or kept.blocked_until <= now()
           returning true""",
        subject,
        limit.free,
        limit.longest_seconds,
        limit.remembered_hours,
        limit.first_seconds,
    )
    if counted:
        return
    left: float | None = await connection.fetchval(
        """select extract(epoch from blocked_until - now())::float8
           from auth_limits.attempts where subject = $1""",
        subject,
    )
    raise over_request_rate_limit(left or 0)
