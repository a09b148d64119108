"""The gateway's Envoy configuration (Envoy 1.40, API v3) as text.

`render` is a pure function: the same settings give the same text, so a change of the text is a
change of the gateway. The text holds keys and tokens and is a secret itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from infra.gateway import headers
from infra.gateway.access_log import access_log
from infra.gateway.challenges import challenge_clusters
from infra.gateway.clusters import clusters
from infra.gateway.errors import local_reply_config
from infra.gateway.filters import http_filters, security_headers
from infra.gateway.metrics import admin_cluster, metrics_listener
from infra.gateway.overload import RUNTIME, overload_manager
from infra.gateway.routes import ROUTES, Route, enabled_routes
from infra.gateway.tls import HANDSHAKE_TIMEOUT, redirect_listener, transport_socket
from infra.gateway.virtual_host import arrival_seconds, route_configuration
from infra.gateway.xds import Json, seconds, socket_address, typed

if TYPE_CHECKING:
    from infra.gateway.settings import GatewaySettings

_CONNECTION_BUFFER_BYTES = 65_536
_HTTP2_STREAMS = 100
_HTTP2_STREAM_WINDOW_BYTES = 65_536
_HTTP2_CONNECTION_WINDOW_BYTES = 1_048_576

_DRAIN_TIMEOUT = "5s"
"""Between an HTTP/2 connection's first and last GOAWAY."""


def render(settings: GatewaySettings, routes: tuple[Route, ...] = ROUTES) -> str:
    """Render the gateway's configuration as YAML.

    Args:
        settings: What differs between environments.
        routes: The route table.
    """
    # By libyaml: every run of the program does this, and in Python it takes six times as long.
    return yaml.dump(
        bootstrap(settings, routes),
        Dumper=yaml.CSafeDumper,
        sort_keys=False,
        width=100,
        allow_unicode=True,
    )


def bootstrap(settings: GatewaySettings, routes: tuple[Route, ...] = ROUTES) -> Json:
    """Envoy `Bootstrap` message as nested objects; see `render`."""
    enabled = enabled_routes(settings.profiles, settings.rest_openapi, routes)
    return {
        "node": {"id": "gateway", "cluster": "plinth"},
        # Loopback of the container's own namespace: other containers do not reach it.
        "admin": {"address": socket_address("127.0.0.1", settings.admin_port)},
        "overload_manager": overload_manager(settings),
        "layered_runtime": {"layers": [{"name": "static", "static_layer": RUNTIME}]},
        "static_resources": {
            "listeners": [
                _listener(enabled, settings),
                metrics_listener(settings),
                *([redirect_listener(settings, settings.tls)] if settings.tls else []),
            ],
            "clusters": [
                *clusters(enabled, settings),
                admin_cluster(settings),
                *challenge_clusters(settings),
            ],
        },
    }


def _listener(routes: tuple[Route, ...], settings: GatewaySettings) -> Json:
    return {
        "name": "public",
        "address": socket_address("0.0.0.0", settings.listen_port),  # noqa: S104 - inside a container
        "per_connection_buffer_limit_bytes": _CONNECTION_BUFFER_BYTES,
        "filter_chains": [
            {
                **(
                    {
                        "transport_socket": transport_socket(),
                        "transport_socket_connect_timeout": HANDSHAKE_TIMEOUT,
                    }
                    if settings.tls
                    else {}
                ),
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _connection_manager(routes, settings),
                    }
                ],
            }
        ],
    }


def _connection_manager(routes: tuple[Route, ...], settings: GatewaySettings) -> Json:
    limits = settings.client_limits
    return typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="public",
        codec_type="AUTO",
        # The address that limits count by, and the X-Forwarded-For that components see.
        use_remote_address=True,
        xff_num_trusted_hops=settings.trusted_proxies,
        generate_request_id=True,
        preserve_external_request_id=True,
        always_set_request_id_in_response=True,
        request_id_extension={
            "typed_config": typed(
                "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig",
                pack_trace_reason=False,
                use_request_id_for_trace_sampling=False,
            )
        },
        # A component's Server header is removed by the header filter; none is added.
        server_header_transformation="PASS_THROUGH",
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        max_request_headers_kb=headers.MAXIMUM_KIBIBYTES,
        request_headers_timeout=seconds(limits.header_seconds),
        # The longest that a route may ask for; each route has a time of its own besides.
        request_timeout=seconds(
            max([limits.body_seconds, *(arrival_seconds(route, limits) for route in routes)])
        ),
        stream_idle_timeout=seconds(limits.silence_seconds),
        drain_timeout=_DRAIN_TIMEOUT,
        common_http_protocol_options={
            "idle_timeout": seconds(limits.idle_seconds),
            "max_headers_count": headers.MAXIMUM_COUNT,
            # `X_User_Id` reads as `X-User-Id` to a CGI-style server.
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        http2_protocol_options={
            "max_concurrent_streams": _HTTP2_STREAMS,
            "initial_stream_window_size": _HTTP2_STREAM_WINDOW_BYTES,
            "initial_connection_window_size": _HTTP2_CONNECTION_WINDOW_BYTES,
        },
        access_log=access_log(),
        local_reply_config=local_reply_config(security_headers(secure=settings.secure)),
        http_filters=http_filters(routes, settings),
        route_config=route_configuration(routes, settings),
    )
