"""The content of an image's build context as one digest, the same on every machine.

Only what reaches the image counts: relative paths, the executable bit and the bytes. Times, owners
and the rest of the mode depend on the checkout and are left out.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from docker.utils import exclude_paths

if TYPE_CHECKING:
    from collections.abc import Iterable

_OWNER_MAY_EXECUTE = 0o100


class BuildContextError(Exception):
    """A build context misses something that its image is built from."""


def files_of(context: Path, sources: Iterable[str]) -> list[Path]:
    """Files below `context` that its .dockerignore lets through, relative to it and sorted.

    Args:
        context: Folder that is sent to the engine.
        sources: Paths inside it that the Dockerfile copies; `.` stands for all.

    Raises:
        BuildContextError: The folder or one of the sources does not exist.
    """
    if not context.is_dir():
        raise BuildContextError(f"build context {context} does not exist; restore it from git")
    wanted = [Path(source) for source in sources]
    for source in wanted:
        if not (context / source).exists():
            raise BuildContextError(
                f"build context {context} has no {source}; its image cannot be built without it"
            )
    return sorted(
        relative
        for relative in map(Path, exclude_paths(str(context), _ignored(context)))
        if (context / relative).is_file()
        and any(relative.is_relative_to(source) for source in wanted)
    )


def digest(parts: Iterable[tuple[str, bytes, bool]]) -> str:
    """SHA-256 in hex over named contents.

    Args:
        parts: Name, bytes and whether the owner may execute them, in a fixed order.
    """
    sum_of_parts = hashlib.sha256()
    for name, content, executable in parts:
        header = f"{name}\0{int(executable)}\0{len(content)}\0"
        sum_of_parts.update(header.encode() + content)
    return sum_of_parts.hexdigest()


def file_parts(context: Path, files: Iterable[Path]) -> list[tuple[str, bytes, bool]]:
    """The parts of `digest` for files given relative to `context`."""
    return [
        (
            relative.as_posix(),
            (context / relative).read_bytes(),
            bool((context / relative).stat().st_mode & _OWNER_MAY_EXECUTE),
        )
        for relative in files
    ]


def _ignored(context: Path) -> list[str]:
    try:
        lines = (context / ".dockerignore").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    patterns = (line.strip() for line in lines)
    return [pattern for pattern in patterns if pattern and not pattern.startswith("#")]
