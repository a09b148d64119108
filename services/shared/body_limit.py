"""Refuses request bodies that are too long, before and while they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.shared.errors import PayloadTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

DEFAULT_LIMIT_BYTES = 1024 * 1024


class BodyLimitMiddleware:
    """ASGI middleware that answers 413 to a body over the limit.

    A declared length over the limit is answered at once; a body of undeclared length is counted
    while the application reads it, so that no more than the limit is ever held.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        answer: Callable[[Scope, PayloadTooLargeError], Response],
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
    ) -> None:
        self._app = app
        self._answer = answer
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._declared_length(scope) > self._limit_bytes:
            response = self._answer(scope, PayloadTooLargeError(self._limit_bytes))
            # The rest of the body is not read: the connection cannot carry another request.
            response.headers["Connection"] = "close"
            await response(scope, receive, send)
            return

        received = 0

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self._limit_bytes:
                    raise PayloadTooLargeError(self._limit_bytes)
            return message

        await self._app(scope, counted_receive, send)

    @staticmethod
    def _declared_length(scope: Scope) -> int:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit():
                return int(value)
        return 0
