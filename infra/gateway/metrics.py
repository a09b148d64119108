"""The way in for a collector of metrics: Envoy's statistics, and nothing else of its admin pages.

The admin interface itself listens on the container's loopback address, because it also changes
settings and shows the configuration with its keys. This listener stands on the container's
networks, is published nowhere, and knows one path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.gateway.xds import Json, http_filter_message, socket_address, typed

if TYPE_CHECKING:
    from infra.gateway.settings import GatewaySettings

METRICS_PATH = "/metrics"
"""Statistics in Prometheus' text format; those of routes are `envoy_vhost_route_…`, labelled with
`envoy_route`."""

_CLUSTER = "admin"


def metrics_listener(settings: GatewaySettings) -> Json:
    """Envoy `Listener` that answers `GET /metrics`."""
    return {
        "name": "metrics",
        "address": socket_address("0.0.0.0", settings.metrics_port),  # noqa: S104 - in a container
        # What a gateway does that takes no more connections is worth knowing.
        "ignore_global_conn_limit": True,
        "bypass_overload_manager": True,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": typed(
                            "envoy.extensions.filters.network.http_connection_manager.v3"
                            ".HttpConnectionManager",
                            stat_prefix="metrics",
                            codec_type="HTTP1",
                            request_timeout="5s",
                            http_filters=[
                                {
                                    "name": "envoy.filters.http.router",
                                    "typed_config": http_filter_message("router.v3.Router"),
                                }
                            ],
                            route_config={
                                "name": "metrics",
                                "virtual_hosts": [
                                    {
                                        "name": "metrics",
                                        "domains": ["*"],
                                        "routes": [
                                            {
                                                "match": {
                                                    "path": METRICS_PATH,
                                                    "headers": [
                                                        {
                                                            "name": ":method",
                                                            "string_match": {"exact": "GET"},
                                                        }
                                                    ],
                                                },
                                                "route": {
                                                    "cluster": _CLUSTER,
                                                    "prefix_rewrite": "/stats/prometheus",
                                                },
                                            }
                                        ],
                                    }
                                ],
                            },
                        ),
                    }
                ]
            }
        ],
    }


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
