"""Kong's own JSON Schema of declarative files, as its tool decK has it, out of the cache.

It comes from a Go module by Go's own client, which looks it up in the checksum database; what is in
it is pinned here besides.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from toolchain import go, paths
from toolchain.console import Step

MODULE = "github.com/kong/go-database-reconciler@v1.41.1"
FILE = "pkg/file/kong_json_schema.json"
SHA256 = "0d7ee109b2891513ff1420a095890ca15988e23b8f6364a775f2739ae4f428c0"


def read() -> dict[str, Any]:
    """The schema (JSON Schema, draft 4)."""
    folder = paths.cache_root() / "kong-schema"
    file = folder / f"{SHA256}.json"
    folder.mkdir(parents=True, exist_ok=True)
    # Several workers of a test run may want it at once.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            file.write_bytes(_downloaded(folder))
        content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        file.unlink()
        raise AssertionError(f"{FILE} of {MODULE} is not the one that is pinned")
    schema: dict[str, Any] = json.loads(content)
    return schema


def _downloaded(folder: Path) -> bytes:
    described = subprocess.run(
        [go.prepare(Step("Go")), "mod", "download", "-json", MODULE],
        cwd=folder,
        env={**os.environ, "GOFLAGS": "", "GOWORK": "off"},
        check=True,
        capture_output=True,
    )
    return (Path(json.loads(described.stdout)["Dir"]) / FILE).read_bytes()
