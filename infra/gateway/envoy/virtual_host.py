"""The route table as Envoy routes, with what each path demands of the filters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from infra.gateway import cors, headers
from infra.gateway.envoy import filters
from infra.gateway.envoy.xds import DISABLED, Json, http_filter_message, seconds, typed
from infra.gateway.routes import HEALTH_PATH, MEBIBYTE, METHODS, Access, PathRule, Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.gateway.settings import ClientLimits, GatewaySettings

_UNCHECKED = (
    filters.RATE_LIMIT,
    filters.API_KEY,
    filters.TOKEN,
    filters.ROLE,
    filters.BODY,
)
"""Filters that have no part in an answer of the gateway's own."""


def route_configuration(routes: tuple[Route, ...], settings: GatewaySettings) -> Json:
    """Envoy `RouteConfiguration` with one virtual host for every name."""
    return {
        "name": "gateway",
        "response_headers_to_remove": [*headers.PERMISSIONS, "via"],
        "virtual_hosts": [
            {
                "name": "gateway",
                "domains": ["*"],
                "typed_per_filter_config": {filters.CORS: _cors_policy(settings)},
                "routes": [
                    # Two Host headers arrive as one with both values.
                    _own_answer(
                        "two-hosts", _headed(":authority", {"contains": ","}), settings, 400
                    ),
                    _own_answer(
                        "method",
                        _headed(
                            ":method",
                            {"safe_regex": {"regex": "|".join(METHODS)}},
                            invert_match=True,
                        ),
                        settings,
                        405,
                    ),
                    _own_answer(
                        "health",
                        {"path": HEALTH_PATH},
                        settings,
                        200,
                        '{"status":"ok"}',
                    ),
                    *(
                        envoy_route
                        for route in routes
                        for envoy_route in _envoy_routes(route, settings)
                    ),
                    _own_answer("none", {"prefix": "/"}, settings, 404),
                ],
            }
        ],
    }


def _headed(name: str, value: Json, **match: Json) -> Json:
    """Match of any path by a header's value."""
    return {"prefix": "/", "headers": [{"name": name, "string_match": value, **match}]}


def _cors_policy(settings: GatewaySettings) -> Json:
    return http_filter_message(
        "cors.v3.CorsPolicy",
        allow_origin_string_match=[{"exact": origin} for origin in settings.cors_origins],
        allow_methods=", ".join(cors.ALLOWED_METHODS),
        allow_headers=", ".join(cors.REQUEST_HEADERS),
        expose_headers=", ".join(cors.ANSWER_HEADERS),
        max_age=str(cors.MAX_AGE_SECONDS),
        allow_credentials=True,
        # A preflight of another origin ends here too, without the headers that would allow it.
        forward_not_matching_preflights=False,
    )


def _envoy_routes(route: Route, settings: GatewaySettings) -> Iterator[Json]:
    # Longer paths first: Envoy takes the first route that matches.
    for rule in sorted(route.rules, key=lambda rule: len(rule.path), reverse=True):
        yield from _rule_routes(route, rule, settings)
    yield from _rule_routes(route, PathRule("/", route.access), settings)


def _rule_routes(route: Route, rule: PathRule, settings: GatewaySettings) -> Iterator[Json]:
    below = "" if rule.path == "/" else rule.path
    path = route.prefix + below
    rewritten = route.upstream_prefix.rstrip("/") + below
    # With and without a trailing slash; a prefix match alone would take `/rest/v1x` as well.
    for match, upstream_path in (
        ({"path": path}, rewritten or "/"),
        ({"path" if rule.exact else "prefix": f"{path}/"}, f"{rewritten}/"),
    ):
        if rule.access is Access.DENIED:
            yield _own_answer(f"{route.name}-denied", match, settings, 404)
            continue
        envoy_route = _envoy_route(route, rule, match, upstream_path, settings)
        yield from _by_body(route, envoy_route)


def _envoy_route(
    route: Route, rule: PathRule, match: Json, rewritten: str, settings: GatewaySettings
) -> Json:
    per_minute = settings.requests_per_minute(route)
    return {
        "name": route.name,
        "stat_prefix": route.name,
        "match": match,
        "metadata": {
            "filter_metadata": {
                filters.METADATA_NAMESPACE: {
                    "route": route.name,
                    # Seconds until the bucket holds a token again.
                    "retry_after": str(math.ceil(60 / per_minute)),
                }
            }
        },
        "route": {
            "cluster": route.component,
            "prefix_rewrite": rewritten,
            "retry_policy": _retry_policy(),
            **_time_limits(route, settings.client_limits),
            **({"upgrade_configs": [{"upgrade_type": "websocket"}]} if route.websocket else {}),
        },
        "typed_per_filter_config": _credential_overrides(route, rule.access, settings),
    }


def _by_body(route: Route, envoy_route: Json) -> Iterator[Json]:
    """The Envoy route once for each way in which bodies are taken.

    A body that is not taken in whole has a length that is known, and known to be allowed: Envoy
    itself holds the sender to it, byte by byte, and there is nothing to count.
    """

    def taken(setting: Json, having: Json) -> Json:
        return {
            **envoy_route,
            "match": {**envoy_route["match"], **({"headers": having} if having else {})},
            "typed_per_filter_config": {
                filters.BODY: setting,
                **envoy_route["typed_per_filter_config"],
            },
        }

    if route.websocket:
        # What follows an upgrade is no body, and to wait for its end would be to wait for ever. A
        # request without these two headers has no body.
        websocket = {"exact": "websocket", "ignore_case": True}
        yield taken(
            DISABLED,
            [
                {"name": "upgrade", "string_match": websocket},
                {"name": "content-length", "present_match": False},
                {"name": "transfer-encoding", "present_match": False},
            ],
        )
    if route.streams_body:
        allowed = {"start": 0, "end": route.body_limit_bytes + 1}
        yield taken(DISABLED, [{"name": "content-length", "range_match": allowed}])
    held = {"max_request_bytes": min(route.body_limit_bytes, MEBIBYTE)}
    yield taken(http_filter_message("buffer.v3.BufferPerRoute", buffer=held), [])


def _time_limits(route: Route, limits: ClientLimits) -> Json:
    if not route.timeout_seconds:
        return {
            "timeout": "0s",
            "idle_timeout": "0s",
            "max_stream_duration": {"max_stream_duration": "0s"},
        }
    longest = limits.arrival_seconds(route) + route.timeout_seconds
    return {
        "timeout": seconds(route.timeout_seconds),
        # Ends a body that is sent a byte at a time: 408 while it arrives.
        "max_stream_duration": {"max_stream_duration": seconds(longest)},
    }


def _credential_overrides(
    route: Route, access: Access, settings: GatewaySettings
) -> dict[str, Json]:
    overrides = {}
    if access is Access.PUBLIC or route.websocket:
        overrides[filters.API_KEY] = http_filter_message(
            "lua.v3.LuaPerRoute",
            source_code={
                "inline_string": filters.api_key_source(
                    settings,
                    key_required=access is not Access.PUBLIC,
                    key_in_query=route.websocket,
                )
            },
        )
    if access is Access.PUBLIC:
        overrides[filters.TOKEN] = http_filter_message(
            "jwt_authn.v3.PerRouteConfig", requirement_name=filters.TOKEN_OPTIONAL
        )
        overrides[filters.ROLE] = _role_override(filters.role_rules(token_optional=True))
    if access is Access.SERVICE_ROLE:
        overrides[filters.ROLE] = _role_override(filters.role_rules(("service_role",)))
    return overrides


def _role_override(rules: Json) -> Json:
    return http_filter_message("rbac.v3.RBACPerRoute", rbac={"rules": rules})


def _retry_policy() -> Json:
    return {
        # Each of these means that the component has not seen the request, so that any request may
        # be sent again. The script of the filters adds more for a request that only reads.
        "retry_on": "connect-failure,reset-before-request,refused-stream",
        "retriable_status_codes": [503],
        # One container may be on its way out while another is not up yet.
        "num_retries": 2,
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": typed(
                    "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                ),
            }
        ],
        "host_selection_retry_max_attempts": 3,
    }


def _own_answer(
    name: str, match: Json, settings: GatewaySettings, status: int, body: str = ""
) -> Json:
    checked = [
        filter_name
        for filter_name in _UNCHECKED
        if settings.rate_limits or filter_name != filters.RATE_LIMIT
    ]
    json_body = (
        {
            "response_headers_to_add": [
                {"header": {"key": "Content-Type", "value": "application/json"}}
            ]
        }
        if body
        else {}
    )
    return {
        "name": name,
        "match": match,
        "direct_response": {
            "status": status,
            **({"body": {"inline_string": body}} if body else {}),
        },
        **json_body,
        "typed_per_filter_config": dict.fromkeys(checked, DISABLED),
    }
