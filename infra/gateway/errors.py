"""Bodies of the answers that the gateway gives itself.

Every refusal has one form, whichever filter it comes from. `message` at the top level is what
clients of the older Supabase bundles read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.gateway.routes import METHODS

if TYPE_CHECKING:
    from infra.gateway.xds import Json

METADATA_NAMESPACE = "plinth.gateway"
"""Where the API-key script notes why it refused a request."""

ROLES = ("anon", "authenticated", "service_role")
"""PostgreSQL roles that a token may name."""


@dataclass(frozen=True)
class ErrorAnswer:
    """A refusal: its code, its text, and what it is recognised by."""

    code: str
    message: str
    applies_to: Json
    """Envoy access-log filter that selects the answer."""

    status: int | None = None
    """Status in place of the one that the filter chose."""

    headers: tuple[tuple[str, str], ...] = ()


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

_CHALLENGE = (("WWW-Authenticate", "Bearer"),)
NO_SUCH_UPGRADE = "This path does not take such an upgrade"
_UNREADABLE = "The request cannot be read"
_INVALID_TOKEN = "The access token is invalid or has expired"  # noqa: S105 - a message

ERROR_ANSWERS: tuple[ErrorAnswer, ...] = (
    ErrorAnswer("missing_api_key", "No API key found in request", _noted("missing_api_key")),
    ErrorAnswer("invalid_api_key", "Invalid API key", _noted("invalid_api_key")),
    ErrorAnswer("invalid_token", _INVALID_TOKEN, _status(401, 401), headers=_CHALLENGE),
    ErrorAnswer(
        "forbidden",
        "This path needs the service role",
        {"and_filter": {"filters": [_status(403, 403), _ROLE_KNOWN]}},
    ),
    # What Envoy makes of a protocol that the path does not speak, and of a tunnel.
    ErrorAnswer(
        "bad_request",
        NO_SUCH_UPGRADE,
        {
            "and_filter": {
                "filters": [
                    _status(403, 403),
                    {"or_filter": {"filters": [_asks_for("upgrade"), _METHOD_CONNECT]}},
                ]
            }
        },
        400,
    ),
    # A token of the right issuer that names no known role is as good as none.
    ErrorAnswer("invalid_token", _INVALID_TOKEN, _status(403, 403), 401, _CHALLENGE),
    ErrorAnswer("not_found", "No such path", _status(404, 404)),
    ErrorAnswer(
        "method_not_allowed",
        "This method is not allowed",
        _status(405, 405),
        headers=(("Allow", ", ".join(METHODS)),),
    ),
    ErrorAnswer("request_timeout", "The request took too long to arrive", _status(408, 408)),
    ErrorAnswer("payload_too_large", "The request body is too large", _status(413, 413)),
    ErrorAnswer(
        "rate_limited",
        "Too many requests; try again later",
        _status(429, 429),
        headers=(("Retry-After", f"%METADATA(ROUTE:{METADATA_NAMESPACE}:retry_after)%"),),
    ),
    ErrorAnswer("bad_request", _UNREADABLE, _status(400, 499)),
    # A transfer encoding that is not chunked: nothing that the gateway might do some day.
    ErrorAnswer("bad_request", _UNREADABLE, _status(501, 501), 400),
    ErrorAnswer(
        "upstream_unavailable", "The service behind this path does not answer", _status(500, 599)
    ),
)
"""First match wins."""


def local_reply_config(headers: Json) -> Json:
    """Envoy `LocalReplyConfig` that gives every refusal its JSON body.

    Args:
        headers: `HeaderValueOption` list for answers that never reach the filters.
    """
    return {"mappers": [_mapper(answer, headers) for answer in ERROR_ANSWERS]}


def _mapper(answer: ErrorAnswer, headers: Json) -> Json:
    own = [
        {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for key, value in answer.headers
    ]
    return {
        "filter": answer.applies_to,
        **({"status_code": answer.status} if answer.status else {}),
        "headers_to_add": [*headers, *own],
        "body_format_override": {
            "json_format": {
                "success": False,
                "error": {"code": answer.code, "message": answer.message},
                "message": answer.message,
                "request_id": "%REQ(X-REQUEST-ID)%",
            }
        },
    }
