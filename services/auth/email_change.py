"""Changes of an e-mail address: at once, or when the addresses have confirmed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.auth import audit, store
from services.auth.errors import AuthError

if TYPE_CHECKING:
    import asyncpg

    from services.auth.context import AuthContext
    from services.auth.models import User


def email_exists() -> AuthError:
    """The address belongs to another user."""
    message = "A user with this email address has already been registered"
    return AuthError(422, "email_exists", message)


async def reserve_email(connection: asyncpg.Connection, user: User, email: str) -> None:
    """Keep the address for this transaction.

    Raises:
        AuthError: Another user has it.
    """
    await store.reserve_contact(connection, email)
    if await store.email_is_taken(connection, email, except_user=user.id):
        raise email_exists()


async def change_email_at_once(connection: asyncpg.Connection, user: User, email: str) -> None:
    """Set an address that nobody is asked to confirm.

    Raises:
        AuthError: Another user has it.
    """
    await reserve_email(connection, user, email)
    await attach_email(connection, user, email)
    if not user.is_confirmed:
        await store.confirm_email(connection, user.id)


async def complete_email_change(
    connection: asyncpg.Connection, context: AuthContext, user: User
) -> User | None:
    """Note that one address has confirmed a change, and make it when none is left to ask.

    Returns:
        The user, or None while the other address has to confirm.

    Raises:
        AuthError: Another user has got the address meanwhile.
    """
    asks_both = context.settings.secure_email_change and user.email
    if asks_both and user.email_change_confirmations == 0:
        await store.count_email_change_confirmation(connection, user.id)
        return None
    await reserve_email(connection, user, user.new_email)
    await audit.add_audit_entry(connection, "user_modified", actor=user)
    await attach_email(connection, user, user.new_email)
    await store.confirm_email(connection, user.id)
    return user


async def attach_email(connection: asyncpg.Connection, user: User, email: str) -> None:
    """Give a user an address and the identity that goes with it."""
    await store.set_email(connection, user.id, email)
    identity = user.identity("email")
    if identity is None:
        await store.insert_identity(
            connection,
            user.id,
            "email",
            {
                "sub": str(user.id),
                "email": email,
                "email_verified": True,
                "phone_verified": False,
            },
        )
        providers = [one.provider for one in user.identities or ()] + ["email"]
        await store.merge_app_metadata(
            connection, user.id, {"provider": providers[0], "providers": providers}
        )
    else:
        await store.merge_identity_data(
            connection, identity.id, {"email": email, "email_verified": True}
        )
