"""supabase-js for the tests."""

from pathlib import Path

from tests import node_packages

SOURCES = Path(__file__).parent

ENVIRONMENT = {
    # The client asks for a WebSocket when it is made. Node.js 22 has one; 20 hides its own.
    "NODE_OPTIONS": "--experimental-websocket"
}


def offer_to(folder: Path) -> None:
    """Let scripts in a folder import supabase-js."""
    node_packages.offer_to(folder, SOURCES)
