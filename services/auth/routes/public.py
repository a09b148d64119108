"""What anyone may read: health, settings, public keys."""

from fastapi import APIRouter
from starlette.responses import JSONResponse

from services.auth.context import Context
from services.auth.external.settings import GOTRUE_PROVIDERS
from services.auth.version import VERSION

router = APIRouter(tags=["public"])


@router.get("/health")
async def health() -> JSONResponse:
    """Say that the process answers, in GoTrue's words. It does not look at the database."""
    return JSONResponse(
        {
            "version": VERSION,
            "name": "GoTrue",
            "description": "GoTrue is a user registration and authentication API",
        }
    )


@router.get("/settings")
async def settings(context: Context) -> JSONResponse:
    """What a sign-in form needs to know."""
    configured = context.settings
    return JSONResponse(
        {
            "external": {
                "anonymous_users": configured.anonymous_users_enabled,
                **dict.fromkeys(GOTRUE_PROVIDERS, False),
                **dict.fromkeys(context.providers, True),
                "phone": False,
                "email": configured.email_enabled,
            },
            "disable_signup": configured.disable_signup,
            "mailer_autoconfirm": configured.mailer_autoconfirm,
            "phone_autoconfirm": False,
            "sms_provider": "",
            "saml_enabled": False,
            # GoTrue answers true without any SAML configuration: no key waits to be rotated in.
            "saml_private_key_next_configured": True,
            "passkeys_enabled": False,
        }
    )


@router.get("/.well-known/jwks.json")
async def public_keys(context: Context) -> JSONResponse:
    """Public keys that verify access tokens (RFC 7517)."""
    return JSONResponse(
        {"keys": list(context.keys.public)},
        headers={"Cache-Control": "public, max-age=600"},
    )
