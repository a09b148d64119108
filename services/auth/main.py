"""The application: its parts, its routes, its lifespan."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI

from services.auth.background import BackgroundWork
from services.auth.context import AuthContext
from services.auth.errors import error_answer, install_error_answers
from services.auth.external.flow_secrets import FlowSecrets
from services.auth.external.outbound import Outbound
from services.auth.external.providers import make_provider
from services.auth.mail.templates import TEMPLATE_NAMES
from services.auth.mail.transport import MailTransport, SmtpServer
from services.auth.mail_frequency import MailFrequency
from services.auth.one_time_tokens import TokenDigests
from services.auth.passwords import Passwords
from services.auth.redirects import RedirectRules
from services.auth.routes import (
    admin,
    admin_factors,
    admin_links,
    audit_log,
    authorize,
    callback,
    factors,
    identities,
    logout,
    public,
    reauthentication,
    recovery,
    signup,
    token,
    unavailable,
    user,
    verify,
)
from services.auth.settings import AuthSettings, unsupported_variables
from services.auth.version import VERSION
from services.shared.body_limit import BodyLimitMiddleware
from services.shared.database import Database
from services.shared.health import Dependency, health_router
from services.shared.logs import configure_logs
from services.shared.metrics import Metrics
from services.shared.request_context import RequestContextMiddleware
from services.shared.settings import SettingsError, load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

logger = structlog.get_logger()

_ROUTERS = (
    public.router,
    signup.router,
    recovery.router,
    verify.router,
    authorize.router,
    callback.router,
    token.router,
    user.router,
    identities.router,
    reauthentication.router,
    factors.router,
    logout.router,
    admin.router,
    admin_factors.router,
    admin_links.router,
    audit_log.router,
    unavailable.router,
)


def create_app(settings: AuthSettings | None = None) -> FastAPI:
    """Build the application.

    Args:
        settings: None reads them from the environment.

    Raises:
        SystemExit: The environment does not hold usable settings; the message is one line.
    """
    if settings is None:
        try:
            settings = load_settings(AuthSettings)
        except SettingsError as error:
            raise SystemExit(f"auth cannot start: {error}") from None
    configure_logs(service="auth", version=VERSION, level=settings.log_level)
    metrics = Metrics()
    outbound = Outbound(metrics, plain_http=settings.external_plain_http)
    context = AuthContext(
        settings=settings,
        keys=settings.signing_keys,
        database=Database(
            settings.database_url.get_secret_value(),
            metrics=metrics,
            application="auth",
            pool_size=settings.database_pool_size,
        ),
        passwords=Passwords(settings.password_minimum_length),
        events=metrics.counter("auth_events", "What users and administrators did.", ("event",)),
        mail=MailTransport(_smtp_server(settings), metrics),
        templates={name: settings.template(name) for name in TEMPLATE_NAMES},
        tokens=TokenDigests(settings.signing_keys.derive("one-time tokens")),
        frequency=MailFrequency(settings.smtp_max_frequency),
        redirects=RedirectRules.from_globs(settings.site, settings.uri_allow_list),
        providers={
            name: make_provider(provider, outbound, plain_http=settings.external_plain_http)
            for name, provider in settings.providers().items()
        },
        flow_secrets=FlowSecrets(settings.signing_keys.derive("external sign-in")),
        background=BackgroundWork(),
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if unsupported := unsupported_variables(os.environ):
            logger.warning("settings of GoTrue that are not supported", names=unsupported)
        await context.database.open()
        logger.info("started", key_id=context.keys.identifier)
        yield
        await context.background.close()
        context.passwords.close()
        await context.database.close()
        logger.info("stopped")

    app = FastAPI(
        title="Plinth auth",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.context = context
    install_error_answers(app)
    for router in _ROUTERS:
        app.include_router(router)
    database = Dependency("database", context.database.check)
    app.include_router(health_router([database], metrics))
    # The one added last is the outermost: a refused body has a request id and a log line too.
    app.add_middleware(BodyLimitMiddleware, answer=error_answer)
    app.add_middleware(RequestContextMiddleware, metrics=metrics)
    return app


def _smtp_server(settings: AuthSettings) -> SmtpServer:
    return SmtpServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        user=settings.smtp_user,
        password=settings.smtp_password.get_secret_value(),
        verified_tls=settings.smtp_verified_tls,
    )
