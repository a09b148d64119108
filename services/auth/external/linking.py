"""Whose account it is when somebody arrives from a provider.

The rules are GoTrue's (`models.DetermineAccountLinking`, v2.196): an identity that is known belongs
to its user; otherwise a verified address decides; otherwise there is a new user. They are stricter
where an address is not shown to be somebody's own:

- an address that the provider has not verified opens no account and makes none, unless new
  addresses count as confirmed (`GOTRUE_MAILER_AUTOCONFIRM`), and then only a new one. GoTrue makes
  one and mails the address: whoever follows that link lets a stranger's identity in;
- the address of another identity counts only when that one's provider has verified it;
- where verified addresses lead to several accounts, none is chosen.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from services.auth import audit, store
from services.auth.errors import AuthError
from services.auth.external.identities import (
    add_identity,
    find_owner,
    find_owners_of_addresses,
    keep_only_identity,
    refresh_identity,
    reserve_identity,
)
from services.auth.models import NewUser

if TYPE_CHECKING:
    import asyncpg

    from services.auth.external.profiles import Profile
    from services.auth.models import User
    from services.auth.settings import AuthSettings


async def user_of_arrival(
    connection: asyncpg.Connection, settings: AuthSettings, provider: str, profile: Profile
) -> User:
    """User to sign in, locked and confirmed.

    Raises:
        AuthError: The address is not verified, leads to several accounts, or to none while nobody
            may sign up; or the user is banned.
    """
    user = await _owner(connection, settings, provider, profile)
    if user.is_banned:
        raise AuthError(403, "user_banned", "User is banned")
    traits = {"provider": provider}
    if user.is_confirmed:
        await audit.add_audit_entry(connection, "login", actor=user, traits=traits)
        return user
    if user.email not in _accepted_addresses(settings, profile):
        raise _unverified_address(provider)
    await keep_only_identity(
        connection, user.id, provider, profile.subject, profile.identity_data()
    )
    await audit.add_audit_entry(connection, "user_signedup", actor=user, traits=traits)
    await store.confirm_email(connection, user.id)
    return await store.existing_user(connection, user.id)


def _accepted_addresses(settings: AuthSettings, profile: Profile) -> tuple[str, ...]:
    """Addresses that a new account may have."""
    if settings.mailer_autoconfirm:
        return tuple(one.address for one in profile.emails)
    return profile.verified_addresses


async def link_to_user(
    connection: asyncpg.Connection, user_id: uuid.UUID, provider: str, profile: Profile
) -> User:
    """Give a user, who asked for it while signed in, an identity at a provider.

    Raises:
        AuthError: The user is gone or banned, the identity belongs to somebody, or the user has no
            address and the one of the provider cannot become theirs.
    """
    await _reserve(connection, provider, profile)
    user = await store.lock_user(connection, user_id)
    if user is None:
        raise AuthError(422, "user_not_found", "Linking target user not found")
    if user.is_banned:
        raise AuthError(403, "user_banned", "User is banned")
    owner = await find_owner(connection, provider, profile.subject)
    if owner is not None:
        whose = "" if owner == user.id else " to another user"
        raise AuthError(422, "identity_already_exists", f"Identity is already linked{whose}")
    if not user.email:
        await _adopt_address(connection, user, provider, profile)
    await add_identity(connection, user.id, provider, profile.subject, profile.identity_data())
    await audit.add_audit_entry(connection, "user_modified", actor=user)
    return await store.existing_user(connection, user.id)


async def _reserve(connection: asyncpg.Connection, provider: str, profile: Profile) -> None:
    """Make other transactions of this person or of one of the addresses wait for this one.

    Always in the same order, so that no two of them wait for each other.
    """
    for address in sorted({one.address for one in profile.emails}):
        await store.reserve_contact(connection, address)
    await reserve_identity(connection, provider, profile.subject)


async def _owner(
    connection: asyncpg.Connection, settings: AuthSettings, provider: str, profile: Profile
) -> User:
    """The user to whom the identity belongs, or now belongs."""
    data = profile.identity_data()
    await _reserve(connection, provider, profile)
    owner = await find_owner(connection, provider, profile.subject)
    if owner is not None:
        await store.lock_user(connection, owner)
        await refresh_identity(connection, provider, profile.subject, data)
        await store.merge_user_metadata(connection, owner, data)
        return await store.existing_user(connection, owner)
    owners = await find_owners_of_addresses(
        connection, profile.verified_addresses, settings.jwt_audience
    )
    if len(owners) > 1:
        raise AuthError(
            500, "unexpected_failure", "Multiple accounts with the same verified email address"
        )
    if owners:
        await store.lock_user(connection, owners[0])
        await add_identity(connection, owners[0], provider, profile.subject, data)
        await store.merge_user_metadata(connection, owners[0], data)
        return await store.existing_user(connection, owners[0])
    return await _new_user(connection, settings, provider, profile)


async def _new_user(
    connection: asyncpg.Connection, settings: AuthSettings, provider: str, profile: Profile
) -> User:
    address = profile.email.address
    # A taken one is not verified here: accounts of verified ones have been looked for.
    is_taken = await store.email_is_taken(connection, address)
    if is_taken or address not in _accepted_addresses(settings, profile):
        raise _unverified_address(provider)
    if settings.disable_signup:
        raise AuthError(422, "signup_disabled", "Signups not allowed for this instance")
    data = profile.identity_data()
    new_user = NewUser(
        id=uuid.uuid4(),
        audience=settings.jwt_audience,
        role=settings.jwt_default_role,
        encrypted_password="",
        app_metadata={"provider": provider, "providers": [provider]},
        user_metadata=data,
        email=address,
    )
    await store.insert_user(connection, new_user)
    await add_identity(connection, new_user.id, provider, profile.subject, data)
    return await store.existing_user(connection, new_user.id)


async def _adopt_address(
    connection: asyncpg.Connection, user: User, provider: str, profile: Profile
) -> None:
    """Make the provider's address the one of a user without any: an anonymous one."""
    if not profile.email.verified:
        raise AuthError(
            422,
            "email_not_confirmed",
            f"Unverified email with {provider}. Verify the email with {provider} in order to "
            "link it",
        )
    if await store.email_is_taken(connection, profile.email.address, except_user=user.id):
        message = "A user with this email address has already been registered"
        raise AuthError(422, "email_exists", message)
    await store.set_email(connection, user.id, profile.email.address)
    await store.confirm_email(connection, user.id)
    await store.merge_user_metadata(connection, user.id, profile.identity_data())


def _unverified_address(provider: str) -> AuthError:
    """Nobody has shown that the address is theirs."""
    return AuthError(
        422,
        "provider_email_needs_verification",
        f"Unverified email with {provider}. Verify the email with {provider} in order to sign in",
    )
