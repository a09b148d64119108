"""Packages of npm for the tests: as locked beside them, installed once into the user's cache."""

from __future__ import annotations

import functools
import hashlib
import shutil
import subprocess
from typing import TYPE_CHECKING

from toolchain import paths

if TYPE_CHECKING:
    from pathlib import Path

MANIFESTS = ("package.json", "package-lock.json")
INSTALL_SECONDS = 300


@functools.cache
def installation(sources: Path) -> Path:
    """The folder of the installed packages; needs Node.js 20 or newer and npm.

    Args:
        sources: Folder that holds the manifests. Its name is that of its place in the cache, where
            each state of the manifests has a place of its own.

    Raises:
        AssertionError: npm could not install them; carries what it said.
    """
    locked = b"".join((sources / name).read_bytes() for name in MANIFESTS)
    digest = hashlib.sha256(locked).hexdigest()[:16]
    folder = paths.cache_root() / "node-packages" / f"{sources.name}-{digest}"
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in MANIFESTS:
            shutil.copy(sources / name, folder)
        ended = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        # Written last: an installation that was cut off is done again.
        (folder / "installed").touch()
    return folder


def offer_to(folder: Path, sources: Path) -> None:
    """Let scripts in a folder import the packages, which Node.js looks for beside the script."""
    (folder / "node_modules").symlink_to(installation(sources) / "node_modules")
