"""Answers to HTTP-01 challenges (RFC 8555, section 8.3): by token, while an order is open."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

PATH = "/.well-known/acme-challenge"


class Challenges:
    """What the directory may ask for at present."""

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}

    def offer(self, token: str, answer: str) -> None:
        """Answer a token from now on."""
        self._answers[token] = answer

    def withdraw(self) -> None:
        """Answer none any more."""
        self._answers.clear()

    def router(self) -> APIRouter:
        """The route; the gateway sends it nothing but tokens."""
        router = APIRouter()

        @router.get(f"{PATH}/{{token}}")
        async def challenge(token: str) -> Response:
            answer = self._answers.get(token)
            if answer is None:
                raise HTTPException(404)
            return Response(answer, media_type="application/octet-stream")

        return router
