"""The route table as Kong's services, routes and upstreams.

A service of Kong's is a route of the table, so that what is counted for the service is shared by
its paths. A route of Kong's is a path with terms of its own; which terms, the scripts know by its
name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.gateway import cors
from infra.gateway.kong.plugins import (
    Cors,
    Entity,
    PluginConfig,
    RateLimiting,
    RequestSizeLimiting,
    RequestTermination,
    entities,
)
from infra.gateway.routes import HEALTH_PATH, MEBIBYTE, Access, PathRule, Route
from infra.gateway.settings import GatewaySettings, Upstream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.gateway.lua import Value

CLIENT_HEADER = "x-plinth-client"
"""Carries what requests are counted by from the first script to the plugin that counts. The scripts
overwrite what a client sends, and take it off before the component sees it."""

PROTOCOLS = ["http", "https"]

_CONNECT_MILLISECONDS = 1000
_LONGEST_MILLISECONDS = 2**31 - 2
"""The longest that Kong takes, 24 days: it has no way to say `for ever`."""

_RETRIES = 2
_FAILURES = 5
_CHECKED_EVERY_SECONDS = 1
_FAILED_CHECKS = 3
_NO_ORIGIN = "(?!)"
"""A regular expression that matches nothing: with no origin at all Kong would allow every one."""


@dataclass(frozen=True)
class KongPath:
    """A path with terms of its own."""

    name: str
    expression: str
    """Regular expression from the path's beginning, on the normalised path."""
    priority: int
    access: Access


def paths(route: Route) -> list[KongPath]:
    """The paths of a route, each with a priority above those of the paths that it is below."""
    rules = [*route.rules, PathRule("/", route.access)]
    return [_path(route, rule, whole=rule is rules[-1]) for rule in rules]


def _path(route: Route, rule: PathRule, *, whole: bool) -> KongPath:
    below = "" if rule.path == "/" else rule.path
    slug = rule.path.strip("/.").replace("/", "-") or "root"
    expression = re.escape(route.prefix + below) + ("/?$" if rule.exact else "(?:/|$)")
    return KongPath(
        name=route.name if whole else f"{route.name}.{slug}",
        expression=expression,
        # 0 is the path that takes whatever is left. An exact path before what is below it.
        priority=2 * len(route.prefix + below) + rule.exact,
        access=rule.access,
    )


def services(routes: Sequence[Route], settings: GatewaySettings) -> list[Entity]:
    """Kong's services, with the routes that lead to them."""
    return [_service(route, settings) for route in routes]


def _service(route: Route, settings: GatewaySettings) -> Entity:
    silence = route.timeout_seconds * 1000 or _LONGEST_MILLISECONDS
    return {
        "name": route.name,
        "protocol": "http",
        "host": _upstream_name(route),
        "port": _address(route, settings).port,
        "connect_timeout": _CONNECT_MILLISECONDS,
        "read_timeout": silence,
        "write_timeout": silence,
        "retries": _RETRIES,
        "routes": [
            {
                **_route(path.name, path.expression, path.priority),
                "request_buffering": not route.streams_body,
                # Events reach the client when they are sent, not when a buffer is full.
                "response_buffering": route.timeout_seconds != 0,
            }
            for path in paths(route)
            if path.access is not Access.DENIED
        ],
        "plugins": entities(_service_plugins(route, settings)),
    }


def _route(name: str, expression: str, priority: int) -> Entity:
    return {
        "name": name,
        "protocols": PROTOCOLS,
        "paths": [f"~{expression}"],
        "regex_priority": priority,
        # The scripts write the path that the component sees: what is taken off is not what a
        # path's expression matches.
        "strip_path": False,
        "preserve_host": True,
    }


def _service_plugins(route: Route, settings: GatewaySettings) -> list[PluginConfig]:
    limit = RateLimiting(
        minute=settings.requests_per_minute(route),
        policy="local",
        limit_by="header",
        header_name=CLIENT_HEADER,
    )
    return [
        Cors(
            origins=tuple(f"^{re.escape(origin)}$" for origin in settings.cors_origins)
            or (_NO_ORIGIN,),
            methods=cors.ALLOWED_METHODS,
            headers=cors.REQUEST_HEADERS,
            exposed_headers=cors.ANSWER_HEADERS,
            max_age=cors.MAX_AGE_SECONDS,
            credentials=True,
        ),
        RequestSizeLimiting(allowed_payload_size=route.body_limit_bytes, size_unit="bytes"),
        *([limit] if settings.rate_limits else []),
    ]


def own_routes(routes: Sequence[Route]) -> list[Entity]:
    """Kong's routes that lead to no service: the gateway's health, and what is not found."""
    health = RequestTermination(
        status_code=200, content_type="application/json", body='{"status":"ok"}'
    )
    nothing = RequestTermination(status_code=404, message="No such path")
    denied = [path for route in routes for path in paths(route) if path.access is Access.DENIED]
    return [
        {
            **_route("health", f"{re.escape(HEALTH_PATH)}$", 2 * len(HEALTH_PATH) + 1),
            "plugins": entities([health]),
        },
        *(
            {
                **_route(path.name, path.expression, path.priority),
                "plugins": entities([nothing]),
            }
            for path in denied
        ),
        {**_route("none", "/", 0), "plugins": entities([nothing])},
    ]


def terms(routes: Sequence[Route]) -> dict[str, Value]:
    """What the scripts ask of a request, by the name of Kong's route."""
    return {
        path.name: {
            "access": path.access.value,
            "prefix": route.prefix,
            "upstream_prefix": route.upstream_prefix.rstrip("/"),
            "key_in_query": route.websocket,
            "held_body_limit": min(route.body_limit_bytes, MEBIBYTE),
        }
        for route in routes
        for path in paths(route)
        if path.access is not Access.DENIED
    }


def upstreams(routes: Sequence[Route], settings: GatewaySettings) -> list[Entity]:
    """Kong's upstreams: one for each component, in the table's order."""
    first: dict[str, Route] = {}
    for route in routes:
        first.setdefault(route.component, route)
    return [_upstream(route, settings) for route in first.values()]


def _upstream_name(route: Route) -> str:
    return f"{route.component}.upstream"


def _address(route: Route, settings: GatewaySettings) -> Upstream:
    default = Upstream(host=route.component, port=route.port, health_port=route.health_port)
    return settings.upstreams.get(route.component, default)


def _upstream(route: Route, settings: GatewaySettings) -> Entity:
    address = _address(route, settings)
    failures = {"tcp_failures": _FAILED_CHECKS, "timeouts": _FAILED_CHECKS}
    # Kong asks the port that requests go to, and no other one.
    answers_there = address.health_port in {None, address.port}
    check: Entity = (
        {
            "type": "http",
            "http_path": route.health_path,
            "healthy": {"http_statuses": [200]},
            "unhealthy": {"http_failures": _FAILED_CHECKS, "http_statuses": [500, 502, 503, 504]},
        }
        if answers_there
        else {"type": "tcp", "healthy": {}, "unhealthy": {}}
    )
    every = {"interval": _CHECKED_EVERY_SECONDS}
    return {
        "name": _upstream_name(route),
        "targets": [{"target": f"{address.host}:{address.port}", "weight": 100}],
        "healthchecks": {
            "active": {
                **check,
                "timeout": _CHECKED_EVERY_SECONDS,
                "healthy": {**check["healthy"], **every, "successes": 1},
                "unhealthy": {**check["unhealthy"], **every, **failures},
            },
            # What says it is ready and still fails is left out until the next check.
            "passive": {
                "type": "http",
                "unhealthy": {
                    "http_statuses": [502, 503, 504],
                    "http_failures": _FAILURES,
                    "tcp_failures": _FAILURES,
                    "timeouts": _FAILURES,
                },
            },
        },
    }
