"""supabase-js for the tests: as locked beside this module, installed once into the user's cache."""

import functools
import hashlib
import shutil
import subprocess
from pathlib import Path

from toolchain import paths

SOURCES = Path(__file__).parent
MANIFESTS = ("package.json", "package-lock.json")
INSTALL_SECONDS = 300

ENVIRONMENT = {
    # The client asks for a WebSocket when it is made. Node.js 22 has one; 20 hides its own.
    "NODE_OPTIONS": "--experimental-websocket"
}


@functools.cache
def node_modules() -> Path:
    """The folder of the installed packages; needs Node.js 20 or newer and npm.

    Raises:
        AssertionError: npm could not install them; carries what it said.
    """
    locked = b"".join((SOURCES / name).read_bytes() for name in MANIFESTS)
    folder = paths.cache_root() / "supabase-js" / hashlib.sha256(locked).hexdigest()[:16]
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in MANIFESTS:
            shutil.copy(SOURCES / name, folder)
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


def offer_to(folder: Path) -> None:
    """Let scripts in a folder import the packages, which Node.js looks for beside the script."""
    (folder / "node_modules").symlink_to(node_modules())
