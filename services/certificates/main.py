"""The application: challenges, health and metrics, with the renewal beside them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import TYPE_CHECKING

from fastapi import FastAPI

from services.certificates.challenges import Challenges
from services.certificates.directory import Directory
from services.certificates.measurements import Measurements
from services.certificates.pair import PairFolder
from services.certificates.renewal import Renewal
from services.certificates.settings import CertificatesSettings
from services.shared.errors import install_envelope_errors
from services.shared.health import Dependency, health_router
from services.shared.logs import configure_logs
from services.shared.metrics import Metrics
from services.shared.request_context import RequestContextMiddleware
from services.shared.settings import settings_or_exit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

VERSION = "0.1.0"


def create_app(settings: CertificatesSettings | None = None) -> FastAPI:
    """Build the application. A pair to start with is in place when it serves.

    Args:
        settings: None reads them from the environment.

    Raises:
        SystemExit: The environment does not hold usable settings; the message is one line.
    """
    if settings is None:
        settings = settings_or_exit(CertificatesSettings, service="certificates")
    configure_logs(service="certificates", version=VERSION, level=settings.log_level)
    metrics = Metrics()
    challenges = Challenges()
    days = settings.renew_before_days
    renewal = Renewal(
        names=settings.names,
        directory_url=settings.directory_url,
        directory=Directory(settings, challenges),
        folder=PairFolder(settings.issued_folder),
        measurements=Measurements(metrics),
        before=timedelta(days=days) if days else None,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        renewal.show_something()
        stop = Event()
        # A conversation that is under way ends with the process; the next start begins another.
        Thread(target=renewal.run, args=(stop,), name="renewal", daemon=True).start()
        yield
        stop.set()

    app = FastAPI(
        title="Plinth certificates",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    install_envelope_errors(app)
    app.include_router(challenges.router())
    app.include_router(health_router([Dependency("certificate", renewal.check)], metrics))
    app.add_middleware(RequestContextMiddleware, metrics=metrics)
    return app
