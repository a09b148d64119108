"""The gateway's container: the rendered configuration in front of everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import pulumi
from pydantic import SecretStr

from infra.container import (
    ContainerService,
    ContainerSpec,
    HealthCheck,
    PublishedPort,
)
from infra.gateway import runtime
from infra.gateway.envoy import render
from infra.gateway.overload import MEMORY_MEBIBYTES
from infra.gateway.settings import ApiKey, GatewaySettings, Tls
from infra.gateway.tls import secret_file
from infra.services import auth

if TYPE_CHECKING:
    from infra.config import Gateway, StackConfig
    from infra.context import Context
    from infra.credentials import KeyMaterial
    from infra.gateway.certificates import Certificate

PORT = 8000
REDIRECT_PORT = 8001
HTTPS_PORT = 443


def settings(config: StackConfig, keys: KeyMaterial) -> GatewaySettings:
    """What the rendering depends on, from the stack's configuration and keys."""
    gateway = config.gateway
    return GatewaySettings(
        listen_port=PORT,
        redirect_port=REDIRECT_PORT,
        # With a firewall in front it is the firewall that clients speak TLS to.
        tls=None if gateway.waf else tls(config),
        secure=is_secure(config),
        api_keys=tuple(
            ApiKey(value=SecretStr(key.value), role=key.role, token=SecretStr(key.token))
            for key in keys.api_keys
        ),
        jwks=SecretStr(keys.public_key_set),
        issuer=auth.issuer(config.public_url),
        cors_origins=gateway.cors_origins,
        trusted_proxies=gateway.trusted_proxies + (1 if gateway.waf else 0),
        rate_limits=gateway.rate_limits,
        rate_limit_per_minute=gateway.rate_limit_per_minute,
        rest_openapi=config.rest.openapi,
    )


def tls(config: StackConfig) -> Tls | None:
    """Where clients find the component that ends TLS; None where the stack speaks plain HTTP."""
    if not config.gateway.tls:
        return None
    public = urlsplit(config.public_url)
    return Tls(public_host=_host(public), public_port=public.port or HTTPS_PORT)


def is_secure(config: StackConfig) -> bool:
    """Whether clients come by HTTPS, to the stack or to a proxy in front of it."""
    return urlsplit(config.public_url).scheme == "https"


def _host(url: SplitResult) -> str:
    host = url.hostname or ""
    return f"[{host}]" if ":" in host else host


def published_ports(config: Gateway) -> list[PublishedPort]:
    """What the host publishes of the component that clients reach."""
    ports = [PublishedPort(PORT, config.port, config.bind_address)]
    if config.tls and config.tls.redirect_port:
        ports.append(PublishedPort(REDIRECT_PORT, config.tls.redirect_port, config.bind_address))
    return ports


def declare(context: Context, certificate: Certificate | None) -> ContainerService:
    """Declare the gateway.

    It does not wait for what stands behind it: until a component answers, its route says 503. With
    a firewall in front (`infra.gateway.waf`) it speaks plain HTTP and publishes nothing.

    Args:
        context: The environment.
        certificate: What clients are shown; None for plain HTTP.
    """
    gateway = context.config.gateway
    if gateway.waf:
        certificate = None
    configuration = context.keys.apply(lambda keys: render(settings(context.config, keys)))
    return ContainerService(
        ContainerSpec(
            component="gateway",
            image=context.images.reference("gateway"),
            user="101:101",
            command=runtime.command(tls=certificate is not None),
            files={
                runtime.CONFIGURATION_FILE: configuration,
                runtime.START_FILE: runtime.START_SCRIPT,
                **({runtime.SECRET_FILE: secret_file()} if certificate else {}),
            },
            renewed_files={
                runtime.CHAIN_FILE: certificate.chain,
                runtime.KEY_FILE: pulumi.Output.secret(certificate.key),
            }
            if certificate
            else {},
            networks=("edge", "backend"),
            ports=() if gateway.waf else published_ports(gateway),
            health=HealthCheck(context.images.health_check("gateway"), interval_seconds=2),
            memory_mebibytes=MEMORY_MEBIBYTES,
            cpu_shares=1024,
            stop_grace_seconds=runtime.STOP_GRACE_SECONDS,
        ),
        context.site,
    )
