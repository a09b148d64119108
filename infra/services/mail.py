"""A mail sink: keeps every mail instead of sending it. For development and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.container import ContainerService, ContainerSpec, PublishedPort
from infra.watch import Metrics

if TYPE_CHECKING:
    from infra.context import Context

WEB_PORT = 8025
SMTP_PORT = 1025


def declare(context: Context) -> ContainerService:
    """Declare the sink."""
    metrics = {"MP_ENABLE_PROMETHEUS": "true"} if context.config.observability.enabled else {}
    return ContainerService(
        ContainerSpec(
            component="mail",
            image=context.images.reference("mail"),
            user="1000:1000",
            environment={
                "MP_DATABASE": "/tmp/mailpit.db",  # noqa: S108  (lost with the container, as meant)
                "MP_DISABLE_VERSION_CHECK": "true",
                "MP_MAX_MESSAGES": "500",
                "MP_SMTP_BIND_ADDR": f"0.0.0.0:{SMTP_PORT}",
                "MP_UI_BIND_ADDR": f"0.0.0.0:{WEB_PORT}",
                **metrics,
            },
            networks=("backend",),
            ports=[PublishedPort(WEB_PORT, context.config.mail.port)],
            health=context.images.health_check("mail"),
            watch=Metrics(WEB_PORT),
            memory_mebibytes=128,
        ),
        context.site,
    )
