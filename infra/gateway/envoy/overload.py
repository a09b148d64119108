"""What keeps the gateway up when clients ask for more than there is.

Idle connections are held for as long as there is memory for them; as it fills they end sooner, and
before it is full no further ones are taken. Without this a few thousand clients that hold their
connections would have the container killed for its memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.gateway.envoy.xds import Json, typed

if TYPE_CHECKING:
    from infra.gateway.settings import GatewaySettings

MEMORY_MEBIBYTES = 512
"""Memory of the container. 15,500 idle connections that have had an answer take 320 MiB."""

RUNTIME = {"envoy.reloadable_features.fixed_heap_use_allocated": True}
"""Memory is what is in use. By default memory counts that was in use and is kept for later: after a
wave of connections the gateway would take no further ones, for ever."""

_CONNECTIONS = "envoy.resource_monitors.global_downstream_max_connections"
_HEAP = "envoy.resource_monitors.fixed_heap"
_MEBIBYTE = 1024 * 1024
_HEAP_SHARE = 0.75
"""Of the container's memory; the rest is the program itself and the kernel's socket buffers."""

_CONNECTIONS_END_SOONER = (0.7, 0.95)
"""Shares of the heap: from the first on idle connections end sooner, at the second at once."""

_NO_KEEP_ALIVE = 0.85
_NO_MORE_REQUESTS = 0.95


def overload_manager(settings: GatewaySettings) -> Json:
    """Envoy `OverloadManager`, by the container's memory and the settings' connections."""
    scaling, saturation = _CONNECTIONS_END_SOONER
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            {
                "name": _CONNECTIONS,
                "typed_config": typed(
                    "envoy.extensions.resource_monitors.downstream_connections.v3"
                    ".DownstreamConnectionsConfig",
                    max_active_downstream_connections=settings.client_limits.connections,
                ),
            },
            {
                "name": _HEAP,
                "typed_config": typed(
                    "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                    max_heap_size_bytes=int(MEMORY_MEBIBYTES * _MEBIBYTE * _HEAP_SHARE),
                ),
            },
        ],
        "actions": [
            {
                "name": "envoy.overload_actions.reduce_timeouts",
                "triggers": [
                    {
                        "name": _HEAP,
                        "scaled": {
                            "scaling_threshold": scaling,
                            "saturation_threshold": saturation,
                        },
                    }
                ],
                "typed_config": typed(
                    "envoy.config.overload.v3.ScaleTimersOverloadActionConfig",
                    timer_scale_factors=[
                        {
                            "timer": "HTTP_DOWNSTREAM_CONNECTION_IDLE",
                            "min_timeout": "1s",
                        }
                    ],
                ),
            },
            _action("shrink_heap", _NO_KEEP_ALIVE),
            _action("disable_http_keepalive", _NO_KEEP_ALIVE),
            _action("stop_accepting_requests", _NO_MORE_REQUESTS),
            _action("stop_accepting_connections", _NO_MORE_REQUESTS),
        ],
    }


def _action(name: str, threshold: float) -> Json:
    return {
        "name": f"envoy.overload_actions.{name}",
        "triggers": [{"name": _HEAP, "threshold": {"value": threshold}}],
    }
