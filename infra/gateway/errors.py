"""What the gateway says when it refuses a request, whichever engine says it.

Every refusal has one form. `message` at the top level is what clients of the older Supabase bundles
read.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.gateway.routes import METHODS

ROLES = ("anon", "authenticated", "service_role")
"""PostgreSQL roles that a token may name."""

NO_SUCH_UPGRADE = "This path does not take such an upgrade"
"""In place of the message of `bad_request`."""


@dataclass(frozen=True)
class Refusal:
    """What a code says to the client."""

    message: str
    headers: tuple[tuple[str, str], ...] = ()


REFUSALS = {
    "missing_api_key": Refusal("No API key found in request"),
    "invalid_api_key": Refusal("Invalid API key"),
    "invalid_token": Refusal(
        "The access token is invalid or has expired", (("WWW-Authenticate", "Bearer"),)
    ),
    "forbidden": Refusal("This path needs the service role"),
    "not_found": Refusal("No such path"),
    "method_not_allowed": Refusal("This method is not allowed", (("Allow", ", ".join(METHODS)),)),
    "request_timeout": Refusal("The request took too long to arrive"),
    "payload_too_large": Refusal("The request body is too large"),
    "rate_limited": Refusal("Too many requests; try again later"),
    "bad_request": Refusal("The request cannot be read"),
    "upstream_unavailable": Refusal("The service behind this path does not answer"),
}
"""By code."""
