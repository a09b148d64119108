"""The components behind the gateway as Envoy clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.gateway.settings import GatewaySettings, Upstream
from infra.gateway.xds import Json, typed

if TYPE_CHECKING:
    from infra.gateway.routes import Route

_CONNECT_TIMEOUT = "2s"
_NAME_REFRESH = "2s"
_IDLE_TIMEOUT = "4s"
"""Below the 5 seconds after which uvicorn closes an idle connection: the gateway closes first, so
that no request is sent into a connection that is just being closed."""


def clusters(routes: tuple[Route, ...], settings: GatewaySettings) -> Json:
    """One cluster per component of the given routes, in the table's order."""
    upstreams = {
        route.component: settings.upstreams.get(
            route.component, Upstream(host=route.component, port=route.port)
        )
        for route in routes
    }
    return [_cluster(component, upstream) for component, upstream in upstreams.items()]


def _cluster(component: str, upstream: Upstream) -> Json:
    address = {"socket_address": {"address": upstream.host, "port_value": upstream.port}}
    return {
        "name": component,
        # A restarted container may come back under another address.
        "cluster_type": {
            "name": "envoy.cluster.dns",
            "typed_config": typed(
                "envoy.extensions.clusters.dns.v3.DnsCluster",
                dns_refresh_rate=_NAME_REFRESH,
                dns_failure_refresh_rate={"base_interval": "0.5s", "max_interval": _NAME_REFRESH},
                dns_lookup_family="V4_PREFERRED",
            ),
        },
        # The gateway answers 503 for a component that is away instead of not starting.
        "wait_for_warm_on_init": False,
        "connect_timeout": _CONNECT_TIMEOUT,
        "load_assignment": {
            "cluster_name": component,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": 512,
                    "max_pending_requests": 512,
                    "max_requests": 1024,
                    "max_retries": 8,
                }
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                common_http_protocol_options={"idle_timeout": _IDLE_TIMEOUT},
                explicit_http_config={"http_protocol_options": {}},
            )
        },
    }
