"""How much memory each component holds while nobody calls."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.environment import Environment

IDLE_SECONDS = 30
MEBIBYTE = 1024 * 1024


def resident(usage: int, stats: Mapping[str, int]) -> int:
    """Bytes that a control group holds besides the page cache of files.

    Shared memory, which is where PostgreSQL keeps its buffers, is counted by the kernel as page
    cache although it cannot be dropped; it stays in. Both versions of control groups are read:
    `file` and `shmem` of version 2, `total_cache` and `total_shmem` of version 1
    (https://docs.kernel.org/admin-guide/cgroup-v2.html).

    Args:
        usage: All bytes charged to the group.
        stats: The group's memory.stat.
    """
    if "file" in stats:
        return usage - stats["file"] + stats["shmem"]
    return usage - stats["total_cache"] + stats.get("total_shmem", 0)


def measure(environment: Environment) -> dict[str, float]:
    """Mebibytes by component, after a time without requests."""
    time.sleep(IDLE_SECONDS)
    held = {}
    for component, container in sorted(environment.containers().items()):
        stats: Any = container.stats(stream=False, one_shot=True)
        memory = stats["memory_stats"]
        held[component] = resident(memory["usage"], memory["stats"]) / MEBIBYTE
    return held
