"""Asking a publisher over HTTP."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from upgrades.versions import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS = 20


def get(url: str, headers: Mapping[str, str] = {}) -> tuple[bytes, Mapping[str, str]]:
    """Body and headers of a page.

    Raises:
        urllib.error.HTTPError: The server refused; the caller may know what to do.
        UnreachableError: There is no answer.
    """
    host = urlsplit(url).netloc.rpartition("@")[2]
    if urlsplit(url).scheme not in {"http", "https"}:
        raise UnreachableError(f"{url} is no web address")
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310  (looked at above)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310  (the same)
            return answer.read(), dict(answer.headers)
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise UnreachableError(f"{host}: {reason}") from None


def page(url: str, headers: Mapping[str, str] = {}) -> bytes:
    """Body of a page.

    Raises:
        UnreachableError: There is no answer, or a refusal.
    """
    try:
        return get(url, headers)[0]
    except urllib.error.HTTPError as error:
        raise refused(url, error) from None


def refused(url: str, error: urllib.error.HTTPError) -> UnreachableError:
    """The error for a refusal."""
    return UnreachableError(f"{urlsplit(url).netloc.rpartition('@')[2]} answers {error.code}")
