"""Programs of the tests' own that are built from Go modules, once, into the cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from typing import TYPE_CHECKING

from toolchain import go, paths
from toolchain.console import Step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def build(module: Path, sources: Sequence[str], packages: Sequence[str]) -> Path:
    """Folder with the programs, out of the cache, built where they are missing.

    Args:
        module: Folder with `go.mod`; its name is the cache's.
        sources: Files in it that decide what is built.
        packages: What is built, as Go names it; each program is called after its last part.
    """
    parts = [(module / name).read_bytes() for name in sources]
    folder = paths.cache_root() / module.name / hashlib.sha256(b"\0".join(parts)).hexdigest()
    programs = folder / "programs"
    folder.mkdir(parents=True, exist_ok=True)
    # Several workers of a test run may want them at once.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not programs.exists():
            built = folder / "built"
            built.mkdir(exist_ok=True)
            compiler = go.prepare(Step("Go"))
            subprocess.run(
                [compiler, "build", "-mod=readonly", "-trimpath", "-o", f"{built}/", *packages],
                cwd=module,
                env={**os.environ, "GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0"},
                check=True,
            )
            built.rename(programs)
    return programs
