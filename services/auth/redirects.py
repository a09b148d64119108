"""Where a link may lead to: the application, loopback, or what the allow-list names.

Rules and their order follow GoTrue v2.196 (`utilities.IsRedirectURLValid`); beyond them, addresses
with a user part or a backslash are refused, because browsers read them differently.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

_CONTROL_OR_SPACE = re.compile(r"[\x00-\x20\x7f]")
_DECIMAL = re.compile(r"[0-9]+", re.ASCII)
_REGULAR_HOST = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?", re.ASCII)
_WEB_SCHEMES = ("http", "https")
_LONGEST_ADDRESS = 2048

# Parts of a glob: `**` passes the separators `.` and `/`, `*` and `?` do not; a class; a choice.
_GLOB_PART = re.compile(r"(\*\*)|(\*)|(\?)|\[(!?[^\[\]]+)\]|\{([^{}]*)\}|\\(.)|(.)", re.DOTALL)


@dataclass(frozen=True)
class RedirectRules:
    """The addresses that links may lead to.

    Attributes:
        site_url: The application; where a link leads when it names no allowed address.
        allowed: Expressions that an address without its fragment must match as a whole.
    """

    site_url: str
    allowed: tuple[re.Pattern[str], ...]

    @classmethod
    def from_globs(cls, site_url: str, globs: Iterable[str]) -> RedirectRules:
        """Rules of the configuration.

        Args:
            site_url: The application's address.
            globs: Such as `https://*.example.com/**`.
        """
        return cls(site_url, tuple(re.compile(glob_expression(glob)) for glob in globs))

    def allows(self, address: str) -> bool:
        """Whether a link may lead to the address."""
        parts = _parts(address)
        if parts is None:
            return False
        host = parts.hostname or ""
        if self._is_the_site(parts, host):
            return True
        if (number := _ip_address(host)) is not None:
            return number.is_loopback
        if _DECIMAL.fullmatch(host) or (
            parts.scheme in _WEB_SCHEMES and not _REGULAR_HOST.fullmatch(host)
        ):
            return False
        return any(rule.fullmatch(address.partition("#")[0]) for rule in self.allowed)

    def _is_the_site(self, parts: SplitResult, host: str) -> bool:
        """Same scheme, host and port; any port on loopback (RFC 8252, section 7.3)."""
        site = urlsplit(self.site_url)
        return (
            bool(host)
            and (parts.scheme, host) == (site.scheme, site.hostname)
            and (parts.port == site.port or _is_loopback(host))
        )

    def choose(self, *candidates: str) -> str:
        """The first candidate that is allowed, or the application's address."""
        return next((one for one in candidates if self.allows(one)), self.site_url)


def requested_redirect(request: Request, rules: RedirectRules) -> str:
    """Address that a request asks its link to lead to: `redirect_to`, or else its Referer."""
    asked = request.headers.get("redirect_to") or request.query_params.get("redirect_to", "")
    return rules.choose(asked, request.headers.get("referer", ""))


def glob_expression(glob: str) -> str:
    """Regular expression of a glob, for whole addresses.

    What stands for the host in a glob is only compared with the host of an address. Otherwise
    `https://*.example.com/**` would allow `https://0x7f000001?.example.com/`, another host.
    """
    begin, end = _authority_of(glob)
    authority, is_last = glob[begin:end], end == len(glob)
    rest = ".*" if is_last and authority.endswith("**") else ""
    return (
        _expression(glob[:begin], _ANYWHERE)
        + _expression(authority.removesuffix("**") if rest else authority, _IN_AUTHORITY)
        + (rest or _expression(glob[end:], _ANYWHERE))
    )


def _authority_of(glob: str) -> tuple[int, int]:
    """Where the host and port of a glob begin and end; both 0 when it has none."""
    scheme, separator, _ = glob.partition("://")
    if not separator:
        return 0, 0
    begin = end = len(scheme) + len(separator)
    while end < len(glob) and (
        glob[end] != "/" or glob.count("{", 0, end) > glob.count("}", 0, end)
    ):
        end += 1
    return begin, end


@dataclass(frozen=True)
class _Wildcards:
    """Regular expressions of the parts of a glob that stand for characters."""

    anything: str
    one: str
    negation: str


_ANYWHERE = _Wildcards(anything=".", one="[^./]", negation="^")
_IN_AUTHORITY = _Wildcards(anything="[^/?#]", one="[^./?#]", negation="^/?#")


def _expression(glob: str, wildcards: _Wildcards) -> str:
    return "".join(_expression_of(part, wildcards) for part in _GLOB_PART.finditer(glob))


def _expression_of(part: re.Match[str], wildcards: _Wildcards) -> str:
    anything, within, one, characters, alternatives, escaped, other = part.groups()
    if anything:
        return f"{wildcards.anything}*"
    if within:
        return f"{wildcards.one}*"
    if one:
        return wildcards.one
    if characters:
        negation = wildcards.negation if characters.startswith("!") else ""
        members = characters.removeprefix("!").replace("\\", r"\\").replace("^", r"\^")
        return f"[{negation}{members}]"
    if alternatives is not None:
        choices = "|".join(_expression(one, wildcards) for one in alternatives.split(","))
        return f"(?:{choices})"
    return re.escape(escaped or other)


def _parts(address: str) -> SplitResult | None:
    """Parts of an address that every browser reads in the same way; None for any other."""
    if not 0 < len(address) <= _LONGEST_ADDRESS:
        return None
    if _CONTROL_OR_SPACE.search(address) or "\\" in address:
        return None
    try:
        parts = urlsplit(address)
        usable = parts.port is None or parts.port > 0
    except ValueError:
        return None
    return parts if usable and "@" not in parts.netloc else None


def _ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    number = _ip_address(host)
    return host == "localhost" or (number is not None and number.is_loopback)
