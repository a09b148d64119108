"""supabase-js for the tests: as locked beside this module."""

from pathlib import Path

from tests.node_packages import node_modules

SOURCES = Path(__file__).parent

ENVIRONMENT = {
    # The client asks for a WebSocket when it is made. Node.js 22 has one; 20 hides its own.
    "NODE_OPTIONS": "--experimental-websocket"
}


def offer_to(folder: Path) -> None:
    """Let scripts in a folder import the packages, which Node.js looks for beside the script."""
    (folder / "node_modules").symlink_to(node_modules(SOURCES, "supabase-js"))
