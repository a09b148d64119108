"""Which generated secrets rotate: their names and generations, never a value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from preview_report.changes import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from preview_report.recording import Step

_NAME = re.compile(r"(?P<secret>(?P<kind>password|seed)-.+)-(?P<generation>\d+)")
GONE: Final = frozenset({"delete"})
MADE: Final = frozenset({"create", "replace"})

MEANINGS: Final[Mapping[str, str]] = {
    "seed-keys": "signing key and API keys",
    "password-legacy-jwt": "legacy `anon` and `service_role` keys",
}
"""What is derived from a secret, where its name does not say it."""


@dataclass(frozen=True)
class Rotation:
    """A secret whose value changes, or that is new or gone."""

    secret: str
    meaning: str
    before: tuple[int, ...]
    """Generations that exist now."""
    after: tuple[int, ...]
    """Generations that exist afterwards."""
    regenerated: bool
    """A generation keeps its number and gets another value."""


def rotations(steps: Iterable[Step]) -> tuple[Rotation, ...]:
    """Secrets that change, by name."""
    operations: dict[str, dict[int, str]] = {}
    for step in steps:
        if kind_of(step) != "secret":
            continue
        found = _NAME.fullmatch(step.name)
        secret, generation = (
            (found["secret"], int(found["generation"])) if found else (step.name, 1)
        )
        operations.setdefault(secret, {})[generation] = step.operation
    return tuple(
        Rotation(
            secret=secret,
            meaning=MEANINGS.get(secret, f"{secret.partition('-')[0]} of {_owner(secret)}"),
            before=tuple(sorted(each for each, done in by.items() if done != "create")),
            after=tuple(sorted(each for each, done in by.items() if done not in GONE)),
            regenerated="replace" in by.values(),
        )
        for secret, by in sorted(operations.items())
        if set(by.values()) & (GONE | MADE)
    )


def _owner(secret: str) -> str:
    return f"`{secret.partition('-')[2] or secret}`"
