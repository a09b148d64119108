"""Tags of an image at its registry, asked without credentials.

Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md (listing tags) and
https://distribution.github.io/distribution/spec/auth/token/ (anonymous tokens).
"""

from __future__ import annotations

import json
import re
import urllib.error
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin

from upgrades import web
from upgrades.versions import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCKER_HUB = "registry-1.docker.io"
"""Where an engine pulls a reference from that names no registry."""

_MOST_PAGES = 50


def address(repository: str) -> tuple[str, str]:
    """URL of a repository's registry, and the repository's name there."""
    host, slash, rest = repository.partition("/")
    if slash and re.search(r"[.:]|^localhost$", host):
        is_loopback = re.match(r"(localhost|127\.0\.0\.1)(:|$)", host)
        return f"{'http' if is_loopback else 'https'}://{host}", rest
    return f"https://{DOCKER_HUB}", repository if slash else f"library/{repository}"


def tags(repository: str) -> list[str]:
    """Every tag of a repository.

    Raises:
        UnreachableError: The registry does not answer, or wants credentials.
    """
    registry, name = address(repository)
    url: str | None = f"{registry}/v2/{name}/tags/list?n=1000"
    found: list[str] = []
    headers: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        if url is None:
            return found
        try:
            body, answered = web.get(url, headers)
        except urllib.error.HTTPError as error:
            challenge = error.headers.get("WWW-Authenticate", "")
            if error.code != 401 or headers:  # noqa: PLR2004  (HTTP's own number)
                raise web.refused(url, error) from None
            headers = {"Authorization": f"Bearer {_token(challenge, name)}"}
            continue
        found += _read(body, "tags", url) or []
        url = _next(url, answered)
    raise UnreachableError(f"{registry} lists more tags than are looked at")


def _token(challenge: str, name: str) -> str:
    asked: Mapping[str, str] = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    if not challenge.lower().startswith("bearer ") or "realm" not in asked:
        raise UnreachableError("the registry wants credentials")
    query = {"scope": asked.get("scope") or f"repository:{name}:pull"}
    if "service" in asked:
        query["service"] = asked["service"]
    url = f"{asked['realm']}?{urlencode(query)}"
    body = web.page(url)
    token = _read(body, "token", url) or _read(body, "access_token", url)
    return str(token)


def _read(body: bytes, member: str, url: str) -> list[str] | str | None:
    try:
        found: list[str] | str | None = json.loads(body).get(member)
    except (ValueError, AttributeError):
        raise UnreachableError(f"{url} does not answer as a registry does") from None
    return found


def _next(url: str, headers: Mapping[str, str]) -> str | None:
    link = {key.lower(): value for key, value in headers.items()}.get("link", "")
    found = re.search(r'<([^>]+)>;\s*rel="?next"?', link)
    return urljoin(url, found[1]) if found else None
