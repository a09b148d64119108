"""Runs a service: one uvicorn worker that drains on SIGTERM and exits 0."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from fastapi import FastAPI

DRAIN_SECONDS = 10
KEEP_ALIVE_SECONDS = 75
MAXIMUM_CONCURRENT_REQUESTS = 512


def serve(application: FastAPI, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; requests under way then get DRAIN_SECONDS to finish."""
    # uvicorn raises the signal again once it has drained; the default action would turn a clean
    # end into exit code 143.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    uvicorn.run(
        application,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(os.environ.get("GRACEFUL_SHUTDOWN_SECONDS", DRAIN_SECONDS)),
        limit_concurrency=MAXIMUM_CONCURRENT_REQUESTS,
    )
