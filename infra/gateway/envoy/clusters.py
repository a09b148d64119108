"""The components behind the gateway as Envoy clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.gateway.envoy.xds import Json, typed
from infra.gateway.settings import GatewaySettings, Upstream

if TYPE_CHECKING:
    from infra.gateway.routes import Route

_CONNECT_TIMEOUT = "1s"
"""A container that has just gone leaves an address that nobody answers for."""

_NAME_REFRESH = "2s"
_IDLE_TIMEOUT = "4s"
"""Below the 5 seconds after which uvicorn closes an idle connection: the gateway closes first, so
that no request is sent into a connection that is just being closed."""

_HEALTH_INTERVAL = "1s"
"""A component that is told to stop says that it is not ready, and goes on for longer than this
(services/shared/server.py): by then no request is sent to it."""

_FAILURES = 5
_EJECTION = "5s"


def clusters(routes: tuple[Route, ...], settings: GatewaySettings) -> Json:
    """One cluster per component of the given routes, in the table's order."""
    first_routes: dict[str, Route] = {}
    for route in routes:
        first_routes.setdefault(route.component, route)
    return [_cluster(route, settings) for route in first_routes.values()]


def _cluster(route: Route, settings: GatewaySettings) -> Json:
    component = route.component
    upstream = settings.upstreams.get(
        component, Upstream(host=component, port=route.port, health_port=route.health_port)
    )
    endpoint = {
        "address": {"socket_address": {"address": upstream.host, "port_value": upstream.port}},
        "health_check_config": {"port_value": upstream.health_port or upstream.port},
    }
    return {
        "name": component,
        # The name stands for every container of the component: two while one replaces another.
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
        "connect_timeout": _CONNECT_TIMEOUT,
        "load_assignment": {
            "cluster_name": component,
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
        # Where one of two containers is not ready, the other gets every request. Where none is,
        # requests are sent all the same (Envoy's panic mode): the component's own answer says more
        # than a refusal of the gateway would.
        "health_checks": [
            {
                "timeout": _HEALTH_INTERVAL,
                "interval": _HEALTH_INTERVAL,
                "no_traffic_interval": _HEALTH_INTERVAL,
                "healthy_threshold": 1,
                "unhealthy_threshold": 3,
                "http_health_check": {"path": route.health_path},
            }
        ],
        # A container that says it is ready and still fails request after request is left out for a
        # while, as long as there is another. Its own 500s do not count: they are answers.
        "outlier_detection": {
            "consecutive_gateway_failure": _FAILURES,
            "enforcing_consecutive_gateway_failure": 100,
            "enforcing_consecutive_5xx": 0,
            "enforcing_success_rate": 0,
            "split_external_local_origin_errors": True,
            "consecutive_local_origin_failure": _FAILURES,
            "enforcing_local_origin_success_rate": 0,
            "interval": "1s",
            "base_ejection_time": _EJECTION,
            "max_ejection_time": "30s",
            "max_ejection_percent": 50,
            # Its health is what it was all the time.
            "successful_active_health_check_uneject_host": False,
        },
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": route.concurrency,
                    "max_pending_requests": route.concurrency,
                    "max_requests": 2 * route.concurrency,
                    "max_retries": 2 * route.concurrency,
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
