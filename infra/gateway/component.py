"""The gateway's container: the rendered configuration in front of everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import pulumi
from pydantic import SecretStr

from infra.container import (
    RENEWED_FILES_DIRECTORY,
    ContainerService,
    ContainerSpec,
    HealthCheck,
    PublishedPort,
)
from infra.gateway import runtime
from infra.gateway.envoy import render
from infra.gateway.kong import component as kong
from infra.gateway.kong.environment import Node
from infra.gateway.overload import MEMORY_MEBIBYTES
from infra.gateway.routes import enabled_routes
from infra.gateway.settings import ApiKey, ClientLimits, GatewaySettings, Tls
from infra.gateway.tls import secret_file
from infra.services import auth, certificates
from infra.watch import Metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config import StackConfig
    from infra.context import Context
    from infra.credentials import KeyMaterial
    from infra.gateway.certificates import Certificate

PORT = 8000
REDIRECT_PORT = 8001
METRICS_PORT = 9902
PROFILES = frozenset({"core"})
HTTPS_PORT = 443


def settings(config: StackConfig, keys: KeyMaterial) -> GatewaySettings:
    """What the rendering depends on, from the stack's configuration and keys."""
    gateway = config.gateway
    public = urlsplit(config.public_url)
    tls = Tls(
        public_host=_host(public),
        public_port=public.port or HTTPS_PORT,
        challenges=config.acme is not None,
    )
    return GatewaySettings(
        listen_port=PORT,
        redirect_port=REDIRECT_PORT,
        metrics_port=METRICS_PORT,
        profiles=PROFILES,
        tls=tls if gateway.tls else None,
        secure=public.scheme == "https",
        api_keys=tuple(
            ApiKey(value=SecretStr(key.value), role=key.role, token=SecretStr(key.token))
            for key in keys.api_keys
        ),
        jwks=SecretStr(keys.public_key_set),
        issuer=auth.issuer(config.public_url),
        cors_origins=gateway.cors_origins,
        trusted_proxies=gateway.trusted_proxies,
        rate_limits=gateway.rate_limits,
        rate_limit_per_minute=gateway.rate_limit_per_minute,
        rest_openapi=config.rest.openapi,
    )


def _host(url: SplitResult) -> str:
    host = url.hostname or ""
    return f"[{host}]" if ":" in host else host


def declare(
    context: Context, certificate: Certificate | None, issuer: ContainerService | None
) -> ContainerService:
    """Declare the gateway.

    It does not wait for what stands behind it: until a component answers, its route says 503.

    Args:
        context: The environment.
        certificate: What it shows clients, where that comes from files.
        issuer: The component that obtains it, where a directory issues it. Without either the
            gateway speaks plain HTTP.
    """
    gateway = context.config.gateway
    ports = [PublishedPort(PORT, gateway.port, gateway.bind_address)]
    if gateway.tls and gateway.tls.redirect_port:
        ports.append(PublishedPort(REDIRECT_PORT, gateway.tls.redirect_port, gateway.bind_address))
    rendered_from = context.keys.apply(lambda keys: settings(context.config, keys))
    if gateway.engine == kong.ENGINE:
        spec = kong.container(
            context, rendered_from, _kong_node(context.config), certificate, ports
        )
    else:
        spec = _envoy(context, rendered_from, certificate, issuer, ports)
    # There is a certificate when the issuer is healthy, self-signed at first.
    return ContainerService(spec, context.site, after=[issuer] if issuer else [])


def _envoy(
    context: Context,
    rendered_from: pulumi.Output[GatewaySettings],
    certificate: Certificate | None,
    issuer: ContainerService | None,
    ports: Sequence[PublishedPort],
) -> ContainerSpec:
    return ContainerSpec(
        component="gateway",
        image=context.images.reference("gateway"),
        user="101:101",
        command=runtime.command(certificate=_certificate_directory(certificate, issuer)),
        files={
            runtime.CONFIGURATION_FILE: rendered_from.apply(render),
            runtime.START_FILE: runtime.START_SCRIPT,
            **({runtime.SECRET_FILE: secret_file()} if context.config.gateway.tls else {}),
        },
        renewed_files={
            runtime.CHAIN_FILE: certificate.chain,
            runtime.KEY_FILE: pulumi.Output.secret(certificate.key),
        }
        if certificate
        else {},
        renewed_volume=issuer.volumes[certificates.ISSUED_VOLUME].name if issuer else None,
        networks=("edge", "backend"),
        ports=ports,
        health=HealthCheck(context.images.health_check("gateway"), interval_seconds=2),
        watch=Metrics(METRICS_PORT),
        memory_mebibytes=MEMORY_MEBIBYTES,
        cpu_shares=1024,
        stop_grace_seconds=runtime.STOP_GRACE_SECONDS,
    )


def _kong_node(config: StackConfig) -> Node:
    return Node(
        routes=enabled_routes(PROFILES, config.rest.openapi),
        client_limits=ClientLimits(),
        listen_port=PORT,
        redirect_port=REDIRECT_PORT,
        metrics_port=METRICS_PORT,
        trusted_proxies=config.gateway.trusted_proxies,
        tls=config.gateway.tls is not None,
    )


def _certificate_directory(
    certificate: Certificate | None, issuer: ContainerService | None
) -> str | None:
    if issuer:
        return runtime.ISSUED_DIRECTORY
    return RENEWED_FILES_DIRECTORY if certificate else None
