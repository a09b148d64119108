"""The firewall's container, in front of the gateway where the configuration asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.container import ContainerService, ContainerSpec
from infra.gateway import component as gateway_component
from infra.gateway.routes import ROUTES
from infra.gateway.settings import STOP_GRACE_SECONDS, Upstream
from infra.gateway.waf import runtime
from infra.gateway.waf.nginx import render
from infra.gateway.waf.rules import render_rules
from infra.gateway.waf.settings import WafSettings
from infra.services import certificates
from infra.watch import TcpProbe

if TYPE_CHECKING:
    from infra.config.gateway import Waf
    from infra.config.stack import StackConfig
    from infra.context import Context
    from infra.gateway.certificates import Certificate

MEMORY_MEBIBYTES = 512
"""Two processes with the rules take 55 MiB, and for a while twice as much when a certificate has
been renewed; the rest is for connections and bodies of up to 1 MiB."""

GATEWAY = Upstream(host="gateway", port=gateway_component.PORT)


def settings(config: StackConfig, waf: Waf) -> WafSettings:
    """What the rendering depends on, from the stack's configuration."""
    gateway = config.gateway
    return WafSettings(
        listen_port=gateway_component.PORT,
        redirect_port=gateway_component.REDIRECT_PORT,
        gateway=GATEWAY,
        tls=gateway_component.tls(config),
        secure=gateway_component.is_secure(config),
        trusted_proxies=gateway.trusted_proxies,
        cors_origins=gateway.cors_origins,
        paranoia_level=waf.paranoia_level,
        anomaly_threshold=waf.anomaly_threshold,
        disabled_rules=waf.disabled_rules,
        requests_per_minute=_most_requests_per_minute(config),
    )


def _most_requests_per_minute(config: StackConfig) -> int | None:
    """What the gateway lets one client do at most, a preflight before every request included."""
    if not config.gateway.rate_limits:
        return None
    configured = config.gateway.rate_limit_per_minute
    return 2 * sum(configured.get(route.name, route.requests_per_minute) for route in ROUTES)


def declare(
    context: Context,
    waf: Waf,
    certificate: Certificate | None,
    issuer: ContainerService | None,
    gateway: ContainerService,
) -> ContainerService:
    """Declare the firewall. It publishes what the gateway would publish without it.

    Args:
        context: The environment.
        waf: How strict it is.
        certificate: What it shows clients, where that comes from files.
        issuer: The component that obtains it, where a directory issues it. Without either it
            speaks plain HTTP.
        gateway: What it passes requests on to.
    """
    chosen = settings(context.config, waf)
    return ContainerService(
        ContainerSpec(
            component="waf",
            image=context.images.reference("waf"),
            user=f"33:{certificates.READERS_GROUP if issuer else 33}",
            command=runtime.command(GATEWAY.host, chosen.tls),
            files={
                runtime.CONFIGURATION_FILE: render(chosen),
                runtime.RULES_FILE: render_rules(chosen),
                **runtime.fixed_files(),
            },
            renewed_files=certificate.files if certificate else {},
            renewed_volume=issuer.volumes[certificates.ISSUED_VOLUME].name if issuer else None,
            networks=("edge",),
            ports=gateway_component.published_ports(context.config.gateway),
            health=context.images.health_check("waf"),
            watch=TcpProbe(gateway_component.PORT),
            memory_mebibytes=MEMORY_MEBIBYTES,
            cpu_shares=1024,
            stop_grace_seconds=STOP_GRACE_SECONDS,
        ),
        context.site,
        # There is a certificate when the issuer is healthy, self-signed at first.
        after=[gateway, *([issuer] if issuer else [])],
    )
