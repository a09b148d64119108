"""The report as text: one row for each finding, no secret in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drift.finding import Finding

HEADINGS = ("COMPONENT", "WHAT", "DECLARED", "FOUND")
WIDEST_CELL = 48
HIDDEN = "[secret]"
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret that occurs in it blanked."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def table(findings: Iterable[Finding], secrets: frozenset[str]) -> list[str]:
    """The report's lines, by component; none where nothing was found."""
    rows = [
        tuple(
            _cell(text, secrets) for text in (each.component, each.what, each.declared, each.found)
        )
        for each in sorted(findings, key=lambda finding: finding.order)
    ]
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in (HEADINGS, *rows)
    ]


def _cell(text: str, secrets: frozenset[str]) -> str:
    """One line of printable characters, shortened in the middle where it is too long.

    Secrets go first: half a secret is one too.
    """
    line = _UNPRINTABLE.sub(" ", redacted(text, secrets)).strip()
    if len(line) <= WIDEST_CELL:
        return line
    kept = (WIDEST_CELL - 3) // 2
    return f"{line[:kept]}...{line[-(WIDEST_CELL - 3 - kept) :]}"
