"""One-time tokens: the codes and links that mails carry, and the rows that remember them.

A mail carries a short code and a link token, an HMAC of address and code. The database keeps an
HMAC of the link token (`auth.one_time_tokens.token_hash` and the user's token column). The HMAC's
key is derived from the signing key, which the database does not hold: whoever reads the tables can
neither open a link nor try out codes. GoTrue keeps the link token itself there.

A user has one token of each type; a new one replaces it. A token is used by deleting its row, so of
two requests with the same token one succeeds.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Sequence

    import asyncpg

TokenType = Literal[
    "confirmation_token",
    "recovery_token",
    "email_change_token_new",
    "email_change_token_current",
    "reauthentication_token",
]

PKCE_PREFIX = "pkce_"
"""What the link token of a sign-in with PKCE begins with, in the link and in the database."""

SENT_AT: dict[TokenType, str] = {
    "confirmation_token": "confirmation_sent_at",
    "recovery_token": "recovery_sent_at",
    "email_change_token_new": "email_change_sent_at",
    "email_change_token_current": "email_change_sent_at",
    "reauthentication_token": "reauthentication_sent_at",
}
"""The column of `auth.users` that says when the last mail with a token was sent."""


@dataclass(frozen=True)
class OneTimeToken:
    """What a mail carries.

    Attributes:
        code: Digits, to be typed together with the address.
        link_token: What the link names; long enough to be used without the address.
    """

    code: str = field(repr=False)
    link_token: str = field(repr=False)


class TokenDigests:
    """Makes link tokens, and what the database keeps of them.

    Args:
        key: Secret that the database does not hold.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def new(self, address: str, *, code_length: int, pkce: bool) -> OneTimeToken:
        """A token for a mail to the address."""
        code = "".join(secrets.choice("0123456789") for _ in range(code_length))
        link_token = self.link_token(address, code)
        return OneTimeToken(code, PKCE_PREFIX + link_token if pkce else link_token)

    def link_token(self, address: str, code: str) -> str:
        """56 hexadecimal digits that only who holds the key can make of an address and its code."""
        return self._digest("link", address, code)

    def kept(self, link_token: str) -> str:
        """What the database keeps of a link token."""
        prefix = PKCE_PREFIX if link_token.startswith(PKCE_PREFIX) else ""
        return prefix + self._digest("kept", link_token.removeprefix(PKCE_PREFIX))

    def kept_of_code(self, address: str, code: str) -> list[str]:
        """What the database keeps of the token with this code: with PKCE and without."""
        link_token = self.link_token(address, code)
        return [self.kept(link_token), self.kept(PKCE_PREFIX + link_token)]

    def _digest(self, *parts: str) -> str:
        # SHA-224 as GoTrue. NUL separates: neither an address nor a code holds one.
        return hmac.new(self._key, "\0".join(parts).encode(), hashlib.sha224).hexdigest()


async def keep_token(
    connection: asyncpg.Connection,
    user_id: uuid.UUID,
    token_type: TokenType,
    kept: str,
    address: str,
) -> None:
    """Remember a token that is being sent to the address, in place of the former one."""
    await connection.execute(
        """insert into auth.one_time_tokens (
             id, user_id, token_type, token_hash, relates_to, created_at, updated_at
           ) values (
             gen_random_uuid(), $1, $2::text::auth.one_time_token_type, $3, $4,
             now() at time zone 'utc', now() at time zone 'utc'
           )
           on conflict (user_id, token_type) do update
           set token_hash = excluded.token_hash, relates_to = excluded.relates_to,
               created_at = excluded.created_at, updated_at = excluded.updated_at""",
        user_id,
        token_type,
        kept,
        address,
    )
    await connection.execute(
        f"""update auth.users set {token_type} = $2, {SENT_AT[token_type]} = now(),
              updated_at = now()
            where id = $1""",  # noqa: S608  (names of columns, from the tables above)
        user_id,
        kept,
    )


async def find_token(
    connection: asyncpg.Connection,
    kept: Sequence[str],
    token_types: Sequence[TokenType],
    lifetime: dt.timedelta,
) -> tuple[uuid.UUID, TokenType] | None:
    """User and type of a token that is open and not too old."""
    row = await connection.fetchrow(
        """select user_id, token_type::text from auth.one_time_tokens
           where token_hash = any($1) and token_type::text = any($2)
             and created_at > now() at time zone 'utc' - $3::interval""",
        list(kept),
        list(token_types),
        lifetime,
    )
    return None if row is None else (row["user_id"], row["token_type"])


async def use_token(
    connection: asyncpg.Connection, user_id: uuid.UUID, token_type: TokenType, kept: Sequence[str]
) -> bool:
    """Use a token up. False when it is gone: used, or replaced by a newer one."""
    used = await connection.fetchval(
        """delete from auth.one_time_tokens
           where user_id = $1 and token_type = $2::text::auth.one_time_token_type
             and token_hash = any($3)
           returning true""",
        user_id,
        token_type,
        list(kept),
    )
    if used:
        await connection.execute(
            f"update auth.users set {token_type} = '', updated_at = now() where id = $1",  # noqa: S608  (one of TokenType's names)
            user_id,
        )
    return bool(used)
