"""The SQL of users and identities.

Every function works on the caller's connection; those that change something belong in a
transaction. A transaction that touches several rows of one user locks the user's row first, then
sessions, so that no two requests can wait for each other.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any, Literal

from services.auth.models import NO_USER, Factor, Identity, NewUser, Page, User

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Mapping

    import asyncpg


# With identities and second factors, in one round trip to the database.
_COMPLETE_USER = """
    users.*,
    array(select identity from auth.identities as identity
          where identity.user_id = users.id
          order by identity.created_at, identity.id) as identities,
    array(select factor from auth.mfa_factors as factor
          where factor.user_id = users.id
          order by factor.created_at, factor.id) as factors"""


async def load_user(connection: asyncpg.Connection, user_id: uuid.UUID) -> User | None:
    """User with identities and second factors."""
    return _user(
        await connection.fetchrow(
            f"select {_COMPLETE_USER} from auth.users where users.id = $1",  # noqa: S608  (a constant)
            user_id,
        )
    )


async def existing_user(connection: asyncpg.Connection, user_id: uuid.UUID) -> User:
    """User whose row this transaction has written or locked."""
    user = await load_user(connection, user_id)
    if user is None:
        raise RuntimeError("a row that this transaction wrote is not there")
    return user


async def load_user_by_email(
    connection: asyncpg.Connection, email: str, audience: str
) -> User | None:
    """User with identities and second factors, by an address in lower case.

    An address that nobody has takes the same statement.
    """
    return _user(
        await connection.fetchrow(
            f"""select {_COMPLETE_USER} from auth.users
                where instance_id = $1 and lower(email) = $2 and aud = $3 and not is_sso_user""",  # noqa: S608  (a constant)
            NO_USER,
            email,
            audience,
        )
    )


def _user(record: asyncpg.Record | None) -> User | None:
    if record is None:
        return None
    return User.from_record(
        record,
        tuple(map(Identity.from_record, record["identities"])),
        tuple(map(Factor.from_record, record["factors"])),
    )


async def lock_password(connection: asyncpg.Connection, user_id: uuid.UUID) -> str | None:
    """Hash of a user's password, None when there is none; the lock is the one of `lock_user`."""
    hashed: str | None = await connection.fetchval(
        "select encrypted_password from auth.users where id = $1 for no key update", user_id
    )
    return hashed


async def lock_user(connection: asyncpg.Connection, user_id: uuid.UUID) -> User | None:
    """User, complete; other transactions that lock the same user wait for this one."""
    await connection.execute("select 1 from auth.users where id = $1 for no key update", user_id)
    return await load_user(connection, user_id)


async def reserve_contact(connection: asyncpg.Connection, contact: str) -> None:
    """Make other transactions that register the same address or number wait for this one."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 0))", f"auth.users:{contact}"
    )


async def email_is_taken(
    connection: asyncpg.Connection, email: str, *, except_user: uuid.UUID | None = None
) -> bool:
    """Whether another user has the address."""
    return bool(
        await connection.fetchval(
            """select exists (
                 select from auth.users
                 where instance_id = $1 and lower(email) = $2 and not is_sso_user
                   and id is distinct from $3
               )""",
            NO_USER,
            email,
            except_user,
        )
    )


async def phone_is_taken(
    connection: asyncpg.Connection, phone: str, *, except_user: uuid.UUID | None = None
) -> bool:
    """Whether another user has the number."""
    return bool(
        await connection.fetchval(
            """select exists (
                 select from auth.users where phone = $1 and id is distinct from $2
               )""",
            phone,
            except_user,
        )
    )


async def insert_user(connection: asyncpg.Connection, user: NewUser) -> None:
    """Add a user.

    Token columns are written as empty text, not null: GoTrue cannot read a null there.
    """
    await connection.execute(
        """insert into auth.users (
             instance_id, id, aud, role, email, phone, encrypted_password,
             raw_app_meta_data, raw_user_meta_data, is_anonymous, is_super_admin, is_sso_user,
             confirmation_token, recovery_token, email_change_token_new,
             email_change_token_current, email_change, phone_change, phone_change_token,
             reauthentication_token, email_change_confirm_status, created_at, updated_at
           ) values (
             $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, false, false,
             '', '', '', '', '', '', '', '', 0, now(), now()
           )""",
        NO_USER,
        user.id,
        user.audience,
        user.role,
        user.email,
        user.phone,
        user.encrypted_password,
        user.app_metadata,
        user.user_metadata,
        user.is_anonymous,
    )


async def insert_identity(
    connection: asyncpg.Connection,
    user_id: uuid.UUID,
    provider: Literal["email", "phone"],
    data: Mapping[str, Any],
) -> None:
    """Add the identity of a user who signs in with an address or a number of their own."""
    await connection.execute(
        """insert into auth.identities (
             id, provider_id, user_id, identity_data, provider,
             last_sign_in_at, created_at, updated_at
           ) values (gen_random_uuid(), $1::text, $2, $3, $4, now(), now(), now())""",
        str(user_id),
        user_id,
        dict(data),
        provider,
    )


async def merge_identity_data(
    connection: asyncpg.Connection, identity_id: uuid.UUID, data: Mapping[str, Any]
) -> None:
    """Set members of an identity's data."""
    await connection.execute(
        """update auth.identities
           set identity_data = identity_data || $2, updated_at = now() where id = $1""",
        identity_id,
        dict(data),
    )


async def merge_user_metadata(
    connection: asyncpg.Connection, user_id: uuid.UUID, changes: Mapping[str, Any]
) -> None:
    """Set members of what the user may write; a member that is null is removed."""
    await connection.execute(
        """update auth.users
           set raw_user_meta_data = coalesce(raw_user_meta_data, '{}') - $2::text[] || $3,
               updated_at = now()
           where id = $1""",
        user_id,
        *_merge(changes),
    )


async def merge_app_metadata(
    connection: asyncpg.Connection, user_id: uuid.UUID, changes: Mapping[str, Any]
) -> None:
    """Set members of what only administrators may write; a member that is null is removed."""
    await connection.execute(
        """update auth.users
           set raw_app_meta_data = coalesce(raw_app_meta_data, '{}') - $2::text[] || $3,
               updated_at = now()
           where id = $1""",
        user_id,
        *_merge(changes),
    )


def _merge(changes: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    removed = [name for name, value in changes.items() if value is None]
    return removed, {name: value for name, value in changes.items() if value is not None}


async def confirm_email(connection: asyncpg.Connection, user_id: uuid.UUID) -> None:
    """Count the address as the user's own."""
    await connection.execute(
        """update auth.users
           set email_confirmed_at = now(), confirmation_token = '', updated_at = now()
           where id = $1""",
        user_id,
    )
    await merge_user_metadata(connection, user_id, {"email_verified": True})
    await clear_one_time_tokens(connection, user_id)


async def verify_identity(connection: asyncpg.Connection, user_id: uuid.UUID) -> None:
    """Note at the e-mail identity that its address has been confirmed by a mail."""
    await connection.execute(
        """update auth.identities
           set identity_data = identity_data || '{"email_verified": true}', updated_at = now()
           where user_id = $1 and provider = 'email'""",
        user_id,
    )


async def confirm_phone(connection: asyncpg.Connection, user_id: uuid.UUID) -> None:
    """Count the number as the user's own."""
    await connection.execute(
        """update auth.users
           set phone_confirmed_at = now(), confirmation_token = '', updated_at = now()
           where id = $1""",
        user_id,
    )
    await clear_one_time_tokens(connection, user_id)


async def clear_one_time_tokens(connection: asyncpg.Connection, user_id: uuid.UUID) -> None:
    """Make links and codes that are under way useless."""
    await connection.execute("delete from auth.one_time_tokens where user_id = $1", user_id)


async def set_email(connection: asyncpg.Connection, user_id: uuid.UUID, email: str) -> None:
    """Change the address; a change that was under way ends."""
    await connection.execute(
        """update auth.users
           set email = $2, is_anonymous = false, email_change = '',
               email_change_token_current = '', email_change_token_new = '',
               email_change_confirm_status = 0, updated_at = now()
           where id = $1""",
        user_id,
        email,
    )
    await _forget_email_change_tokens(connection, user_id)


async def begin_email_change(
    connection: asyncpg.Connection, user_id: uuid.UUID, new_email: str
) -> None:
    """Note the address that a user wants, before the mails that ask to confirm it."""
    await connection.execute(
        """update auth.users
           set email_change = $2, email_change_confirm_status = 0,
               email_change_token_current = '', email_change_token_new = '', updated_at = now()
           where id = $1""",
        user_id,
        new_email,
    )
    await _forget_email_change_tokens(connection, user_id)


async def _forget_email_change_tokens(connection: asyncpg.Connection, user_id: uuid.UUID) -> None:
    await connection.execute(
        """delete from auth.one_time_tokens
           where user_id = $1
             and token_type in ('email_change_token_new', 'email_change_token_current')""",
        user_id,
    )


async def count_email_change_confirmation(
    connection: asyncpg.Connection, user_id: uuid.UUID
) -> None:
    """Note that one of the two addresses has confirmed a change."""
    await connection.execute(
        """update auth.users set email_change_confirm_status = 1, updated_at = now()
           where id = $1""",
        user_id,
    )


async def record_invitation(connection: asyncpg.Connection, user_id: uuid.UUID) -> None:
    """Note when a user was invited."""
    await connection.execute(
        "update auth.users set invited_at = now(), updated_at = now() where id = $1", user_id
    )


async def set_phone(connection: asyncpg.Connection, user_id: uuid.UUID, phone: str) -> None:
    """Change the number."""
    await connection.execute(
        "update auth.users set phone = $2, updated_at = now() where id = $1", user_id, phone
    )


async def remove_phone(connection: asyncpg.Connection, user_id: uuid.UUID) -> None:
    """Take the number away."""
    await connection.execute(
        """update auth.users set phone = null, phone_confirmed_at = null, updated_at = now()
           where id = $1""",
        user_id,
    )


async def set_role(connection: asyncpg.Connection, user_id: uuid.UUID, role: str) -> None:
    """Change the database role that the user's tokens name."""
    await connection.execute(
        "update auth.users set role = $2, updated_at = now() where id = $1", user_id, role
    )


async def set_password(
    connection: asyncpg.Connection, user_id: uuid.UUID, encrypted_password: str
) -> None:
    """Change the password. Links and codes that were sent before become useless."""
    await connection.execute(
        """update auth.users
           set encrypted_password = $2, confirmation_token = '', confirmation_sent_at = null,
               recovery_token = '', recovery_sent_at = null, email_change_token_current = '',
               email_change_token_new = '', email_change_sent_at = null, phone_change_token = '',
               phone_change_sent_at = null, reauthentication_token = '',
               reauthentication_sent_at = null, updated_at = now()
           where id = $1""",
        user_id,
        encrypted_password,
    )
    await clear_one_time_tokens(connection, user_id)


async def ban(connection: asyncpg.Connection, user_id: uuid.UUID, duration: dt.timedelta) -> None:
    """Forbid signing in for a time; a duration of zero lifts the ban."""
    await connection.execute(
        """update auth.users
           set banned_until = case when $2::interval > interval '0' then now() + $2 end,
               updated_at = now()
           where id = $1""",
        user_id,
        duration,
    )


async def record_sign_in(connection: asyncpg.Connection, user_id: uuid.UUID) -> User:
    """Note when a user signed in. Returns the user, whose row this transaction has locked."""
    user = _user(
        await connection.fetchrow(
            f"""update auth.users set last_sign_in_at = now(), updated_at = now()
                where id = $1 returning {_COMPLETE_USER}""",  # noqa: S608  (a constant)
            user_id,
        )
    )
    if user is None:
        raise RuntimeError("a row that this transaction has locked is not there")
    return user


async def touch_user(connection: asyncpg.Connection, user_id: uuid.UUID) -> None:
    """Note that something about a user changed, as GoTrue does when a session is refreshed."""
    await connection.execute("update auth.users set updated_at = now() where id = $1", user_id)


async def list_users(
    connection: asyncpg.Connection, audience: str, page: Page, contains: str
) -> tuple[list[User], int]:
    """One page of users without their identities, the newest first, and how many there are."""
    pattern = "%" + contains.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
    condition_values = (NO_USER, audience, contains, pattern)
    total = await connection.fetchval(
        """select count(*) from auth.users
           where instance_id = $1 and aud = $2
             and ($3 = '' or email like $4 or raw_user_meta_data ->> 'full_name' ilike $4)""",
        *condition_values,
    )
    rows = await connection.fetch(
        """select * from auth.users
           where instance_id = $1 and aud = $2
             and ($3 = '' or email like $4 or raw_user_meta_data ->> 'full_name' ilike $4)
           order by created_at desc, id limit $5 offset $6""",
        *condition_values,
        page.size,
        page.offset,
    )
    return [User.from_record(row, None) for row in rows], int(total)


async def delete_user(connection: asyncpg.Connection, user_id: uuid.UUID) -> None:
    """Remove the user and, by the tables' keys, all that belongs to them."""
    await connection.execute(
        "delete from auth.refresh_tokens where instance_id = $1 and user_id = $2",
        NO_USER,
        str(user_id),
    )
    await connection.execute("delete from auth.users where id = $1", user_id)


async def blank_user(connection: asyncpg.Connection, user: User) -> None:
    """Keep the row and its id, and make everything personal in it unreadable (soft deletion)."""
    await connection.execute(
        """update auth.users
           set email = $2, phone = $3, encrypted_password = '', raw_user_meta_data = '{}',
               raw_app_meta_data = '{}', email_change = '', phone_change = '',
               confirmation_token = '', recovery_token = '', email_change_token_current = '',
               email_change_token_new = '', phone_change_token = '', reauthentication_token = '',
               deleted_at = now(), updated_at = now()
           where id = $1""",
        user.id,
        _obscured(user.id, user.email),
        # The column is unique, so the number must stay distinct; it is 15 characters in GoTrue.
        (_obscured(user.id, user.phone) or "")[:15] or None,
    )
    for identity in user.identities or ():
        await connection.execute(
            """update auth.identities
               set provider_id = $2, identity_data = '{}', updated_at = now() where id = $1""",
            identity.id,
            _obscured(user.id, f"{identity.provider}:{identity.provider_id}"),
        )
    await clear_one_time_tokens(connection, user.id)
    await connection.execute("delete from auth.mfa_factors where user_id = $1", user.id)


def _obscured(user_id: uuid.UUID, value: str) -> str | None:
    if not value:
        return None
    digest = hashlib.sha256(f"{user_id}{value}".encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
