"""The refusals that Envoy gives, and what it recognises each by.

Source: `LocalReplyConfig` of Envoy's HTTP connection manager, and its access log filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.gateway.envoy.filters import METADATA_NAMESPACE
from infra.gateway.errors import NO_SUCH_UPGRADE, REFUSALS, ROLES

if TYPE_CHECKING:
    from infra.gateway.envoy.xds import Json


@dataclass(frozen=True)
class LocalReply:
    """A refusal of `infra.gateway.errors`, given for answers of Envoy's own."""

    code: str
    applies_to: Json
    """Access log filter that selects the answers."""

    status: int | None = None
    """In place of the one that the filter chose."""

    message: str | None = None
    """In place of the code's own."""

    headers: tuple[tuple[str, str], ...] = ()
    """Besides the code's own; a value in percent signs is one that Envoy fills in."""


def _status(lowest: int, highest: int) -> Json:
    return {
        "and_filter": {
            "filters": [_compare_status("GE", lowest), _compare_status("LE", highest)],
        }
    }


def _compare_status(operator: str, value: int) -> Json:
    return {
        "status_code_filter": {
            "comparison": {
                "op": operator,
                "value": {
                    "default_value": value,
                    # Required by the schema; no runtime layer sets it.
                    "runtime_key": "plinth.gateway.status",
                },
            }
        }
    }


def _noted(code: str) -> Json:
    return {
        "metadata_filter": {
            "matcher": {
                "filter": METADATA_NAMESPACE,
                "path": [{"key": "error"}],
                "value": {"string_match": {"exact": code}},
            },
            "match_if_key_not_found": False,
        }
    }


def _asks_for(header: str) -> Json:
    return {"header_filter": {"header": {"name": header, "present_match": True}}}


_ROLE_KNOWN: Json = {
    "metadata_filter": {
        "matcher": {
            "filter": "envoy.filters.http.jwt_authn",
            "path": [{"key": "claims"}, {"key": "role"}],
            "value": {
                "or_match": {
                    "value_matchers": [{"string_match": {"exact": role}} for role in ROLES]
                }
            },
        },
        "match_if_key_not_found": False,
    }
}

_METHOD_CONNECT: Json = {
    "header_filter": {"header": {"name": ":method", "string_match": {"exact": "CONNECT"}}}
}

LOCAL_REPLIES: tuple[LocalReply, ...] = (
    LocalReply("missing_api_key", _noted("missing_api_key")),
    LocalReply("invalid_api_key", _noted("invalid_api_key")),
    LocalReply("invalid_token", _status(401, 401)),
    LocalReply("forbidden", {"and_filter": {"filters": [_status(403, 403), _ROLE_KNOWN]}}),
    # What Envoy makes of a protocol that the path does not speak, and of a tunnel.
    LocalReply(
        "bad_request",
        {
            "and_filter": {
                "filters": [
                    _status(403, 403),
                    {"or_filter": {"filters": [_asks_for("upgrade"), _METHOD_CONNECT]}},
                ]
            }
        },
        400,
        NO_SUCH_UPGRADE,
    ),
    # A token of the right issuer that names no known role is as good as none.
    LocalReply("invalid_token", _status(403, 403), 401),
    LocalReply("not_found", _status(404, 404)),
    LocalReply("method_not_allowed", _status(405, 405)),
    LocalReply("request_timeout", _status(408, 408)),
    LocalReply("payload_too_large", _status(413, 413)),
    LocalReply(
        "rate_limited",
        _status(429, 429),
        headers=(("Retry-After", f"%METADATA(ROUTE:{METADATA_NAMESPACE}:retry_after)%"),),
    ),
    LocalReply("bad_request", _status(400, 499)),
    # A transfer encoding that is not chunked: nothing that the gateway might do some day.
    LocalReply("bad_request", _status(501, 501), 400),
    LocalReply("upstream_unavailable", _status(500, 599)),
)
"""First match wins."""


def local_reply_config(headers: Json) -> Json:
    """Envoy `LocalReplyConfig` that gives every refusal its JSON body.

    Args:
        headers: `HeaderValueOption` list for answers that never reach the filters.
    """
    return {"mappers": [_mapper(reply, headers) for reply in LOCAL_REPLIES]}


def _mapper(reply: LocalReply, headers: Json) -> Json:
    refusal = REFUSALS[reply.code]
    message = reply.message or refusal.message
    own = [
        {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for key, value in (*refusal.headers, *reply.headers)
    ]
    return {
        "filter": reply.applies_to,
        **({"status_code": reply.status} if reply.status else {}),
        "headers_to_add": [*headers, *own],
        "body_format_override": {
            "json_format": {
                "success": False,
                "error": {"code": reply.code, "message": message},
                "message": message,
                "request_id": "%REQ(X-REQUEST-ID)%",
            }
        },
    }
