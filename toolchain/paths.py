"""Where a checkout keeps its local state, and where downloads and builds are cached."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
LOCAL = REPOSITORY / ".plinth"
BINARIES = LOCAL / "bin"
PULUMI_HOME = LOCAL / "pulumi"
STATE = LOCAL / "state"
PASSPHRASE = LOCAL / "passphrase"
LOGS = LOCAL / "log"
ENVIRONMENT = REPOSITORY / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
POLICIES = REPOSITORY / "policies"


def cache_root() -> Path:
    """The cache that every checkout of this user shares: `$XDG_CACHE_HOME/plinth`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "plinth"


def make_private(folder: Path) -> Path:
    """Create a folder that only its owner can enter, and return it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
