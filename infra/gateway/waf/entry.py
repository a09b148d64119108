"""The first of the firewall's two servers: what clients connect to.

It ends TLS, speaks HTTP/2, and counts, before any body is read: ModSecurity's module takes a body
in before limits of the same server are looked at. It passes every request on to the second one
(`inspection`) over a socket in the container, while the body arrives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.gateway.certificates import CHAIN_FILE, KEY_FILE
from infra.gateway.routes import HEALTH_PATH, METHODS
from infra.gateway.tls import CIPHERS_OF_TLS_1_2
from infra.gateway.waf import runtime
from infra.gateway.waf.blocks import block, choice
from infra.gateway.waf.refusals import error_pages, refusal_locations

if TYPE_CHECKING:
    from infra.gateway.settings import Tls
    from infra.gateway.waf.settings import WafSettings

INSPECTION = "inspection"
"""nginx's name for the second server."""

NO_TIMEOUT = "1d"

_REQUESTS_AT_ONCE = 512
"""From one address. A body that is sent a byte at a time counts for as long as it takes."""

_HTTP2_STREAMS = 100


def entry_server(settings: WafSettings) -> str:
    """The server and what it counts with."""
    tls = " ssl" if settings.tls else ""
    return "\n".join(
        [
            _counting(settings),
            block(
                "server",
                f"listen {settings.listen_port}{tls} default_server backlog=4096;",
                "http2 on;",
                f"http2_max_concurrent_streams {_HTTP2_STREAMS};",
                _tls_settings(settings.tls) if settings.tls else "",
                error_pages(),
                REQUEST_HEADERS,
                _forwarded_headers(settings),
                block(f"location = {HEALTH_PATH}", _refused_at_once(), _passed_on()),
                block("location /", _refused_at_once(), _limits(settings), _passed_on()),
                refusal_locations(settings),
            ),
        ]
    )


def _counting(settings: WafSettings) -> str:
    limits = [
        _client_map(settings.trusted_proxies),
        "# One customer holds a whole /64 of IPv6.",
        choice(
            "$plinth_client",
            "$plinth_network",
            ("default", "$plinth_client"),
            ('"~^(?<network>(?:[0-9a-f]+:){4})"', "$network"),
        ),
        "limit_conn_zone $plinth_network zone=at_once:16m;",
    ]
    if settings.requests_per_minute:
        rate = f"rate={settings.requests_per_minute}r/m"
        limits.append(f"limit_req_zone $plinth_network zone=per_minute:16m {rate};")
    return "\n".join(limits)


def _client_map(trusted_proxies: int) -> str:
    """Which address a client is counted by: as many proxies are believed as are trusted."""
    if not trusted_proxies:
        return choice("$remote_addr", "$plinth_client", ("default", "$remote_addr"))
    nearer = trusted_proxies - 1
    pattern = rf"(?<forwarded>[^, ]+)(?:\s*,\s*[^, ]+){{{nearer}}}\s*$"
    return choice(
        "$http_x_forwarded_for",
        "$plinth_client",
        ("default", "$remote_addr"),
        (f'"~{pattern}"', "$forwarded"),
    )


def _limits(settings: WafSettings) -> str:
    lines = [f"limit_conn at_once {_REQUESTS_AT_ONCE};", "limit_conn_status 429;"]
    if settings.requests_per_minute:
        lines += [
            f"limit_req zone=per_minute burst={settings.requests_per_minute} nodelay;",
            "limit_req_status 429;",
        ]
    return "\n".join(lines)


def _refused_at_once() -> str:
    return "\n".join(
        [
            block('if ($server_protocol ~ "^HTTP/(0|1\\.0)")', "return 426;"),
            block(f'if ($request_method !~ "^({"|".join(METHODS)})$")', "return 405;"),
            "# What nginx and the gateway could take for different paths.",
            block('if ($request_uri ~* "^[^?]*(\\\\\\\\|#|%5c|%2f)")', "return 400;"),
        ]
    )


def _passed_on() -> str:
    return f"""\
client_max_body_size 0;
proxy_request_buffering off;
proxy_buffering off;
proxy_read_timeout {NO_TIMEOUT};
proxy_send_timeout {NO_TIMEOUT};
proxy_pass http://{INSPECTION};"""


REQUEST_HEADERS = """\
proxy_set_header Host $http_host;
proxy_set_header Connection $plinth_connection;
proxy_set_header Upgrade $plinth_upgrade;
proxy_set_header X-Request-ID $plinth_request_id;"""
"""What both servers set. All others are passed on as they came."""


def _forwarded_headers(settings: WafSettings) -> str:
    """Where a request came from, for a gateway that believes one proxy more than there are."""
    own = "proxy_set_header X-Real-IP $remote_addr;"
    if settings.trusted_proxies:
        return f"{own}\nproxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
    # Nobody in front of the firewall may say so.
    return f"""\
{own}
proxy_set_header X-Forwarded-For $remote_addr;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header X-Forwarded-Host "";
proxy_set_header X-Forwarded-Port "";
proxy_set_header X-Forwarded-Prefix "";"""


def _tls_settings(tls: Tls) -> str:
    directory = runtime.certificate_directory(tls)
    return f"""\
ssl_certificate {directory}/{CHAIN_FILE};
ssl_certificate_key {directory}/{KEY_FILE};
ssl_protocols TLSv1.2 TLSv1.3;
ssl_ciphers {":".join(CIPHERS_OF_TLS_1_2)};
ssl_prefer_server_ciphers off;
ssl_session_cache shared:sessions:10m;
ssl_session_timeout 1h;
ssl_session_tickets off;"""
