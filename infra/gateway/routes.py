"""The route table: every path that the gateway lets through, and on which terms.

A component joins the gateway by one entry in `ROUTES`. The renderings read the table and nothing
else, so a limit or a credential stands in one place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE

OpenApiAccess = Literal["service_role", "disabled"]


class Access(StrEnum):
    """What a caller must present."""

    PUBLIC = "public"
    """Nothing. A bearer token that is presented all the same must be valid."""

    API_KEY = "api_key"
    """A known API key; a bearer token beside it must be valid."""

    SERVICE_ROLE = "service_role"
    """An API key or token whose role is `service_role`."""

    DENIED = "denied"
    """Answered with 404, whatever is presented: the path is for the inside only."""


@dataclass(frozen=True)
class PathRule:
    """A path below a route's prefix that has terms of its own."""

    path: str
    """Relative to the route's prefix: `/admin`; `/` is the prefix itself."""

    access: Access

    exact: bool = False
    """Whether the rule holds for this path alone and not for the paths below it."""


@dataclass(frozen=True)
class Route:
    """A path prefix of the gateway and the component behind it."""

    name: str
    prefix: str
    component: str
    port: int
    profile: str
    description: str
    requests_per_minute: int
    """Per client address. Rules of one route share the allowance."""

    timeout_seconds: int
    """Time for the whole answer; 0 for none, nor for silence: for websockets and server-sent
    events."""

    body_limit_bytes: int = MEBIBYTE
    """Largest body. It is taken in whole before the component sees the request, unless
    `streams_body`. Does not count for what follows an upgrade to a websocket."""

    streams_body: bool = False
    """Whether a body whose Content-Length is within the limit is passed on while it arrives. One
    whose length is not known is taken in whole all the same, up to 1 MiB."""

    concurrency: int = 512
    """Requests that the component is sent at the same time; as many wait in the gateway, and more
    are refused with 503. Routes of one component share the first one's."""

    access: Access = Access.API_KEY
    rules: tuple[PathRule, ...] = ()
    upstream_prefix: str = "/"
    """What stands in place of `prefix` + `/` in the path that the component sees."""

    health_path: str = "/health/ready"
    """Answered by the component with 200 while it wants requests."""

    health_port: int | None = None
    """Where the component answers `health_path`; None for `port`."""

    websocket: bool = False
    """Whether connections may upgrade. Browsers cannot set headers then, so the API key may
    come as query parameter `apikey`."""

    def __post_init__(self) -> None:
        """Refuse paths that could not match, and bodies that would fill the gateway's memory.

        Raises:
            ValueError: A path lacks its leading slash or has a trailing one; a large body is not
                streamed.
        """
        if not self.prefix.startswith("/") or self.prefix.endswith("/"):
            raise ValueError(
                f"route {self.name}: prefix {self.prefix!r} must start with a slash "
                "and must not end with one"
            )
        if self.body_limit_bytes > MEBIBYTE and not self.streams_body:
            raise ValueError(
                f"route {self.name}: a body of more than {MEBIBYTE} bytes is not held in memory; "
                "set streams_body"
            )
        for rule in self.rules:
            if not rule.path.startswith("/") or (rule.path != "/" and rule.path.endswith("/")):
                raise ValueError(
                    f"route {self.name}: rule path {rule.path!r} must start with a slash "
                    "and must not end with one"
                )


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""Every other method is refused: TRACE would show a caller what the gateway adds."""

HEALTH_PATH = "/health/live"
"""Answered by the gateway itself with 200 while it takes requests."""

ROUTES: tuple[Route, ...] = (
    Route(
        name="auth",
        prefix="/auth/v1",
        component="auth",
        port=9999,
        profile="core",
        description="Sign-up, sign-in, sessions and users",
        requests_per_minute=60,
        timeout_seconds=15,
        rules=(
            # Reached by links in e-mails, by redirects of identity providers, and by verifiers
            # of tokens: none of them can send a key.
            PathRule("/verify", Access.PUBLIC, exact=True),
            PathRule("/callback", Access.PUBLIC, exact=True),
            PathRule("/authorize", Access.PUBLIC, exact=True),
            PathRule("/.well-known/jwks.json", Access.PUBLIC, exact=True),
            PathRule("/admin", Access.SERVICE_ROLE),
            PathRule("/metrics", Access.DENIED),
            PathRule("/health/ready", Access.DENIED),
            PathRule("/openapi.json", Access.SERVICE_ROLE, exact=True),
        ),
    ),
    Route(
        name="rest",
        prefix="/rest/v1",
        component="rest",
        port=3000,
        profile="core",
        description="REST interface of PostgreSQL",
        requests_per_minute=180,
        timeout_seconds=60,
        health_path="/ready",
        health_port=3001,
        rules=(PathRule("/", Access.SERVICE_ROLE, exact=True),),
    ),
)


def enabled_routes(
    profiles: Collection[str],
    rest_openapi: OpenApiAccess,
    routes: tuple[Route, ...] = ROUTES,
) -> tuple[Route, ...]:
    """Routes of the given profiles, in the table's order.

    Args:
        profiles: Names of the profiles that are on.
        rest_openapi: Who may read the generated description at the root of the `rest` route.
        routes: The table.
    """
    enabled = (route for route in routes if route.profile in profiles)
    return tuple(_with_openapi_access(route, rest_openapi) for route in enabled)


def _with_openapi_access(route: Route, rest_openapi: OpenApiAccess) -> Route:
    if route.name != "rest" or rest_openapi == "service_role":
        return route
    rules = tuple(
        replace(rule, access=Access.DENIED) if rule.path == "/" else rule for rule in route.rules
    )
    return replace(route, rules=rules)
