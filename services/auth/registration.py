"""New users with an e-mail address: what sign-up, sign-in by mail and invitations share."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from services.auth import store
from services.auth.models import NewUser
from services.auth.values import without_nulls

if TYPE_CHECKING:
    import asyncpg

    from services.auth.models import User
    from services.auth.settings import AuthSettings


def new_email_user(
    settings: AuthSettings, email: str, data: dict[str, Any], *, encrypted_password: str = ""
) -> NewUser:
    """A user to add.

    Args:
        settings: For audience and role.
        email: In lower case.
        data: The user's own metadata.
        encrypted_password: Empty for a user who has none and signs in by mail.
    """
    return NewUser(
        id=uuid.uuid4(),
        audience=settings.jwt_audience,
        role=settings.jwt_default_role,
        encrypted_password=encrypted_password,
        app_metadata={"provider": "email", "providers": ["email"]},
        user_metadata=without_nulls(data),
        email=email,
    )


def email_claims(user: NewUser) -> dict[str, Any]:
    """What the e-mail identity of a new user says."""
    return {
        "sub": str(user.id),
        "email": user.email,
        "email_verified": False,
        "phone_verified": False,
    }


def with_claims(user: NewUser) -> NewUser:
    """The user as one who registers: the metadata say what the e-mail identity says."""
    return replace(user, user_metadata={**user.user_metadata, **email_claims(user)})


async def add_email_user(
    connection: asyncpg.Connection, new_user: NewUser, identity_data: dict[str, Any]
) -> User:
    """Add a user and their e-mail identity. Nothing is confirmed yet."""
    await store.insert_user(connection, new_user)
    await store.insert_identity(connection, new_user.id, "email", identity_data)
    return await store.existing_user(connection, new_user.id)
