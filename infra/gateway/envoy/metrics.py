"""The way in for a collector of metrics: Envoy's statistics, and nothing else of its admin pages.

The admin interface itself listens on the container's loopback address, because it also changes
settings and shows the configuration with its keys. This listener stands on the container's
networks, is published nowhere, and knows one path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.gateway.envoy.plain_listener import plain_listener
from infra.gateway.envoy.xds import Json, socket_address

if TYPE_CHECKING:
    from infra.gateway.settings import GatewaySettings

METRICS_PATH = "/metrics"
"""Statistics in Prometheus' text format; those of routes are `envoy_vhost_route_…`, labelled with
`envoy_route`."""

_CLUSTER = "admin"
_REQUEST_TIMEOUT = "5s"


def metrics_listener(settings: GatewaySettings) -> Json:
    """Envoy `Listener` that answers `GET /metrics`."""
    method = {"name": ":method", "string_match": {"exact": "GET"}}
    return plain_listener(
        "metrics",
        settings.metrics_port,
        [
            {
                "match": {"path": METRICS_PATH, "headers": [method]},
                "route": {"cluster": _CLUSTER, "prefix_rewrite": "/stats/prometheus"},
            }
        ],
        {"request_timeout": _REQUEST_TIMEOUT},
        # What a gateway does that takes no more connections is worth knowing.
        ignore_global_conn_limit=True,
        bypass_overload_manager=True,
    )


def admin_cluster(settings: GatewaySettings) -> Json:
    """Envoy `Cluster` of the admin interface, for that listener alone."""
    endpoint = {"address": socket_address("127.0.0.1", settings.admin_port)}
    return {
        "name": _CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": _CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
    }
