"""npm packages of the tests: as locked beside who uses them, installed once into the cache."""

import functools
import hashlib
import shutil
import subprocess
from pathlib import Path

from toolchain import paths

MANIFESTS = ("package.json", "package-lock.json")
INSTALL_SECONDS = 300


@functools.cache
def node_modules(sources: Path, name: str) -> Path:
    """The folder of the installed packages; needs Node.js 20 or newer and npm.

    Args:
        sources: The folder of the manifests.
        name: Of the folder in the cache.

    Raises:
        AssertionError: npm could not install them; carries what it said.
    """
    locked = b"".join((sources / manifest).read_bytes() for manifest in MANIFESTS)
    folder = paths.cache_root() / name / hashlib.sha256(locked).hexdigest()[:16]
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for manifest in MANIFESTS:
            shutil.copy(sources / manifest, folder)
        installation = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
        assert installation.returncode == 0, installation.stderr
        # Written last: an installation that was cut off is done again.
        (folder / "installed").touch()
    return folder / "node_modules"
