"""Headers that the gateway takes off requests and answers, and those that every answer has."""

from __future__ import annotations

IDENTITY_PREFIXES = (
    "x-user-",
    "x-service-",
    "x-consumer-",
    "x-credential-",
    "x-authenticated-",
    "x-auth-request-",
    "x-jwt-",
)
IDENTITY = (
    "x-user",
    "x-role",
    "x-anonymous-consumer",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-access-token",
    "x-forwarded-client-cert",
    "x-remote-user",
    "remote-user",
    "x-real-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "forwarded",
)
"""What a component or a library of it may take for who is asking, or for what is asked."""

FROM_PROXY = ("x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix")
"""Believed from a trusted proxy, removed otherwise."""

PERMISSIONS = (
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-expose-headers",
    "access-control-max-age",
)
"""Removed from what a component answers: the gateway alone says which origins may read it."""

MAXIMUM_COUNT = 100
"""Header lines of a request; one with more is refused."""

MAXIMUM_KIBIBYTES = 32
"""Of all of them together."""


def removed_from_requests(trusted_proxies: int) -> tuple[str, ...]:
    """Names of the headers that a client may not send; see also `IDENTITY_PREFIXES`."""
    return IDENTITY if trusted_proxies else (*IDENTITY, *FROM_PROXY)


def security(*, secure: bool) -> tuple[tuple[str, str], ...]:
    """Names and values of the headers that every answer has.

    Args:
        secure: Whether clients come by HTTPS. Browsers ignore Strict-Transport-Security on plain
            HTTP, and a server must not send it there (RFC 6797, section 7.2).
    """
    strict = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    return (
        *((strict,) if secure else ()),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "strict-origin-when-cross-origin"),
    )
