"""Work that is done after a request was answered, and waited for when the service stops."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import Coroutine

logger = structlog.get_logger()

_LONGEST_WAIT_SECONDS = 8.0


class BackgroundWork:
    """Runs coroutines that no request waits for."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run the work. What it raises is logged under the name, without its message."""
        task = asyncio.create_task(_logged(work, name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait until all work has ended, or cancel it after a while."""
        if not self._tasks:
            return
        _done, late = await asyncio.wait(self._tasks, timeout=_LONGEST_WAIT_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


async def _logged(work: Coroutine[Any, Any, None], name: str) -> None:
    try:
        await work
    except Exception as error:  # noqa: BLE001  (nobody else would hear of it)
        logger.error("background work failed", work=name, reason=type(error).__name__)  # noqa: TRY400  (a message may quote an address)
