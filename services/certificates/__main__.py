"""Entry point: `python -m services.certificates`."""

from __future__ import annotations

from services.certificates.main import create_app
from services.shared.server import serve

HOST, PORT = "0.0.0.0", 8080  # noqa: S104  (inside the container)

if __name__ == "__main__":
    # Nobody waits for another container of it: a stop need not be announced.
    serve(create_app(), host=HOST, port=PORT, withdrawal_seconds=0)
