"""The SQL of identities that belong to providers. Every function belongs in a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.auth import store
from services.auth.models import NO_USER

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    import asyncpg

_SINGLE_SIGN_ON = "sso:"
"""What the provider of an identity begins with that belongs to single sign-on: never linked."""


async def reserve_identity(connection: asyncpg.Connection, provider: str, subject: str) -> None:
    """Make other transactions of the same person at the provider wait for this one."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 0))",
        f"auth.identities:{provider}:{subject}",
    )


async def find_owner(
    connection: asyncpg.Connection, provider: str, subject: str
) -> uuid.UUID | None:
    """The user to whom a person at a provider belongs."""
    found: uuid.UUID | None = await connection.fetchval(
        "select user_id from auth.identities where provider = $1 and provider_id = $2",
        provider,
        subject,
    )
    return found


async def find_owners_of_addresses(
    connection: asyncpg.Connection, addresses: Sequence[str], audience: str
) -> list[uuid.UUID]:
    """Users to whom one of the addresses (in lower case) belongs, by account or by identity.

    An identity counts when its provider has verified the address: otherwise somebody could put
    another person's address into an account of their own and wait for them.
    """
    rows = await connection.fetch(
        """select id as user_id from auth.users
           where instance_id = $1 and aud = $3 and lower(email) = any($2::text[])
             and not is_sso_user
           union
           select identity.user_id from auth.identities identity
           where identity.email = any($2::text[])
             and not starts_with(identity.provider, $4)
             and identity.identity_data ->> 'email_verified' = 'true'""",
        NO_USER,
        list(addresses),
        audience,
        _SINGLE_SIGN_ON,
    )
    return [row["user_id"] for row in rows]


async def add_identity(
    connection: asyncpg.Connection,
    user_id: uuid.UUID,
    provider: str,
    subject: str,
    data: Mapping[str, Any],
) -> None:
    """Add what a provider says about a user."""
    await connection.execute(
        """insert into auth.identities (
             id, provider_id, user_id, identity_data, provider,
             last_sign_in_at, created_at, updated_at
           ) values (gen_random_uuid(), $1, $2, $3, $4, now(), now(), now())""",
        subject,
        user_id,
        dict(data),
        provider,
    )
    await name_providers(connection, user_id)


async def refresh_identity(
    connection: asyncpg.Connection, provider: str, subject: str, data: Mapping[str, Any]
) -> None:
    """Keep what a provider says about a user by now."""
    await connection.execute(
        """update auth.identities
           set identity_data = $3, last_sign_in_at = now(), updated_at = now()
           where provider = $1 and provider_id = $2""",
        provider,
        subject,
        dict(data),
    )


async def remove_identity(
    connection: asyncpg.Connection, user_id: uuid.UUID, identity_id: uuid.UUID
) -> None:
    """Remove one identity of a user."""
    await connection.execute(
        "delete from auth.identities where id = $1 and user_id = $2", identity_id, user_id
    )
    await name_providers(connection, user_id)


async def keep_only_identity(
    connection: asyncpg.Connection,
    user_id: uuid.UUID,
    provider: str,
    subject: str,
    data: Mapping[str, Any],
) -> None:
    """Remove everything by which somebody else may have got into an account nobody has confirmed.

    Whoever registered the address has not shown that it is theirs; the one who arrives with it from
    a provider has. So password, other identities, second factors, sessions and metadata go.
    """
    await connection.execute(
        """delete from auth.identities
           where user_id = $1 and not (provider = $2 and provider_id = $3)""",
        user_id,
        provider,
        subject,
    )
    for table in ("auth.sessions", "auth.mfa_factors"):
        await connection.execute(f"delete from {table} where user_id = $1", user_id)  # noqa: S608  (constants)
    await store.set_password(connection, user_id, "")
    await connection.execute(
        "update auth.users set raw_user_meta_data = $2, updated_at = now() where id = $1",
        user_id,
        dict(data),
    )
    await name_providers(connection, user_id)


async def name_providers(connection: asyncpg.Connection, user_id: uuid.UUID) -> None:
    """Name the providers of all identities in what only administrators may write."""
    rows = await connection.fetch(
        """select provider from auth.identities where user_id = $1
           group by provider order by min(created_at), provider""",
        user_id,
    )
    providers = [row["provider"] for row in rows]
    changes = {"provider": providers[0], "providers": providers} if providers else {"providers": []}
    await store.merge_app_metadata(connection, user_id, changes)
