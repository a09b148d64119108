"""The gateway's refusals as Kong gives them: by the name that a script refuses by, or by status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.gateway import errors

if TYPE_CHECKING:
    from infra.gateway.lua import Value


@dataclass(frozen=True)
class Refusal:
    """A refusal: one of the gateway's codes and a status."""

    code: str
    status: int
    message: str | None = None
    """In place of the code's own."""

    def table(self) -> Value:
        """Lua table of what the client gets."""
        refusal = errors.REFUSALS[self.code]
        table: dict[str, Value] = {
            "code": self.code,
            "status": self.status,
            "message": self.message or refusal.message,
            "headers": dict(refusal.headers),
        }
        return table


REFUSALS = {
    "missing_api_key": Refusal("missing_api_key", 401),
    "invalid_api_key": Refusal("invalid_api_key", 401),
    "invalid_token": Refusal("invalid_token", 401),
    "forbidden": Refusal("forbidden", 403),
    "not_found": Refusal("not_found", 404),
    "method_not_allowed": Refusal("method_not_allowed", 405),
    "request_timeout": Refusal("request_timeout", 408),
    "payload_too_large": Refusal("payload_too_large", 413),
    "rate_limited": Refusal("rate_limited", 429),
    "bad_request": Refusal("bad_request", 400),
    "no_such_upgrade": Refusal("bad_request", 400, errors.NO_SUCH_UPGRADE),
    "too_many_headers": Refusal("bad_request", 431),
    "upstream_unavailable": Refusal("upstream_unavailable", 503),
    "upstream_too_slow": Refusal("upstream_unavailable", 504),
}
"""By the name that scripts use."""

REFUSAL_BY_STATUS = {
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "payload_too_large",
    # The size of a body that its client has announced.
    417: "payload_too_large",
    429: "rate_limited",
    # nginx's own, for headers that are too large.
    494: "too_many_headers",
    # A transfer encoding that is not chunked.
    501: "bad_request",
    504: "upstream_too_slow",
}
"""Name by the status that Kong, nginx or a plugin refuses with. Another status below 500 is a
`bad_request`, any other one `upstream_unavailable`."""


def definitions() -> dict[str, Value]:
    """What the scripts know about refusals."""
    return {"REFUSALS": {name: refusal.table() for name, refusal in REFUSALS.items()}}
