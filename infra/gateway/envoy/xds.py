"""Names of Envoy's own configuration language, in one place."""

from __future__ import annotations

from typing import Any

# Envoy's configuration is nested JSON whose shape Envoy itself validates (`--mode validate`).
Json = Any

_TYPE_PREFIX = "type.googleapis.com/"
_HTTP_FILTER = "envoy.extensions.filters.http"


def typed(message: str, **fields: Json) -> dict[str, Json]:
    """A protobuf `Any`: the message's full name and its fields."""
    return {"@type": _TYPE_PREFIX + message, **fields}


def http_filter_message(name: str, **fields: Json) -> dict[str, Json]:
    """A message of an HTTP filter's own package, such as `cors.v3.Cors`."""
    return typed(f"{_HTTP_FILTER}.{name}", **fields)


def set_header(key: str, value: str) -> dict[str, Json]:
    """A `HeaderValueOption` that replaces whatever is there."""
    return {
        "header": {"key": key, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def socket_address(host: str, port: int) -> Json:
    """An `Address` that is a host and a TCP port."""
    return {"socket_address": {"address": host, "port_value": port}}


def seconds(value: float) -> str:
    """A protobuf `Duration` in JSON."""
    return f"{value:g}s"


DISABLED = typed("envoy.config.route.v3.FilterConfig", disabled=True)
"""Per-route setting that takes a filter out of the chain."""
