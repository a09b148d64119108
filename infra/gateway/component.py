"""The gateway's container: the rendered configuration in front of everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from infra.container import ContainerService, PublishedPort
from infra.gateway.envoy import component as envoy
from infra.gateway.kong import component as kong
from infra.gateway.kong.environment import Node
from infra.gateway.routes import enabled_routes
from infra.gateway.settings import METRICS_PORT, ApiKey, ClientLimits, GatewaySettings, Tls
from infra.services import auth

if TYPE_CHECKING:
    from infra.config.gateway import Gateway
    from infra.config.stack import StackConfig
    from infra.context import Context
    from infra.credentials import KeyMaterial
    from infra.gateway.certificates import Certificate

PORT = 8000
REDIRECT_PORT = 8001
PROFILES = frozenset({"core"})
HTTPS_PORT = 443


def settings(config: StackConfig, keys: KeyMaterial) -> GatewaySettings:
    """What the rendering depends on, from the stack's configuration and keys."""
    gateway = config.gateway
    return GatewaySettings(
        listen_port=PORT,
        redirect_port=REDIRECT_PORT,
        profiles=PROFILES,
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
        trusted_proxies=_trusted_proxies(gateway),
        rate_limits=gateway.rate_limits,
        rate_limit_per_minute=gateway.rate_limit_per_minute,
        rest_openapi=config.rest.openapi,
    )


def tls(config: StackConfig) -> Tls | None:
    """Where clients find the component that ends TLS; None where the stack speaks plain HTTP."""
    if not config.gateway.tls:
        return None
    public = urlsplit(config.public_url)
    return Tls(
        public_host=_host(public),
        public_port=public.port or HTTPS_PORT,
        challenges=config.acme is not None,
    )


def is_secure(config: StackConfig) -> bool:
    """Whether clients come by HTTPS, to the stack or to a proxy in front of it."""
    return urlsplit(config.public_url).scheme == "https"


def _trusted_proxies(config: Gateway) -> int:
    """How many stand in front of the gateway: a firewall of the stack is one more."""
    return config.trusted_proxies + (1 if config.waf else 0)


def _host(url: SplitResult) -> str:
    host = url.hostname or ""
    return f"[{host}]" if ":" in host else host


def published_ports(config: Gateway) -> list[PublishedPort]:
    """What the host publishes of the component that clients reach."""
    ports = [PublishedPort(PORT, config.port, config.bind_address)]
    if config.tls and config.tls.redirect_port:
        ports.append(PublishedPort(REDIRECT_PORT, config.tls.redirect_port, config.bind_address))
    return ports


def declare(
    context: Context, certificate: Certificate | None, issuer: ContainerService | None
) -> ContainerService:
    """Declare the gateway.

    It does not wait for what stands behind it: until a component answers, its route says 503. With
    a firewall in front (`infra.gateway.waf`) it speaks plain HTTP and publishes nothing.

    Args:
        context: The environment.
        certificate: What it shows clients, where that comes from files.
        issuer: The component that obtains it, where a directory issues it. Without either the
            gateway speaks plain HTTP.
    """
    gateway = context.config.gateway
    if gateway.waf:
        certificate = issuer = None
    ports = [] if gateway.waf else published_ports(gateway)
    rendered_from = context.keys.apply(lambda keys: settings(context.config, keys))
    if gateway.engine == kong.ENGINE:
        node = _kong_node(context.config, tls=certificate is not None)
        spec = kong.container(context, rendered_from, node, certificate, ports)
    else:
        spec = envoy.container(context, rendered_from, certificate, issuer, ports)
    # There is a certificate when the issuer is healthy, self-signed at first.
    return ContainerService(spec, context.site, after=[issuer] if issuer else [])


def _kong_node(config: StackConfig, *, tls: bool) -> Node:
    return Node(
        routes=enabled_routes(PROFILES, config.rest.openapi),
        client_limits=ClientLimits(),
        listen_port=PORT,
        redirect_port=REDIRECT_PORT,
        metrics_port=METRICS_PORT,
        trusted_proxies=_trusted_proxies(config.gateway),
        tls=tls,
    )
