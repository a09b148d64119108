"""The digest of a build context: changes when anything that the build sees changes.

Computed as the official provider does (``hashContext`` in pulumi-docker's provider.go), so that
both agree on whether an image is out of date.
"""

import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from docker.utils.build import PatternMatcher

from airgap.provider.resource import ProviderError

_DEFAULT_DOCKERFILE: Final = "Dockerfile"
_NO_MODE: Final = "----------"


def digest(context: Path, dockerfile: Path) -> str:
    """Return the SHA-256 of the Dockerfile and of every file that is not ignored, in hex.

    Args:
        context: The folder that is sent to the engine.
        dockerfile: Path of the Dockerfile, inside the context or outside.

    Raises:
        ProviderError: one of them does not exist or cannot be read.
    """
    if not dockerfile.is_file():
        raise ProviderError(f"build.dockerfile: there is no file {dockerfile}")
    if not context.is_dir():
        raise ProviderError(f"build.context: there is no folder {context}")
    whole = hashlib.sha256()
    try:
        whole.update(_entry(dockerfile, _DEFAULT_DOCKERFILE, _NO_MODE))
        for name in _files(context, dockerfile):
            path = context / name
            mode = stat.filemode(path.lstat().st_mode)
            whole.update(_entry(path, name, f"L{mode[1:]}" if path.is_symlink() else mode))
    except OSError as error:
        raise ProviderError(f"build.context: {error.filename}: {error.strerror}") from None
    return whole.hexdigest()


def ignore_file(context: Path, dockerfile: Path) -> Path:
    """Return the path of the ignore file that belongs to a Dockerfile; it may not exist."""
    own = context / f"{dockerfile.name}.dockerignore"
    return own if own.is_file() else context / ".dockerignore"


def _files(context: Path, dockerfile: Path) -> Iterator[str]:
    """Yield the paths that are not ignored, relative to the context, in the order of a walk."""
    ignored = ignore_file(context, dockerfile)
    lines = ignored.read_text().splitlines() if ignored.is_file() else []
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    names = [Path(name).as_posix() for name in PatternMatcher(patterns).walk(str(context))]
    for name in sorted(names, key=lambda path: path.split("/")):
        path = context / name
        if path.is_symlink() or not path.is_dir():
            yield name


def _entry(path: Path, name: str, mode: str) -> bytes:
    content = str(path.resolve()).encode() if path.is_symlink() else path.read_bytes()
    return name.encode() + mode.encode() + hashlib.sha256(content).digest() + b"\0"
