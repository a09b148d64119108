"""`/admin/users`: what administrators (tokens with an administrator's role) do with users."""

import re
import secrets
import uuid
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse

from services.auth import audit, sessions, store
from services.auth.bodies import AdminUser, AdminUserDeletion, body_of, documented
from services.auth.context import Admin, AuthContext, Context
from services.auth.email_change import attach_email, email_exists
from services.auth.errors import AuthError, validation_failed
from services.auth.models import NewUser, User
from services.auth.pagination import RequestedPage, page_links
from services.auth.values import ban_duration, email_address, phone_number, without_nulls

router = APIRouter(prefix="/admin/users", tags=["admin"])

_BCRYPT_HASH = re.compile(r"\$2[aby]\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}", re.ASCII)


def _phone_exists() -> AuthError:
    message = "A user with this phone number has already been registered"
    return AuthError(422, "phone_exists", message)


def _user_not_found() -> AuthError:
    return AuthError(404, "user_not_found", "User not found")


async def _user_id(_admin: Admin, user_id: str) -> uuid.UUID:
    try:
        return uuid.UUID(user_id)
    except ValueError:
        raise validation_failed("user_id must be an UUID", status=404) from None


UserId = Annotated[uuid.UUID, Depends(_user_id)]


@router.get("")
async def list_users(
    request: Request,
    page: RequestedPage,
    context: Context,
    contains: Annotated[str, Query(alias="filter", max_length=255)] = "",
) -> JSONResponse:
    """List users, the newest first. `filter` looks for text in address and full name."""
    audience = context.settings.jwt_audience
    async with context.database.connection("list_users") as connection:
        users, total = await store.list_users(
            connection, audience, page, contains.replace("\0", "")
        )
    return JSONResponse(
        {"users": [user.to_json() for user in users], "aud": audience},
        headers={"Link": page_links(request, page, total), "X-Total-Count": str(total)},
    )


@router.get("/{user_id}")
async def read_user(user_id: UserId, context: Context) -> JSONResponse:
    """One user."""
    async with context.database.connection("load_user") as connection:
        user = await store.load_user(connection, user_id)
    if user is None:
        raise _user_not_found()
    return JSONResponse(user.to_json())


@router.post("", openapi_extra=documented(AdminUser))
async def create_user(
    admin: Admin,
    body: Annotated[AdminUser, Depends(body_of(AdminUser))],
    context: Context,
) -> JSONResponse:
    """Add a user, confirmed or not."""
    if not body.email and not body.phone:
        raise validation_failed("Cannot create a user without either an email or phone")
    contacts = _contacts(body)
    duration = ban_duration(body.ban_duration) if body.ban_duration else None
    encrypted_password = await _encrypted_password(context, body)
    new_user = _new_user(context, body, encrypted_password, contacts)
    async with context.database.transaction("admin_create_user") as connection:
        await _check_free(connection, contacts)
        if await store.load_user(connection, new_user.id) is not None:
            raise validation_failed("A user with this id exists already", status=422)
        await _insert(connection, new_user)
        await _confirm(connection, new_user.id, body)
        if duration is not None:
            await store.ban(connection, new_user.id, duration)
        user = await store.load_user(connection, new_user.id)
        if user is None:
            raise RuntimeError("a row that this transaction wrote is not there")
        await audit.add_audit_entry(
            connection, "user_signedup", admin_role=admin.role, traits=_traits_of(user)
        )
    context.events.labels("admin_user_created").inc()
    return JSONResponse(user.to_json(newly_created=True))


def _new_user(
    context: AuthContext,
    body: AdminUser,
    encrypted_password: str,
    contacts: dict[str, str | None],
) -> NewUser:
    providers = [provider for provider, contact in contacts.items() if contact]
    return NewUser(
        id=_chosen_id(body.id),
        audience=body.aud or context.settings.jwt_audience,
        role=body.role or context.settings.jwt_default_role,
        encrypted_password=encrypted_password,
        app_metadata={
            "provider": providers[0],
            "providers": providers,
            **without_nulls(body.app_metadata),
        },
        user_metadata=without_nulls(body.user_metadata),
        email=contacts["email"],
        phone=contacts["phone"],
    )


async def _insert(connection: asyncpg.Connection, user: NewUser) -> None:
    await store.insert_user(connection, user)
    common = {"sub": str(user.id), "email_verified": False, "phone_verified": False}
    if user.email:
        data = {**common, "email": user.email}
        await store.insert_identity(connection, user.id, "email", data)
    if user.phone:
        data = {**common, "phone": user.phone}
        await store.insert_identity(connection, user.id, "phone", data)


@router.put("/{user_id}", openapi_extra=documented(AdminUser))
async def update_user(
    admin: Admin,
    user_id: UserId,
    body: Annotated[AdminUser, Depends(body_of(AdminUser))],
    context: Context,
) -> JSONResponse:
    """Change a user. What the body leaves out stays as it is."""
    contacts = _contacts(body)
    duration = ban_duration(body.ban_duration) if body.ban_duration else None
    changes_password = body.password is not None or bool(body.password_hash)
    encrypted_password = await _encrypted_password(context, body) if changes_password else None
    async with context.database.transaction("admin_update_user") as connection:
        user = await store.lock_user(connection, user_id)
        if user is None:
            raise _user_not_found()
        await _check_free(connection, contacts, except_user=user_id)
        await _attach(connection, user, contacts)
        await _confirm(connection, user_id, body)
        if encrypted_password is not None:
            await store.set_password(connection, user_id, encrypted_password)
            await sessions.end_sessions(connection, user_id)
        if duration is not None:
            await store.ban(connection, user_id, duration)
        await _change_claims(connection, user_id, body)
        await audit.add_audit_entry(
            connection, "user_modified", admin_role=admin.role, traits=_traits_of(user)
        )
        changed = await store.load_user(connection, user_id)
    context.events.labels("admin_user_updated").inc()
    return JSONResponse((changed or user).to_json())


def _contacts(body: AdminUser) -> dict[str, str | None]:
    return {
        "email": email_address(body.email) if body.email else None,
        "phone": phone_number(body.phone) if body.phone else None,
    }


async def _confirm(connection: asyncpg.Connection, user_id: uuid.UUID, body: AdminUser) -> None:
    if body.email_confirm:
        await store.confirm_email(connection, user_id)
    if body.phone_confirm:
        await store.confirm_phone(connection, user_id)


async def _change_claims(
    connection: asyncpg.Connection, user_id: uuid.UUID, body: AdminUser
) -> None:
    """Change what the user's tokens say besides address and number."""
    if body.role:
        await store.set_role(connection, user_id, body.role)
    if body.app_metadata is not None:
        await store.merge_app_metadata(connection, user_id, body.app_metadata)
    if body.user_metadata is not None:
        await store.merge_user_metadata(connection, user_id, body.user_metadata)


async def _attach(
    connection: asyncpg.Connection, user: User, contacts: dict[str, str | None]
) -> None:
    if email := contacts["email"]:
        await attach_email(connection, user, email)
    if phone := contacts["phone"]:
        await _attach_phone(connection, user, phone)


async def _attach_phone(connection: asyncpg.Connection, user: User, phone: str) -> None:
    await store.set_phone(connection, user.id, phone)
    identity = user.identity("phone")
    if identity is None:
        data = {"sub": str(user.id), "phone": phone, "phone_verified": True}
        await store.insert_identity(connection, user.id, "phone", data)
    else:
        data = {"phone": phone, "phone_verified": True}
        await store.merge_identity_data(connection, identity.id, data)


@router.delete("/{user_id}", openapi_extra=documented(AdminUserDeletion))
async def delete_user(
    request: Request, admin: Admin, user_id: UserId, context: Context
) -> JSONResponse:
    """Remove a user; with `should_soft_delete` keep the row's id and nothing personal."""
    content = await request.body()
    body = AdminUserDeletion.from_bytes(content) if content else AdminUserDeletion()
    async with context.database.transaction("admin_delete_user") as connection:
        user = await store.lock_user(connection, user_id)
        if user is None:
            raise _user_not_found()
        await audit.add_audit_entry(
            connection, "user_deleted", admin_role=admin.role, traits=_traits_of(user)
        )
        if not body.should_soft_delete:
            await store.delete_user(connection, user_id)
        elif "deleted_at" not in user.times:
            await sessions.end_sessions(connection, user_id)
            await store.blank_user(connection, user)
    context.events.labels("admin_user_deleted").inc()
    return JSONResponse({})


async def _check_free(
    connection: asyncpg.Connection,
    contacts: dict[str, str | None],
    *,
    except_user: uuid.UUID | None = None,
) -> None:
    """Reserve address and number for this transaction.

    Raises:
        AuthError: Another user has one of them.
    """
    if email := contacts["email"]:
        await store.reserve_contact(connection, email)
        if await store.email_is_taken(connection, email, except_user=except_user):
            raise email_exists()
    if phone := contacts["phone"]:
        await store.reserve_contact(connection, phone)
        if await store.phone_is_taken(connection, phone, except_user=except_user):
            raise _phone_exists()


async def _encrypted_password(context: AuthContext, body: AdminUser) -> str:
    """Hash to store: of the given password, the given hash, or of a random password."""
    if body.password and body.password_hash:
        raise validation_failed("Only a password or a password hash should be provided")
    if body.password_hash:
        if not _BCRYPT_HASH.fullmatch(body.password_hash):
            raise validation_failed("password_hash must be a bcrypt hash of cost 4 to 14")
        return body.password_hash
    if body.password:
        await context.passwords.check_strength(body.password)
    return await context.passwords.hash(body.password or secrets.token_urlsafe(48))


def _chosen_id(text: str) -> uuid.UUID:
    if not text:
        return uuid.uuid4()
    try:
        chosen = uuid.UUID(text)
    except ValueError:
        raise validation_failed("ID must conform to the uuid v4 format") from None
    if chosen.int == 0:
        raise validation_failed("ID cannot be a nil uuid")
    return chosen


def _traits_of(user: User) -> dict[str, str]:
    return {"user_id": str(user.id), "user_email": user.email, "user_phone": user.phone}
