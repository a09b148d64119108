"""The firewall's nginx configuration as text, rendered from the gateway's route table.

Two servers, one behind the other: `entry` is what clients connect to, `inspection` has ModSecurity
look at the request and passes it on to the gateway as it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.container import FILES_DIRECTORY
from infra.gateway.routes import HEALTH_PATH, ROUTES, Route
from infra.gateway.waf import inspection, runtime
from infra.gateway.waf.blocks import block, choice, milliseconds
from infra.gateway.waf.entry import INSPECTION, entry_server
from infra.gateway.waf.plain import redirect_server
from infra.gateway.waf.rules import INSPECTED_BODY_BYTES
from infra.gateway.waf.settings import SPARE_SECONDS

if TYPE_CHECKING:
    from infra.gateway.waf.settings import WafSettings

_WORKERS = 2
"""Processes. One that inspects a request does nothing else meanwhile."""

_CONNECTIONS = 16_384
"""Of each process; a request takes four of them. The engine lets one have 20,000 files open."""

_HEADER_BYTES = "32k"
"""Of one line of a request's head; the gateway takes as much for all of them."""

_KEPT_CONNECTIONS = 64


def render(settings: WafSettings, routes: tuple[Route, ...] = ROUTES) -> str:
    """Render nginx's configuration.

    Args:
        settings: What differs between environments.
        routes: The gateway's route table.
    """
    http = block(
        "http",
        _general(),
        _known_by(settings),
        _limits(settings, routes),
        _log(),
        _next(settings),
        entry_server(settings),
        inspection.inspection_servers(settings, routes),
        redirect_server(settings, settings.tls) if settings.tls else "",
        block(
            "server", f"listen 127.0.0.1:{settings.health_port};", "access_log off;", "return 204;"
        ),
    )
    return f"""\
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
load_module /usr/lib/nginx/modules/ngx_http_modsecurity_module.so;
load_module /usr/lib/nginx/modules/ngx_http_headers_more_filter_module.so;

pid {runtime.PROCESS_FILE};
worker_processes {_WORKERS};
# Errors below that name requests and what ModSecurity found in them, which may be a key or a
# password: the access log and the audit log tell of them.
error_log stderr crit;

{block("events", f"worker_connections {_CONNECTIONS};")}

{http}
"""


def _general() -> str:
    temporary = "\n".join(
        f"{kind}_temp_path /tmp/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""\
{temporary}
default_type application/octet-stream;
server_tokens off;
more_clear_headers Server;
merge_slashes off;
# Refused by the gateway; without this they would be taken off, and nobody would know.
underscores_in_headers on;"""


def _known_by(settings: WafSettings) -> str:
    """What a request is known by, and who may read an answer."""
    origins = [(f'"{origin}"', "$http_origin") for origin in settings.cors_origins]
    return "\n".join(
        [
            choice(
                "$request_id",
                "$plinth_uuid",
                (
                    '"~^(?<i>.{8})(?<j>.{4})(?<k>.{4})(?<l>.{4})(?<m>.{12})$"',
                    "$i-$j-$k-$l-$m",
                ),
            ),
            choice(
                "$http_x_request_id",
                "$plinth_request_id",
                ("default", "$plinth_uuid"),
                ('"~^[A-Za-z0-9._:-]{1,128}$"', "$http_x_request_id"),
            ),
            choice("$http_origin", "$plinth_origin", ("default", '""'), *origins),
            *(
                choice("$plinth_origin", variable, ("default", value), ('""', '""'))
                for variable, value in (
                    ("$plinth_credentials", "true"),
                    ("$plinth_exposed", "X-Request-ID"),
                    ("$plinth_varies", "Origin"),
                )
            ),
            "# A header Upgrade alone asks for nothing (RFC 9110, section 7.8).",
            choice(
                '"$http_connection:$http_upgrade"',
                "$plinth_connection",
                ("default", '""'),
                ('"~*(^|[ ,])upgrade([ ,][^:]*)?:."', "upgrade"),
            ),
            choice(
                "$plinth_connection",
                "$plinth_upgrade",
                ("default", '""'),
                ("upgrade", "$http_upgrade"),
            ),
        ]
    )


def _limits(settings: WafSettings, routes: tuple[Route, ...]) -> str:
    limits = settings.client_limits
    arrival = max([limits.silence_seconds, *(limits.arrival_seconds(route) for route in routes)])
    return f"""\
client_header_timeout {milliseconds(limits.header_seconds)};
client_header_buffer_size 4k;
large_client_header_buffers 4 {_HEADER_BYTES};
# Between two parts of a body. Others end it sooner, and answer.
client_body_timeout {milliseconds(arrival + SPARE_SECONDS)};
client_max_body_size {INSPECTED_BODY_BYTES};
# In memory, never in a file.
client_body_buffer_size {INSPECTED_BODY_BYTES};
keepalive_timeout {milliseconds(limits.idle_seconds)};
send_timeout {milliseconds(limits.silence_seconds)};
reset_timedout_connection on;"""


def _log() -> str:
    """Requests that do not reach the gateway, which tells about every one that does."""
    return "\n".join(
        [
            choice(
                "$request_uri",
                "$plinth_path",
                ("default", '""'),
                ('"~^(?<path_only>[^?]{0,512})"', "$path_only"),
            ),
            choice(
                '"$upstream_status:$request_uri"',
                "$plinth_refused",
                ("default", "0"),
                (f'"~^:(?!{HEALTH_PATH}$)"', "1"),
            ),
            """\
log_format refused escape=json '{"time":"$time_iso8601","service":"waf",'
    '"request_id":"$plinth_request_id","client":"$remote_addr","method":"$request_method",'
    '"path":"$plinth_path","status":"$status","duration_s":"$request_time",'
    '"bytes_received":"$request_length","bytes_sent":"$bytes_sent"}';
access_log /dev/stdout refused if=$plinth_refused;""",
        ]
    )


def _next(settings: WafSettings) -> str:
    """Where requests go: from the first server to the second, and from there to the gateway."""
    idle = milliseconds(settings.client_limits.idle_seconds / 2)

    def upstream(name: str, address: str) -> str:
        return block(
            f"upstream {name}",
            f"server {address} max_fails=0;",
            f"keepalive {_KEPT_CONNECTIONS};",
            f"keepalive_timeout {idle};",
        )

    return "\n".join(
        [
            upstream(INSPECTION, inspection.SOCKET),
            upstream("gateway", f"{settings.gateway.host}:{settings.gateway.port}"),
            f"""\
proxy_http_version 1.1;
proxy_connect_timeout 2s;
proxy_next_upstream off;
proxy_max_temp_file_size 0;
proxy_buffer_size {_HEADER_BYTES};
proxy_buffers 8 {_HEADER_BYTES};
proxy_busy_buffers_size 64k;
modsecurity_rules_file {FILES_DIRECTORY}/{runtime.RULES_FILE};
modsecurity_transaction_id $plinth_request_id;""",
        ]
    )
