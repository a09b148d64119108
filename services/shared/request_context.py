"""What surrounds every request: its id, one access log line, its metrics."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers, MutableHeaders

from services.shared.request_id import HEADER, accept_request_id, bind_request_id

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from services.shared.metrics import Metrics

logger = structlog.get_logger()

UNMATCHED_ROUTE = "unmatched"

# Asked every few seconds by the engine and by Prometheus: logged only when they fail.
_QUIET_ROUTES = frozenset({"/health/live", "/health/ready", "/metrics"})


class RequestContextMiddleware:
    """Outermost ASGI middleware of a service."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = accept_request_id(Headers(scope=scope).get(HEADER))
        bind_request_id(request_id)
        started, status = perf_counter(), 500

        async def identified_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self._app(scope, receive, identified_send)
        finally:
            seconds = perf_counter() - started
            route = _route_template(scope)
            self._metrics.count_request(scope["method"], route, status, seconds)
            if route not in _QUIET_ROUTES or status >= 500:  # noqa: PLR2004  (server errors)
                logger.info(
                    "request",
                    method=scope["method"],
                    route=route,
                    status=status,
                    duration_ms=round(seconds * 1000, 1),
                )


def _route_template(scope: Scope) -> str:
    """Template of the route that matched. The path itself may hold ids and is not recorded."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else UNMATCHED_ROUTE
