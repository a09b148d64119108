"""Errors in GoTrue's form.

Without a version header: `{"code": 422, "error_code": "weak_password", "msg": "…"}`. With
`X-Supabase-Api-Version: 2024-01-01` or later: `{"code": "weak_password", "message": "…"}`, and the
header comes back. An unknown path answers plain text and a wrong method an empty body, as GoTrue's
router does.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response

from services.shared.errors import DependencyUnavailableError, InvalidJsonError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.types import Scope

VERSION_HEADER = "X-Supabase-Api-Version"
_VERSION_2024 = dt.date(2024, 1, 1)


class AuthError(ServiceError):
    """A request is refused with one of GoTrue's error codes."""


class WeakPasswordError(AuthError):
    """The password is not strong enough.

    Attributes:
        reasons: Which requirements it misses: `length`, `pwned`.
    """

    def __init__(self, message: str, reasons: Sequence[str]) -> None:
        super().__init__(422, "weak_password", message)
        self.reasons = tuple(reasons)


class OAuthError(AuthError):
    """A request is refused in the form of OAuth 2.0 (RFC 6749, section 5.2): status 400.

    Attributes:
        error: GoTrue's name of the kind of error.
    """

    def __init__(self, error: str, description: str) -> None:
        super().__init__(400, "validation_failed", description)
        self.error = error


def validation_failed(message: str, *, status: int = 400) -> AuthError:
    """A value is refused."""
    return AuthError(status, "validation_failed", message)


def install_error_answers(app: FastAPI) -> None:
    """Answer every error of the application in GoTrue's form."""

    async def on_service_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ServiceError)  # noqa: S101  (registered for this type alone)
        return error_answer(request.scope, error)

    async def on_http_error(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  (registered for this type alone)
        if error.status_code == 404:  # noqa: PLR2004  (not found)
            return PlainTextResponse("404 page not found\n", status_code=404)
        return Response(status_code=error.status_code, headers=error.headers)

    async def on_refused_parameter(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  (for this type alone)
        problem = error.errors()[0]
        name = str(problem["loc"][-1])
        return error_answer(request.scope, validation_failed(f"{name}: {problem['msg']}"))

    async def on_unexpected(request: Request, _error: Exception) -> Response:
        message = "Unexpected failure, please check server logs for more information"
        return error_answer(request.scope, ServiceError(500, "unexpected_failure", message))

    app.add_exception_handler(ServiceError, on_service_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_refused_parameter)
    app.add_exception_handler(Exception, on_unexpected)


def error_answer(scope: Scope, error: ServiceError) -> JSONResponse:
    """Answer for an error, in the form that the request's version header asks for."""
    if isinstance(error, OAuthError):
        content = {"error": error.error, "error_description": error.message}
        return JSONResponse(content, status_code=error.status, headers=error.headers)
    code, message = _in_words_of_gotrue(error)
    headers = dict(error.headers)
    body: dict[str, Any]
    if _asks_for_2024(Headers(scope=scope).get(VERSION_HEADER)):
        headers[VERSION_HEADER] = _VERSION_2024.isoformat()
        body = {"code": code, "message": message}
    else:
        body = {"code": error.status, "error_code": code, "msg": message}
    if isinstance(error, WeakPasswordError):
        body["weak_password"] = {"reasons": list(error.reasons)}
    return JSONResponse(body, status_code=error.status, headers=headers)


def _in_words_of_gotrue(error: ServiceError) -> tuple[str, str]:
    if isinstance(error, InvalidJsonError):
        return "bad_json", f"Could not parse request body as JSON: {error.message}"
    if isinstance(error, DependencyUnavailableError):
        return "unexpected_failure", "The database is not available, try again"
    return error.code, error.message


def _asks_for_2024(header: str | None) -> bool:
    try:
        return header is not None and dt.date.fromisoformat(header) >= _VERSION_2024
    except ValueError:
        return False
