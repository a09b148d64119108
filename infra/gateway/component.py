"""The gateway's container: the rendered configuration in front of everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from infra.gateway.settings import ApiKey, GatewaySettings
from infra.services import auth

if TYPE_CHECKING:
    from infra.config import StackConfig
    from infra.context import Context
    from infra.credentials import KeyMaterial

PORT = 8000


def settings(config: StackConfig, keys: KeyMaterial) -> GatewaySettings:
    """What the rendering depends on, from the stack's configuration and keys."""
    gateway = config.gateway
    return GatewaySettings(
        listen_port=PORT,
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


def declare(context: Context) -> ContainerService:
    """Declare the gateway.

    It does not wait for what stands behind it: until a component answers, its route says 503.
    """
    gateway = context.config.gateway
    configuration = context.keys.apply(lambda keys: render(settings(context.config, keys)))
    return ContainerService(
        ContainerSpec(
            component="gateway",
            image=context.images.reference("gateway"),
            user="101:101",
            command=runtime.command(),
            files={
                runtime.CONFIGURATION_FILE: configuration,
                runtime.START_FILE: runtime.START_SCRIPT,
            },
            networks=("edge", "backend"),
            ports=[PublishedPort(PORT, gateway.port, gateway.bind_address)],
            health=HealthCheck(context.images.health_check("gateway"), interval_seconds=2),
            memory_mebibytes=MEMORY_MEBIBYTES,
            cpu_shares=1024,
            stop_grace_seconds=runtime.STOP_GRACE_SECONDS,
        ),
        context.site,
    )
