"""Kong's own settings, as `KONG_…` variables of its container.

Names and values are those of Kong 3.9's `kong.conf.default`; what begins with `KONG_NGINX_`
becomes a directive of nginx's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.container import FILES_DIRECTORY, RENEWED_FILES_DIRECTORY
from infra.gateway import headers
from infra.gateway.certificates import CHAIN_FILE, KEY_FILE
from infra.gateway.kong import plugins, scripts
from infra.gateway.routes import MEBIBYTE
from infra.gateway.settings import DRAIN_SECONDS
from infra.gateway.tls import CIPHERS_OF_TLS_1_2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.gateway.routes import Route
    from infra.gateway.settings import ClientLimits

CONFIGURATION_FILE = "kong.yaml"
PREFIX = "/tmp/kong"  # noqa: S108 - the container's own, in memory
"""Where Kong writes: nginx's configuration, sockets, and bodies while they are taken in."""

WORKERS = 2
"""Processes of nginx. Kong would start one for each core of the host, and each takes memory."""

_HEADER_BUFFERS = 4
_NAME_SECONDS = 2
_IDLE_SECONDS = 4
"""As with Envoy: a name is asked for again, and a component's idle connection closed before the
component closes it."""


@dataclass(frozen=True)
class Node:
    """What Kong is told besides its declarative file. None of it is a secret."""

    routes: Sequence[Route]
    client_limits: ClientLimits
    listen_port: int
    redirect_port: int
    metrics_port: int
    trusted_proxies: int
    tls: bool


def environment(node: Node) -> dict[str, str]:
    """Variables of the container, by name."""
    return {
        **_process(node),
        **_limits(node),
        **(_TRUST_PROXIES if node.trusted_proxies else {}),
        **(_TLS if node.tls else {}),
    }


def _process(node: Node) -> dict[str, str]:
    return {
        "KONG_DATABASE": "off",
        "KONG_DECLARATIVE_CONFIG": f"{FILES_DIRECTORY}/{CONFIGURATION_FILE}",
        "KONG_PREFIX": PREFIX,
        "KONG_PLUGINS": ",".join(plugin.plugin for plugin in plugins.ALL),
        "KONG_UNTRUSTED_LUA": "sandbox",
        "KONG_UNTRUSTED_LUA_SANDBOX_REQUIRES": ",".join(scripts.SANDBOX_MODULES),
        "KONG_PROXY_LISTEN": _listeners(node),
        # What would change the gateway, or show its keys, is not there.
        "KONG_ADMIN_LISTEN": "off",
        "KONG_ADMIN_GUI_LISTEN": "off",
        "KONG_STATUS_LISTEN": f"0.0.0.0:{node.metrics_port}",
        "KONG_ANONYMOUS_REPORTS": "off",
        "KONG_HEADERS": "off",
        "KONG_HEADERS_UPSTREAM": "off",
        # The plugin file-log writes the one access log. nginx's error log quotes the line of the
        # request, which may hold a key, wherever it speaks of one: only what concerns the node is
        # left of it.
        "KONG_PROXY_ACCESS_LOG": "off",
        "KONG_STATUS_ACCESS_LOG": "off",
        "KONG_ADMIN_ACCESS_LOG": "off",
        "KONG_PROXY_ERROR_LOG": "/dev/stderr",
        "KONG_STATUS_ERROR_LOG": "/dev/stderr",
        "KONG_ADMIN_ERROR_LOG": "/dev/stderr",
        "KONG_LOG_LEVEL": "alert",
        # Paths decide by the priorities that they are given.
        "KONG_ROUTER_FLAVOR": "traditional_compatible",
        # A restarted container may come back under another address.
        "KONG_DNS_ORDER": "LAST,A",
        "KONG_DNS_VALID_TTL": str(_NAME_SECONDS),
        "KONG_UPSTREAM_KEEPALIVE_IDLE_TIMEOUT": str(_IDLE_SECONDS),
        # Sent again after an error or a 503: nginx does so only with what may be repeated, or with
        # what no component has seen.
        "KONG_NGINX_PROXY_PROXY_NEXT_UPSTREAM": "error http_503",
    }


def _listeners(node: Node) -> str:
    if not node.tls:
        return f"0.0.0.0:{node.listen_port}"
    return f"0.0.0.0:{node.listen_port} http2 ssl, 0.0.0.0:{node.redirect_port}"


def _limits(node: Node) -> dict[str, str]:
    limits = node.client_limits
    largest_body = max((route.body_limit_bytes for route in node.routes), default=1)
    header_buffer = headers.MAXIMUM_KIBIBYTES // _HEADER_BUFFERS
    return {
        "KONG_NGINX_MAIN_WORKER_PROCESSES": str(WORKERS),
        "KONG_NGINX_EVENTS_WORKER_CONNECTIONS": str(limits.connections // WORKERS),
        # As long as with Envoy; websockets would keep a process for ever.
        "KONG_NGINX_MAIN_WORKER_SHUTDOWN_TIMEOUT": f"{DRAIN_SECONDS}s",
        "KONG_MEM_CACHE_SIZE": "32m",
        "KONG_LMDB_MAP_SIZE": "64m",
        "KONG_NGINX_HTTP_CLIENT_HEADER_TIMEOUT": _seconds(limits.header_seconds),
        "KONG_NGINX_HTTP_CLIENT_BODY_TIMEOUT": _seconds(limits.body_seconds),
        "KONG_NGINX_HTTP_SEND_TIMEOUT": _seconds(limits.silence_seconds),
        "KONG_NGINX_HTTP_KEEPALIVE_TIMEOUT": _seconds(limits.idle_seconds),
        "KONG_NGINX_HTTP_LARGE_CLIENT_HEADER_BUFFERS": f"{_HEADER_BUFFERS} {header_buffer}k",
        # A body whose length is not known must fit into it to be taken.
        "KONG_NGINX_HTTP_CLIENT_BODY_BUFFER_SIZE": str(MEBIBYTE),
        # Where nginx stops to read; each route has its own limit besides.
        "KONG_NGINX_HTTP_CLIENT_MAX_BODY_SIZE": str(largest_body),
    }


def _seconds(value: float) -> str:
    return f"{round(value * 1000)}ms"


_TRUST_PROXIES = {
    # How many proxies are trusted, the scripts count. Here it says that there is one, so that what
    # it says of host and protocol is passed on.
    "KONG_TRUSTED_IPS": "0.0.0.0/0,::/0",
    "KONG_REAL_IP_HEADER": "X-Forwarded-For",
    "KONG_REAL_IP_RECURSIVE": "off",
}

_TLS = {
    "KONG_SSL_CERT": f"{RENEWED_FILES_DIRECTORY}/{CHAIN_FILE}",
    "KONG_SSL_CERT_KEY": f"{RENEWED_FILES_DIRECTORY}/{KEY_FILE}",
    "KONG_SSL_PROTOCOLS": "TLSv1.2 TLSv1.3",
    "KONG_SSL_CIPHER_SUITE": "custom",
    "KONG_SSL_CIPHERS": ":".join(CIPHERS_OF_TLS_1_2),
}
