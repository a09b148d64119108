"""`/admin/users/{user_id}/factors`: second factors of others, for who has lost an authenticator."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse

from services.auth import audit, factor_store, sessions, store
from services.auth.context import Admin, Context
from services.auth.errors import AuthError, validation_failed
from services.auth.routes.admin import UserId

router = APIRouter(prefix="/admin/users/{user_id}/factors", tags=["admin"])


async def _factor_id(_admin: Admin, factor_id: str) -> uuid.UUID:
    try:
        return uuid.UUID(factor_id)
    except ValueError:
        raise validation_failed("factor_id must be an UUID", status=404) from None


@router.get("")
async def list_factors(user_id: UserId, context: Context) -> JSONResponse:
    """Second factors of a user, without their secrets."""
    async with context.database.connection("load_user") as connection:
        user = await store.load_user(connection, user_id)
    if user is None:
        raise AuthError(404, "user_not_found", "User not found")
    return JSONResponse([factor.to_json() for factor in user.factors])


@router.delete("/{factor_id}")
async def delete_factor(
    admin: Admin,
    user_id: UserId,
    factor_id: Annotated[uuid.UUID, Depends(_factor_id)],
    context: Context,
) -> JSONResponse:
    """Remove a user's second factor. Sessions that have shown it lose what it gave them."""
    async with context.database.transaction("admin_delete_factor") as connection:
        user = await store.lock_user(connection, user_id)
        if user is None:
            raise AuthError(404, "user_not_found", "User not found")
        factor = await factor_store.load_factor(connection, user_id, factor_id)
        if factor is None:
            raise AuthError(404, "mfa_factor_not_found", "Factor not found")
        await factor_store.delete_factor(connection, factor.id)
        await sessions.lower_sessions(connection, factor.id)
        await audit.add_audit_entry(
            connection,
            "factor_deleted",
            admin_role=admin.role,
            traits={"user_id": str(user_id), "factor_id": str(factor.id)},
        )
    context.events.labels("admin_factor_deleted").inc()
    return JSONResponse(factor.to_json())
