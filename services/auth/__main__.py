"""Entry point: `python -m services.auth`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.auth.main import create_app
from services.shared.server import serve

if TYPE_CHECKING:
    from services.auth.settings import AuthSettings

if __name__ == "__main__":
    application = create_app()
    settings: AuthSettings = application.state.settings
    serve(application, host=settings.api_host, port=settings.api_port)
