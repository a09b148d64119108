"""`GET /authorize`: sends a browser to a provider."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from services.auth.context import Context, Redirect
from services.auth.external.requests import address_at_provider
from services.auth.redirect_answers import see_other

router = APIRouter(tags=["sign-in"])


@router.get("/authorize", status_code=302)
async def authorize(request: Request, context: Context, redirect_to: Redirect) -> HTMLResponse:
    """Begin a sign-in: `provider`, `redirect_to`, `scopes`, and with PKCE `code_challenge`."""
    address = await address_at_provider(context, request.query_params, redirect_to)
    return see_other(address, status=302)
