"""The application: its parts, its routes, its lifespan."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI

from services.auth.attempts import Attempts, Limit
from services.auth.background import BackgroundWork
from services.auth.context import AuthContext
from services.auth.errors import error_answer, install_error_answers
from services.auth.external.flow_secrets import FlowSecrets
from services.auth.external.outbound import Outbound
from services.auth.external.providers import make_provider
from services.auth.hooks.access_token import AccessTokenHook
from services.auth.housekeeping import OVERLAP_SECONDS, housekeeping
from services.auth.mail.templates import TEMPLATE_NAMES
from services.auth.mail.transport import MailTransport, SmtpServer
from services.auth.mail_frequency import MailFrequency
from services.auth.one_time_tokens import TokenDigests
from services.auth.openapi import install_document
from services.auth.passwords import Passwords
from services.auth.rate_limits import LimitedRequest, Rate, RateLimits
from services.auth.redirects import RedirectRules
from services.auth.refresh_tokens import RefreshTokenValues
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
from services.shared.settings import settings_or_exit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

logger = structlog.get_logger()

# Tried in this order: the ones that are asked most come first.
ROUTERS = (
    token.router,
    user.router,
    public.router,
    signup.router,
    recovery.router,
    verify.router,
    authorize.router,
    callback.router,
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
        settings = settings_or_exit(AuthSettings, service="auth")
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
        passwords=Passwords(
            settings.password_minimum_length,
            breached=settings.breached_passwords,
            refuse_unchecked=settings.hibp_fail_closed,
        ),
        events=metrics.counter("auth_events", "What users and administrators did.", ("event",)),
        mail=MailTransport(_smtp_server(settings), metrics),
        templates={name: settings.template(name) for name in TEMPLATE_NAMES},
        tokens=TokenDigests(settings.signing_keys.derive("one-time tokens")),
        refresh_tokens=RefreshTokenValues(settings.signing_keys.derive("refresh tokens")),
        attempts=_attempts(settings),
        rate_limits=_rate_limits(settings),
        access_token_hook=_access_token_hook(settings),
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
        async with housekeeping(context.database, after_seconds=OVERLAP_SECONDS):
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
    for router in ROUTERS:
        app.include_router(router)
    database = Dependency("database", context.database.check)
    app.include_router(health_router([database], metrics))
    install_document(app, ROUTERS)
    # The one added last is the outermost: a refused body has a request id and a log line too.
    app.add_middleware(BodyLimitMiddleware, answer=error_answer)
    app.add_middleware(RequestContextMiddleware, metrics=metrics)
    return app


def _attempts(settings: AuthSettings) -> Attempts:
    return Attempts(
        settings.signing_keys.derive("attempts"),
        by_address=Limit(
            settings.attempts_by_address,
            settings.attempts_first_wait_seconds,
            settings.attempts_by_address_longest_seconds,
            remembered_hours=24,
        ),
        by_account=Limit(
            settings.attempts_by_account,
            settings.attempts_first_wait_seconds,
            settings.attempts_by_account_longest_seconds,
            remembered_hours=1,
        ),
    )


def _rate_limits(settings: AuthSettings) -> RateLimits:
    """Limits over the times that GoTrue counts them over."""
    by_address: dict[LimitedRequest, Rate] = {
        "anonymous": Rate(settings.rate_limit_anonymous_users, seconds=3600),
        "challenge": Rate(settings.rate_limit_challenge, seconds=60),
        "otp": Rate(settings.rate_limit_otp, seconds=300),
        "signup": Rate(settings.rate_limit_otp, seconds=300),
        "token": Rate(settings.rate_limit_token_refresh, seconds=300),
        "verify": Rate(settings.rate_limit_verify, seconds=300),
    }
    return RateLimits(
        by_address if settings.rate_limit_header else {},
        mails=Rate.parse(settings.rate_limit_email_sent, seconds=3600),
    )


def _access_token_hook(settings: AuthSettings) -> AccessTokenHook | None:
    target = settings.access_token_hook
    return None if target is None else AccessTokenHook(target)


def _smtp_server(settings: AuthSettings) -> SmtpServer:
    return SmtpServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        user=settings.smtp_user,
        password=settings.smtp_password.get_secret_value(),
        verified_tls=settings.smtp_verified_tls,
    )
