"""The gateway's chain of HTTP filters, in the order in which a request passes them.

Each filter has one duty; what differs between routes is overridden by the routes themselves
(`virtual_host`), under the names below.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from infra.gateway import credential, headers, lua
from infra.gateway.envoy.xds import Json, http_filter_message, set_header
from infra.gateway.errors import ROLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.gateway.routes import Route
    from infra.gateway.settings import GatewaySettings

CORS = "envoy.filters.http.cors"
HEADERS = "envoy.filters.http.header_mutation"
RATE_LIMIT = "envoy.filters.http.local_ratelimit"
API_KEY = "envoy.filters.http.lua"
TOKEN = "envoy.filters.http.jwt_authn"  # noqa: S105 - a filter's name
ROLE = "envoy.filters.http.rbac"
BODY = "envoy.filters.http.buffer"
ROUTER = "envoy.filters.http.router"

TOKEN_REQUIRED = "required"  # noqa: S105 - a name
TOKEN_OPTIONAL = "optional"  # noqa: S105 - a name

METADATA_NAMESPACE = "plinth.gateway"
"""Where routes say what they are, and the API-key script why it refused a request."""

_ROUTER_HEADER_PREFIX = "x-envoy-"
"""The router's own: they would change time limits and repetitions."""

_VERIFIED_TOKENS_KEPT = 2000
"""Tokens per worker thread whose signature is not computed again; their times still are."""

_CLIENT_ADDRESSES_KEPT = 20_000

_RATE_LIMIT_KEY: Json = [
    {
        "metadata": {
            "descriptor_key": "route",
            "source": "ROUTE_ENTRY",
            "metadata_key": {"key": METADATA_NAMESPACE, "path": [{"key": "route"}]},
        }
    },
    # One customer holds a whole /64 of IPv6.
    {"masked_remote_address": {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}},
]
_API_KEY_SCRIPT = Path(__file__).with_name("api_key.lua").read_text(encoding="utf-8")


def security_headers(*, secure: bool) -> list[Json]:
    """`HeaderValueOption` list of the headers that every answer has; see `headers.security`."""
    return [set_header(name, value) for name, value in headers.security(secure=secure)]


def http_filters(routes: Sequence[Route], settings: GatewaySettings) -> Json:
    """The whole chain."""
    limits = [rate_limit_filter(routes, settings)] if settings.rate_limits else []
    return [
        {"name": CORS, "typed_config": http_filter_message("cors.v3.Cors")},
        header_filter(settings),
        *limits,
        {
            "name": API_KEY,
            "typed_config": api_key_script(settings, key_required=True, key_in_query=False),
        },
        token_filter(settings),
        {"name": ROLE, "typed_config": http_filter_message("rbac.v3.RBAC", rules=role_rules())},
        {
            "name": BODY,
            "typed_config": http_filter_message(
                "buffer.v3.Buffer",
                max_request_bytes=min((route.body_limit_bytes for route in routes), default=1),
            ),
        },
        {"name": ROUTER, "typed_config": http_filter_message("router.v3.Router")},
    ]


def header_filter(settings: GatewaySettings) -> Json:
    """Remove identity that a client claims by header; add the security headers to answers."""
    removed = headers.removed_from_requests(settings.trusted_proxies)
    prefixes = [
        {"remove_on_match": {"key_matcher": {"prefix": prefix, "ignore_case": True}}}
        for prefix in (*headers.IDENTITY_PREFIXES, _ROUTER_HEADER_PREFIX)
    ]
    return {
        "name": HEADERS,
        "typed_config": http_filter_message(
            "header_mutation.v3.HeaderMutation",
            mutations={
                "request_mutations": [*({"remove": name} for name in removed), *prefixes],
                "response_mutations": [
                    {"remove": "server"},
                    {"remove": "x-powered-by"},
                    {"remove": "x-envoy-upstream-service-time"},
                    *({"append": header} for header in security_headers(secure=settings.secure)),
                ],
            },
        ),
    }


def rate_limit_filter(routes: Sequence[Route], settings: GatewaySettings) -> Json:
    """Count requests per route and client address; each pair has a bucket of its own."""
    return {
        "name": RATE_LIMIT,
        "typed_config": http_filter_message(
            "local_ratelimit.v3.LocalRateLimit",
            stat_prefix="gateway",
            # Asked for where no descriptor applies, which no limited route lets happen.
            token_bucket=_bucket(1_000_000_000),
            always_consume_default_token_bucket=False,
            filter_enabled=_always(),
            filter_enforced=_always(),
            enable_x_ratelimit_headers="DRAFT_VERSION_03",
            rate_limits=[{"actions": _RATE_LIMIT_KEY}],
            max_dynamic_descriptors=_CLIENT_ADDRESSES_KEPT,
            descriptors=[
                {
                    "entries": [
                        {"key": "route", "value": route.name},
                        # No value: a bucket for every address.
                        {"key": "masked_remote_address"},
                    ],
                    "token_bucket": _bucket(settings.requests_per_minute(route)),
                }
                for route in routes
            ],
        ),
    }


def api_key_script(settings: GatewaySettings, *, key_required: bool, key_in_query: bool) -> Json:
    """Lua filter that exchanges API keys, as the chain's default or for one route.

    Args:
        settings: Keys and their tokens.
        key_required: Whether a request without a known key is refused.
        key_in_query: Whether the key may come as query parameter `apikey`.
    """
    return http_filter_message(
        "lua.v3.Lua",
        default_source_code={
            "inline_string": api_key_source(
                settings, key_required=key_required, key_in_query=key_in_query
            )
        },
        # Routes do not depend on the headers that the script changes.
        clear_route_cache=False,
    )


def api_key_source(settings: GatewaySettings, *, key_required: bool, key_in_query: bool) -> str:
    """Text of the script with its keys; see `api_key_script`."""
    choices = {"KEY_REQUIRED": key_required, "KEY_IN_QUERY": key_in_query}
    return "\n".join(
        (
            credential.script(settings),
            credential.QUERY_SCRIPT,
            lua.definitions(choices),
            "",
            _API_KEY_SCRIPT,
        )
    )


def token_filter(settings: GatewaySettings) -> Json:
    """Verify the bearer token: signature by the key set, issuer, audience, exp and nbf.

    A key verifies its own algorithm only, whatever the token's header says.
    """
    provider = {"provider_name": "platform"}
    return {
        "name": TOKEN,
        "typed_config": http_filter_message(
            "jwt_authn.v3.JwtAuthentication",
            providers={
                "platform": {
                    "issuer": settings.issuer,
                    "audiences": [settings.audience],
                    "local_jwks": {"inline_string": settings.jwks.get_secret_value()},
                    # Named, because the default reads the query as well.
                    "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
                    "forward": True,
                    "require_expiration": True,
                    "clock_skew_seconds": credential.CLOCK_SKEW_SECONDS,
                    "payload_in_metadata": "claims",
                    "jwt_cache_config": {"jwt_cache_size": _VERIFIED_TOKENS_KEPT},
                }
            },
            requirement_map={
                TOKEN_REQUIRED: provider,
                TOKEN_OPTIONAL: {
                    "requires_any": {"requirements": [provider, {"allow_missing": {}}]}
                },
            },
            rules=[{"match": {"prefix": "/"}, "requirement_name": TOKEN_REQUIRED}],
            strip_failure_response=True,
        ),
    }


def role_rules(roles: Sequence[str] = ROLES, *, token_optional: bool = False) -> Json:
    """RBAC rules that let the given token roles pass.

    Args:
        roles: Values of the claim `role`.
        token_optional: Whether a request without any token passes too.
    """
    principals = [
        {
            "sourced_metadata": {
                "metadata_matcher": {
                    "filter": TOKEN,
                    "path": [{"key": "claims"}, {"key": "role"}],
                    "value": {"string_match": {"exact": role}},
                }
            }
        }
        for role in roles
    ]
    without_token = [{"not_id": {"header": {"name": "authorization", "present_match": True}}}]
    return {
        "action": "ALLOW",
        "policies": {
            "role": {
                "permissions": [{"any": True}],
                "principals": [*principals, *(without_token if token_optional else [])],
            }
        },
    }


def _bucket(per_minute: int) -> Json:
    return {"max_tokens": per_minute, "tokens_per_fill": per_minute, "fill_interval": "60s"}


def _always() -> Json:
    return {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
