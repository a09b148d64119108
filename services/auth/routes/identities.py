"""`/user/identities`: users link and unlink their identities at providers."""

import uuid

import asyncpg
from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from services.auth import audit, store
from services.auth.context import Caller, Context, Redirect, SignedIn
from services.auth.errors import AuthError, validation_failed
from services.auth.external.identities import remove_identity
from services.auth.external.requests import address_at_provider
from services.auth.models import Identity, User
from services.auth.redirect_answers import see_other


async def _manual_linking(context: Context) -> None:
    """Refuse the request where the operator has not switched manual linking on."""
    if not context.settings.manual_linking_enabled:
        raise AuthError(404, "manual_linking_disabled", "Manual linking is disabled")


router = APIRouter(
    prefix="/user/identities", tags=["user"], dependencies=[Depends(_manual_linking)]
)


@router.get("/authorize")
async def link_identity(
    request: Request, caller: SignedIn, context: Context, redirect_to: Redirect
) -> Response:
    """Send the signed-in user's browser to a provider; with `skip_http_redirect` only say where."""
    _check_second_factor(caller)
    address = await address_at_provider(
        context, request.query_params, redirect_to, linking_target=caller.user.id
    )
    if request.query_params.get("skip_http_redirect") == "true":
        return JSONResponse({"url": address}, headers={"Cache-Control": "no-store"})
    return see_other(address, status=302)


@router.delete("/{identity_id}")
async def unlink_identity(identity_id: str, caller: SignedIn, context: Context) -> JSONResponse:
    """Remove one of the signed-in user's identities; one must stay."""
    try:
        wanted = uuid.UUID(identity_id)
    except ValueError:
        raise validation_failed("identity_id must be an UUID", status=404) from None
    _check_second_factor(caller)
    async with context.database.transaction("unlink_identity") as connection:
        user = await store.lock_user(connection, caller.user.id)
        if user is None:
            raise AuthError(403, "user_not_found", "User from sub claim in JWT does not exist")
        identities = user.identities or ()
        if len(identities) <= 1:
            raise AuthError(
                422,
                "single_identity_not_deletable",
                "User must have at least 1 identity after unlinking",
            )
        identity = next((one for one in identities if one.id == wanted), None)
        if identity is None:
            raise AuthError(422, "identity_not_found", "Identity doesn't exist")
        await audit.add_audit_entry(
            connection,
            "identity_unlinked",
            actor=user,
            traits={
                "identity_id": str(identity.id),
                "provider": identity.provider,
                "provider_id": identity.provider_id,
            },
        )
        await _remove(connection, user, identity)
    context.events.labels("identity_unlinked").inc()
    return JSONResponse({})


def _check_second_factor(caller: Caller) -> None:
    lacks_factor = caller.session is None or caller.session.aal == "aal1"
    if caller.user.has_second_factor and lacks_factor:
        raise AuthError(
            401,
            "insufficient_aal",
            "AAL2 session is required to link or unlink an identity when MFA is enabled.",
        )


async def _remove(connection: asyncpg.Connection, user: User, identity: Identity) -> None:
    """Remove an identity, and what is left of it in the account."""
    if identity.provider == "phone":
        await store.remove_phone(connection, user.id)
    else:
        await _keep_an_address(connection, user, identity)
    if identity.provider == "email":
        # A password would be a way in that no identity shows.
        await store.set_password(connection, user.id, "")
    await remove_identity(connection, user.id, identity.id)


async def _keep_an_address(connection: asyncpg.Connection, user: User, identity: Identity) -> None:
    """Let the user's address be one of an identity that stays.

    Raises:
        AuthError: None of them has a verified one that is free.
    """
    others = [one for one in user.identities or () if one.id != identity.id]
    if _address_of(identity) != user.email or user.email in map(_address_of, others):
        return
    for other in others:
        address = _address_of(other)
        if not address or other.data.get("email_verified") is not True:
            continue
        await store.reserve_contact(connection, address)
        if not await store.email_is_taken(connection, address, except_user=user.id):
            await store.set_email(connection, user.id, address)
            return
    raise AuthError(
        422,
        "email_conflict_identity_not_deletable",
        "Unable to unlink identity due to email conflict",
    )


def _address_of(identity: Identity) -> str:
    return str(identity.data.get("email") or "").lower()
