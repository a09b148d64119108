"""What scripts of the configured origins may send, and which headers of an answer they may read."""

from __future__ import annotations

from infra.gateway.routes import METHODS

ALLOWED_METHODS = tuple(method for method in METHODS if method != "HEAD")
REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Content-Profile",
    "Accept-Profile",
    "apikey",
    "x-client-info",
    "X-Request-ID",
    "Prefer",
    "Range",
    "x-supabase-api-version",
    "x-upsert",
    "Tus-Resumable",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
)
ANSWER_HEADERS = (
    "X-Request-ID",
    "Content-Range",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "Retry-After",
)
MAX_AGE_SECONDS = 3600
"""For how long a browser may remember the answer to a preflight."""
