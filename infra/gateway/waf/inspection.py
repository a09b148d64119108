"""The second of the firewall's two servers: it shows requests to ModSecurity and passes them on.

The module keeps nothing of a request for which nginx goes to a page of errors: what it found would
be written down nowhere. So such a page has the same request inspected once more, and that time what
is found is written down and not refused.

It takes a body in before the gateway has seen the head, so what the gateway would do meanwhile is
done here by `body.lua`: it ends a body that takes too long, and has one that comes without a key
refused before it has arrived.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from infra.container import FILES_DIRECTORY
from infra.gateway.routes import HEALTH_PATH, Access, Route
from infra.gateway.waf import runtime
from infra.gateway.waf.blocks import block, choice, milliseconds
from infra.gateway.waf.entry import NO_TIMEOUT, REQUEST_HEADERS
from infra.gateway.waf.refusals import (
    BLOCKED,
    TOO_SLOW,
    answer,
    error_pages,
    refusal_locations,
)
from infra.gateway.waf.settings import SPARE_SECONDS

if TYPE_CHECKING:
    from infra.gateway.waf.settings import WafSettings

SOCKET = "unix:/tmp/inspection"
_REFUSALS_SOCKET = "unix:/tmp/refusals"
_HEAD_INSPECTION = "/-/inspected"
_BLOCKED = "@blocked"
_BLOCKED_UPLOAD = "@blocked_upload"
_BLOCKED_HEAD = "@blocked_head"
_WITHOUT_KEY = "@without_key"
_PLAIN_SEGMENTS = "(?:/[A-Za-z0-9_-]+)*/?"
"""Of a path that nginx and the gateway cannot read in two ways."""


def inspection_servers(settings: WafSettings, routes: tuple[Route, ...]) -> str:
    """The server, and the one that answers in place of the gateway what it blocked."""
    header_seconds = milliseconds(settings.client_limits.header_seconds)
    return "\n".join(
        [
            _without_key(routes),
            block(
                "server",
                f"listen {SOCKET} default_server backlog=4096;",
                "# The first server's word for who is connected to it.",
                "set_real_ip_from unix:;",
                "real_ip_header X-Real-IP;",
                REQUEST_HEADERS,
                'proxy_set_header X-Real-IP "";',
                error_pages(_BLOCKED),
                block(f"location = {HEALTH_PATH}", "proxy_pass http://gateway;"),
                *(_locations(route, settings) for route in routes),
                block(
                    "location /",
                    _inspected_body(settings.client_limits.body_seconds),
                    f"proxy_read_timeout {header_seconds};",
                    "proxy_pass http://gateway;",
                ),
                block(f"location {_WITHOUT_KEY}", _head_alone(), "proxy_pass http://gateway;"),
                block(
                    f"location {_BLOCKED}",
                    "modsecurity on;",
                    "proxy_pass_request_body off;",
                    'proxy_set_header Content-Length "";',
                    "proxy_set_header X-Request-ID $plinth_request_id;",
                    "proxy_set_header Origin $http_origin;",
                    f"proxy_pass http://{_REFUSALS_SOCKET};",
                ),
                _inspection_of_heads(settings),
                refusal_locations(settings),
            ),
            block(
                "server",
                f"listen {_REFUSALS_SOCKET};",
                "access_log off;",
                block("location /", answer(BLOCKED, settings)),
            ),
        ]
    )


def _locations(route: Route, settings: WafSettings) -> str:
    """With and without a trailing slash: where one alone is known, nginx redirects to it."""
    return "\n".join(
        _location(match, route, settings) for match in (f"= {route.prefix}", f"^~ {route.prefix}/")
    )


def _location(match: str, route: Route, settings: WafSettings) -> str:
    return block(
        f"location {match}",
        f"client_max_body_size {route.body_limit_bytes};",
        _streamed_body(route, settings)
        if route.streams_body
        else _inspected_body(settings.client_limits.arrival_seconds(route)),
        f"proxy_read_timeout {milliseconds(route.timeout_seconds + SPARE_SECONDS)};"
        if route.timeout_seconds
        else _endless_answer(),
        "proxy_pass http://gateway;",
    )


def _endless_answer() -> str:
    return f"""\
proxy_read_timeout {NO_TIMEOUT};
proxy_send_timeout {NO_TIMEOUT};
send_timeout {NO_TIMEOUT};
# Events are passed on as they come.
proxy_buffering off;"""


def _without_key(routes: tuple[Route, ...]) -> str:
    """Which requests the gateway refuses whatever their body is, because they bring no key.

    Of those whose path is written plainly: what might be read in another way is inspected.
    """
    paths = [
        (f'"~^{re.escape(route.prefix + rule.path)}(?:[/?]|$)"', "0")
        for route in routes
        for rule in route.rules
        if rule.access is Access.PUBLIC
    ]
    paths += [
        (f'"~^{re.escape(route.prefix)}{_PLAIN_SEGMENTS}(?:\\?|$)"', "1")
        for route in routes
        if route.access is not Access.PUBLIC
    ]
    return "\n".join(
        [
            choice("$request_uri", "$plinth_key_needed", ("default", "0"), *paths),
            choice(
                '"$plinth_key_needed:$http_apikey:$http_authorization:$args"',
                "$plinth_without_key",
                ("default", "0"),
                ('"~*^1:::(?!.*(?:apikey|%))"', "1"),
            ),
        ]
    )


def _inspected_body(seconds: float) -> str:
    return f"""\
modsecurity on;
set $plinth_body_seconds {seconds};
set $plinth_too_slow {TOO_SLOW.path};
rewrite_by_lua_file {FILES_DIRECTORY}/{runtime.BODY_FILE};"""


def _head_alone() -> str:
    return f"""\
# ModSecurity would take the body in whole: a subrequest shows it the head alone.
auth_request {_HEAD_INSPECTION};
{error_pages(_BLOCKED_UPLOAD)}
proxy_request_buffering off;"""


def _streamed_body(route: Route, settings: WafSettings) -> str:
    longest = settings.client_limits.arrival_seconds(route) + route.timeout_seconds
    return f"""\
{_head_alone()}
proxy_send_timeout {milliseconds(longest)};"""


def _inspection_of_heads(settings: WafSettings) -> str:
    """Where the head of an upload is shown to ModSecurity, and what a refused one ends in."""
    inspection = f"""\
internal;
modsecurity on;
modsecurity_rules_file {FILES_DIRECTORY}/{runtime.STREAMED_FILE};
# The head still says how long the body is.
client_max_body_size 0;
log_subrequest on;
access_log off;
# Any answer, after ModSecurity has judged: `return` would come before.
empty_gif;"""
    return "\n".join(
        [
            block(f"location {_BLOCKED_UPLOAD}", "access_log off;", answer(BLOCKED, settings)),
            block(f"location = {_HEAD_INSPECTION}", inspection, f"error_page 403 {_BLOCKED_HEAD};"),
            block(f"location {_BLOCKED_HEAD}", inspection),
        ]
    )
