"""The way in for an ACME directory: to the answers of its challenges, and to nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.gateway.envoy.xds import Json, seconds, socket_address, typed
from infra.gateway.settings import Upstream
from infra.services.certificates import CHALLENGE_PATH, CHALLENGE_SECONDS, CHALLENGES_AT_ONCE, PORT

if TYPE_CHECKING:
    from infra.gateway.settings import GatewaySettings

COMPONENT = "certificates"


def challenge_route() -> Json:
    """Envoy `Route` of the listener for plain HTTP."""
    return {
        "match": {
            "safe_regex": {"regex": CHALLENGE_PATH},
            "headers": [{"name": ":method", "string_match": {"exact": "GET"}}],
        },
        "route": {"cluster": COMPONENT, "timeout": seconds(CHALLENGE_SECONDS)},
    }


def challenge_clusters(settings: GatewaySettings) -> list[Json]:
    """Envoy `Cluster` of the component, for that route alone; none where no directory asks."""
    if settings.tls is None or not settings.tls.challenges:
        return []
    upstream = settings.upstreams.get(COMPONENT, Upstream(host=COMPONENT, port=PORT))
    address = socket_address(upstream.host, upstream.port)
    limits = ("max_connections", "max_pending_requests", "max_requests")
    cluster = {
        "name": COMPONENT,
        "cluster_type": {
            "name": "envoy.cluster.dns",
            "typed_config": typed(
                "envoy.extensions.clusters.dns.v3.DnsCluster", dns_lookup_family="V4_PREFERRED"
            ),
        },
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": COMPONENT,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "circuit_breakers": {"thresholds": [dict.fromkeys(limits, CHALLENGES_AT_ONCE)]},
    }
    return [cluster]
