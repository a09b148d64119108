"""`/health/live`, `/health/ready` and `/metrics`, the same in every service."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request  # noqa: TC002  (FastAPI reads the annotation)
from starlette.responses import JSONResponse, Response

from services.shared.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from fastapi import FastAPI

    from services.shared.metrics import Metrics

CHECK_SECONDS = 2.0


@dataclass(frozen=True)
class Dependency:
    """Something that a service needs to do its work.

    Attributes:
        name: As it appears in the readiness answer.
        check: Returns when the dependency answers, raises when it does not.
    """

    name: str
    check: Callable[[], Awaitable[None]]


def withdraw(application: FastAPI) -> None:
    """Answer from now on that the service is not ready: it has been told to stop."""
    application.state.withdrawn = True


def health_router(dependencies: Sequence[Dependency], metrics: Metrics) -> APIRouter:
    """Routes by which the engine and Prometheus look at the service.

    Live says that the process answers. Ready says with 200 or 503 whether it wants requests: it
    stays, and its dependencies answer.
    """
    router = APIRouter(tags=["health"])

    @router.get("/health/live")
    async def live() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @router.get("/health/ready")
    async def ready(request: Request) -> JSONResponse:
        details = await asyncio.gather(*map(_state, dependencies))
        if getattr(request.app.state, "withdrawn", False):
            details.append({"name": "process", "status": "unavailable", "error": "told to stop"})
        if any(detail["error"] is not None for detail in details):
            return JSONResponse({"status": "degraded", "details": details}, status_code=503)
        return JSONResponse({"status": "ok"})

    @router.get("/metrics")
    async def metrics_page() -> Response:
        return metrics.page()

    return router


async def _state(dependency: Dependency) -> dict[str, str | None]:
    error: str | None = None
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await dependency.check()
    except TimeoutError:
        error = f"no answer within {CHECK_SECONDS:g} s"
    except (ServiceError, OSError) as failure:
        error = str(failure)
    return {
        "name": dependency.name,
        "status": "ok" if error is None else "unavailable",
        "error": error,
    }
