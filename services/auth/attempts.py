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
from dataclasses import astuple, dataclass
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
        address = None if client.address is None else ipaddress.ip_address(client.address)
        return await self._begin(
            connection,
            _COUNT_FOR_EMAIL,
            self._subject("address", email, network_of(client.address)),
            self._subject("account", email, "new"),
            self._subject("account", email, "known"),
            NO_USER,
            email,
            address,
        )

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
        account = f"{purpose} {user_id}"
        return await self._begin(
            connection,
            _COUNT_FOR_USER,
            self._subject("address", account, network_of(client.address)),
            self._subject("account", account, "signed in"),
        )

    async def succeed(self, connection: asyncpg.Connection, attempt: Attempt) -> None:
        """Take an attempt back: it was right."""
        # The condition makes the address's count be removed before the account's row is locked: in
        # this order every statement locks the two, so that no two requests wait for each other.
        await connection.execute(
            """with by_address as (
                 delete from auth_limits.attempts where subject = $1 returning 1
               )
               update auth_limits.attempts
               set attempts = greatest(attempts - 1, 0), blocked_until = null
               where subject = $2 and (select count(*) from by_address) >= 0""",
            attempt.by_address,
            attempt.by_account,
        )

    async def _begin(
        self,
        connection: asyncpg.Connection,
        statement: str,
        by_address: bytes,
        by_account: bytes,
        *of_email: object,
    ) -> Attempt:
        counted = await connection.fetchrow(
            statement,
            by_address,
            *astuple(self._by_address),
            by_account,
            *astuple(self._by_account),
            *of_email,
        )
        attempt = Attempt(by_address, counted["by_account"])
        if not (counted["address_counted"] and counted["account_counted"]):
            refused = attempt.by_account if counted["address_counted"] else by_address
            raise over_request_rate_limit(await _seconds_left(connection, refused))
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


async def _seconds_left(connection: asyncpg.Connection, subject: bytes) -> float:
    left: float | None = await connection.fetchval(
        """select extract(epoch from blocked_until - now())::float8
           from auth_limits.attempts where subject = $1""",
        subject,
    )
    return left or 0


def _counted(subject: str, limit: int) -> str:
    """SQL that counts an attempt, and makes the next one wait where there have been enough.

    It returns no row where this attempt has to wait, and counts nothing then.

    Args:
        subject: Query of the count's key: one row, or none to count nothing.
        limit: Number of the parameter with the first of the four members of a `Limit`.
    """
    free, first, longest, remembered = (f"${limit + member}" for member in range(4))
    return f"""
        insert into auth_limits.attempts as kept (subject, attempts, blocked_until, expires_at)
        select
          subject, 1,
          case when {free}::int <= 1
          then now() + interval '1 s' * least({longest}::float8, {first}::float8) end,
          now() + make_interval(hours => {remembered}::int)
        from ({subject}) as counted
        on conflict (subject) do update
        set attempts = case when kept.expires_at < now() then 1 else kept.attempts + 1 end,
            blocked_until = case
              when kept.expires_at >= now() and kept.attempts + 1 >= {free}
              then now() + interval '1 s' * least(
                {longest}::float8, {first}::float8 * power(2, least(kept.attempts + 1 - {free}, 30))
              )
            end,
            expires_at = excluded.expires_at
        where kept.blocked_until is null or kept.blocked_until <= now()
        returning subject"""  # noqa: S608  (constants)


def _count_both(by_account: str) -> str:
    """SQL that counts an attempt by address and, where that need not wait, by account.

    Four counts that nobody needs any more are removed on the way, so that the table does not grow.

    Args:
        by_account: Expression of the key of the account's count.
    """
    return f"""
        with account as materialized (
          select {by_account} as subject
        ), address_counted as ({_counted("select $1::bytea as subject", 2)}
        ), account_counted as ({_counted("select account.subject from account, address_counted", 7)}
        ), outdated as (
          delete from auth_limits.attempts where ctid in (
            select ctid from auth_limits.attempts
            where expires_at < now()
              and subject <> $1 and subject <> (select subject from account)
            order by expires_at limit 4 for update skip locked
          )
        )
        select subject as by_account,
               exists (select from address_counted) as address_counted,
               exists (select from account_counted) as account_counted
        from account"""  # noqa: S608  (constants)


_COUNT_FOR_USER = _count_both("$6::bytea")

# The same statement runs for an address that nobody has.
_COUNT_FOR_EMAIL = _count_both(
    """case when exists (
         select from auth.users join auth.sessions on sessions.user_id = users.id
         where users.instance_id = $12 and lower(users.email) = $13
           and not users.is_sso_user and sessions.ip = $14
       ) then $11::bytea else $6::bytea end"""
)
