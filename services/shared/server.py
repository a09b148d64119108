"""Runs a service: one uvicorn worker that leaves without dropping a request, and exits 0.

At SIGTERM it says that it is not ready and goes on serving until the gateway has seen that and
sends its requests to another container of the service. Then it takes no more, and lets requests
that are under way end.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import uvicorn

from services.shared.health import withdraw

if TYPE_CHECKING:
    from types import FrameType

    from fastapi import FastAPI

WITHDRAWAL_SECONDS = 3.0
"""More than the gateway needs to notice: it asks every second (infra/gateway/envoy/clusters.py)."""

DRAIN_SECONDS = 10
KEEP_ALIVE_SECONDS = 75
MAXIMUM_CONCURRENT_REQUESTS = 512


class WithdrawingServer(uvicorn.Server):
    """Stays open for a while after SIGTERM, as a service that wants no more requests.

    Args:
        application: What is served; its readiness is withdrawn.
        config: uvicorn's settings.
        withdrawal_seconds: How long it stays open. A second signal ends the wait.
    """

    def __init__(
        self, application: FastAPI, config: uvicorn.Config, withdrawal_seconds: float
    ) -> None:
        super().__init__(config)
        self._application = application
        self._withdrawal_seconds = withdrawal_seconds
        self._closes_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal: uvicorn's own way to stop, but not at once at the first SIGTERM."""
        if sig == signal.SIGTERM and self._closes_at is None:
            withdraw(self._application)
            self._closes_at = time.monotonic() + self._withdrawal_seconds
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Say ten times a second whether to stop."""
        if self._closes_at is not None and time.monotonic() >= self._closes_at:
            self.should_exit = True
        return await super().on_tick(counter)


def serve(
    application: FastAPI,
    *,
    host: str,
    port: int,
    withdrawal_seconds: float = WITHDRAWAL_SECONDS,
) -> None:
    """Serve until SIGTERM or SIGINT; requests under way then get DRAIN_SECONDS to finish."""
    # uvicorn raises the signal again once it has drained; the default action would turn a clean
    # end into exit code 143.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        limit_concurrency=MAXIMUM_CONCURRENT_REQUESTS,
    )
    WithdrawingServer(application, config, withdrawal_seconds).run()
