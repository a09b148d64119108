"""`GET /authorize`: refuses every external provider, since none can be switched on."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.auth.errors import validation_failed
from services.auth.providers import OAUTH_PROVIDERS

router = APIRouter(tags=["sign-in"])


@router.get("/authorize", status_code=400)
async def authorize(provider: Annotated[str, Query()] = "") -> None:
    """Say that the provider is not enabled, or that there is none of this name."""
    if provider.lower() in OAUTH_PROVIDERS:
        raise validation_failed("Unsupported provider: provider is not enabled")
    raise validation_failed(f"Unsupported provider: Provider {provider[:64]} could not be found")
