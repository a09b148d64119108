"""Versions at package indexes: PyPI, Go module proxies and npm, or whatever mirrors stand for them.

Each is asked at the address that its own client is set to use on this machine.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote

from upgrades import web
from upgrades.versions import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

GO_PROXY = "https://proxy.golang.org,direct"
"""Go's own default."""
NPM_REGISTRY = "https://registry.npmjs.org"
"""npm's own default."""

_PIP_SECONDS = 60


def pypi(package: str) -> list[str]:
    """Versions of a Python package, as pip sees them.

    Raises:
        UnreachableError: pip finds none.
    """
    options = ("--disable-pip-version-check", "--no-input", "--no-color")
    try:
        asked = subprocess.run(  # noqa: S603  (pip of this environment)
            [sys.executable, "-m", "pip", "index", "versions", *options, package],
            capture_output=True,
            text=True,
            timeout=_PIP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"pip did not answer in {_PIP_SECONDS} s") from None
    found = re.search(r"^Available versions: (.+)$", asked.stdout, re.MULTILINE)
    if asked.returncode != 0 or found is None:
        said = [line for line in asked.stderr.splitlines() if line.startswith("ERROR: ")]
        reason = said[-1].removeprefix("ERROR: ") if said else "no versions listed"
        raise UnreachableError(f"pip: {reason}")
    return found[1].split(", ")


def go(module: str, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Versions of a Go module at the first proxy of GOPROXY.

    Raises:
        UnreachableError: GOPROXY names no proxy, or it does not answer.

    Source: https://go.dev/ref/mod#goproxy-protocol
    """
    proxies = re.split(r"[,|]", environment.get("GOPROXY") or GO_PROXY)
    proxy = proxies[0].strip().rstrip("/")
    if proxy in {"direct", "off"}:
        raise UnreachableError(f"GOPROXY starts with {proxy}, so there is no proxy to ask")
    escaped = re.sub("[A-Z]", lambda found: f"!{found[0].lower()}", module)
    return web.page(f"{proxy}/{quote(escaped, safe='/!')}/@v/list").decode().split()


def npm(package: str, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Versions of an npm package that are not deprecated.

    Raises:
        UnreachableError: The registry does not answer.

    Source: https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md
    """
    registry = (environment.get("npm_config_registry") or NPM_REGISTRY).rstrip("/")
    answer = web.page(
        f"{registry}/{quote(package, safe='@')}",
        {"Accept": "application/vnd.npm.install-v1+json"},
    )
    try:
        versions: dict[str, dict[str, object]] = json.loads(answer)["versions"]
        return [version for version, facts in versions.items() if not facts.get("deprecated")]
    except (ValueError, KeyError, AttributeError, TypeError):
        raise UnreachableError(f"{registry} does not answer as an npm registry does") from None
