"""What the service tidies up by itself a while after its start."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from services.auth.refresh_tokens import digest_values
from services.shared.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.shared.database import Database

logger = structlog.get_logger()

OVERLAP_SECONDS = 60.0
"""For longer than this no container of the version before serves beside this one. It could not find
what is rewritten here."""


@asynccontextmanager
async def housekeeping(database: Database, *, after_seconds: float) -> AsyncIterator[None]:
    """Tidy up once, `after_seconds` into the block; its end does not wait for that."""
    task = asyncio.create_task(_tidy_up(database, after_seconds))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _tidy_up(database: Database, after_seconds: float) -> None:
    while True:
        await asyncio.sleep(after_seconds)
        try:
            replaced = await digest_values(database)
        except DependencyUnavailableError:
            continue
        if replaced:
            logger.info("refresh tokens in clear replaced by their digests", count=replaced)
        return
