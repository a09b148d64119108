"""Errors that end a request, and the envelope in which most services answer them.

A handler raises `ServiceError` (or one of the ready-made ones below) and never builds an error
answer itself. Services that keep another system's error shape (auth, storage) install their own
handlers for the same exceptions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from services.shared.request_id import current_request_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

logger = structlog.get_logger()

UNEXPECTED_MESSAGE = "Unexpected failure; the service's log has the request id"

_CODES_BY_STATUS = {
    404: ("not_found", "Nothing is served at this path"),
    405: ("method_not_allowed", "This path does not take this method"),
}


@dataclass(frozen=True)
class ErrorDetail:
    """One field of a payload that was refused, and why."""

    field: str
    reason: str


class ServiceError(Exception):
    """A request ends with this error.

    Attributes:
        status: HTTP status code.
        code: Stable name in snake_case that a program can act on.
        message: One sentence for a person; never a secret, never an internal detail.
        details: Fields that were refused, if any.
        headers: Additional response headers.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[ErrorDetail] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = tuple(details)
        self.headers = dict(headers or {})


class DependencyUnavailableError(ServiceError):
    """A store or another service does not answer. The client may try again: status 503."""

    def __init__(self, dependency: str) -> None:
        super().__init__(
            503,
            "dependency_unavailable",
            f"{dependency} is not available, try again",
            headers={"Retry-After": "1"},
        )
        self.dependency = dependency


class PayloadTooLargeError(ServiceError):
    """The request's body is longer than the service takes: status 413."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            413, "payload_too_large", f"The request body is larger than {limit_bytes} bytes"
        )


class InvalidJsonError(ServiceError):
    """The request's body is not acceptable JSON: status 400."""

    def __init__(self, reason: str) -> None:
        super().__init__(400, "invalid_json", reason)


def success(
    data: object, *, status: int = 200, pagination: Mapping[str, int] | None = None
) -> JSONResponse:
    """Answer in the common envelope.

    Args:
        data: What was asked for, ready for JSON.
        status: HTTP status code.
        pagination: `limit`, `offset` and `total` of a list.
    """
    meta: dict[str, Any] = {"request_id": current_request_id()}
    if pagination is not None:
        meta["pagination"] = dict(pagination)
    body = {"success": True, "data": data, "error": None, "meta": meta}
    return JSONResponse(body, status_code=status)


def failure(error: ServiceError) -> JSONResponse:
    """Error in the common envelope."""
    described: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.details:
        described["details"] = [
            {"field": detail.field, "reason": detail.reason} for detail in error.details
        ]
    body = {
        "success": False,
        "data": None,
        "error": described,
        "meta": {"request_id": current_request_id()},
    }
    return JSONResponse(body, status_code=error.status, headers=error.headers)


def install_envelope_errors(app: FastAPI) -> None:
    """Answer every error of the application in the common envelope."""

    async def on_service_error(_request: Request, error: Exception) -> Response:
        assert isinstance(error, ServiceError)  # noqa: S101  (registered for this type alone)
        return failure(error)

    async def on_http_error(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  (registered for this type alone)
        code, message = _CODES_BY_STATUS.get(error.status_code, ("http_error", str(error.detail)))
        return failure(ServiceError(error.status_code, code, message, headers=error.headers))

    async def on_unexpected(_request: Request, _error: Exception) -> Response:
        return failure(ServiceError(500, "internal_error", UNEXPECTED_MESSAGE))

    app.add_exception_handler(ServiceError, on_service_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(Exception, on_unexpected)
