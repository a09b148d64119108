"""What nginx answers itself, in the form of the gateway's own refusals (`infra.gateway.errors`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.gateway import errors, headers
from infra.gateway.routes import METHODS
from infra.gateway.waf.blocks import block

if TYPE_CHECKING:
    from infra.gateway.waf.settings import WafSettings

_MESSAGES = {
    **{code: refusal.message for code, refusal in errors.REFUSALS.items()},
    "blocked": "The request looks like an attack and was not passed on",
}


@dataclass(frozen=True)
class Refusal:
    """An answer in place of one of nginx's own pages."""

    name: str
    """Of the location that gives it."""
    replaces: tuple[int, ...]
    """Statuses, among them those that only nginx has: 494 to 497."""
    status: int
    code: str

    @property
    def path(self) -> str:
        """Where nginx looks for it. A named location cannot stand for a request without a path."""
        return f"/-/refused/{self.name}"

    @property
    def body(self) -> str:
        """JSON, with nginx's variable for the request id."""
        message = _MESSAGES[self.code]
        return json.dumps(
            {
                "success": False,
                "error": {"code": self.code, "message": message},
                "message": message,
                "request_id": "$plinth_request_id",
            }
        )


BLOCKED = Refusal("blocked", (403,), 403, "blocked")
TOO_SLOW = Refusal("too_slow", (408,), 408, "request_timeout")

OTHERS = (
    Refusal("unreadable", (400, 411, 421, 495, 496, 497, 501), 400, "bad_request"),
    Refusal("no_such_path", (404,), 404, "not_found"),
    Refusal("no_such_method", (405,), 405, "method_not_allowed"),
    TOO_SLOW,
    Refusal("body_too_large", (413,), 413, "payload_too_large"),
    Refusal("old_protocol", (426, 505), 426, "bad_request"),
    Refusal("too_many", (429,), 429, "rate_limited"),
    Refusal("head_too_large", (414, 494), 431, "bad_request"),
    Refusal("no_gateway", (500, 502, 503), 503, "upstream_unavailable"),
    Refusal("no_answer", (504,), 504, "upstream_unavailable"),
)


def error_pages(blocked: str | None = None) -> str:
    """Nginx's `error_page` lines. A location that has one of its own needs all of them.

    Args:
        blocked: Location that answers what ModSecurity refuses, where it is on.
    """
    pages = [
        f"error_page {' '.join(map(str, refusal.replaces))} ={refusal.status} {refusal.path};"
        for refusal in OTHERS
    ]
    return "\n".join([*pages, *([f"error_page 403 {blocked};"] if blocked else [])])


def refusal_locations(settings: WafSettings) -> str:
    """The locations of all refusals but `BLOCKED`."""
    return "\n".join(
        block(f"location = {refusal.path}", "internal;", answer(refusal, settings))
        for refusal in OTHERS
    )


def answer(refusal: Refusal, settings: WafSettings) -> str:
    """What a location holds that gives a refusal."""
    answered = {
        **dict(headers.security(secure=settings.secure)),
        "X-Request-ID": "$plinth_request_id",
        # nginx leaves out a header whose value is empty.
        "Access-Control-Allow-Origin": "$plinth_origin",
        "Access-Control-Allow-Credentials": "$plinth_credentials",
        "Access-Control-Expose-Headers": "$plinth_exposed",
        "Vary": "$plinth_varies",
        "Allow": ", ".join(METHODS) if refusal.code == "method_not_allowed" else "",
        "Retry-After": "60" if refusal.code == "rate_limited" else "",
    }
    lines = "\n".join(
        f'add_header {name} "{value}" always;' for name, value in answered.items() if value
    )
    return f"default_type application/json;\n{lines}\nreturn {refusal.status} '{refusal.body}';"
