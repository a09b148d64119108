"""Endpoints of GoTrue that this version does not offer: each answers 404, in GoTrue's error form.

They are named one by one, because clients of GoTrue know them and understand its error form, while
a path that GoTrue does not have either gets its router's plain 404.
"""

from fastapi import APIRouter
from starlette.responses import JSONResponse

from services.auth.errors import AuthError

UNAVAILABLE_PATHS = (
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/admin/sso/providers",
    "/admin/sso/providers/{provider_id}",
    "/sso",
    "/sso/saml/acs",
    "/sso/saml/metadata",
)

router = APIRouter(include_in_schema=False)


async def _not_offered() -> JSONResponse:
    raise AuthError(404, "feature_disabled", "This endpoint is not offered by this version")


for _path in UNAVAILABLE_PATHS:
    router.add_api_route(_path, _not_offered, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
