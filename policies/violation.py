"""What a check finds, and how it reads in Pulumi's output."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SHOWN_NAME = re.compile(r"[A-Za-z0-9_./-]{1,80}")


@dataclass(frozen=True)
class Violation:
    """One finding. None of its parts ever holds the offending value."""

    path: str
    """The property, as Pulumi names it, for example `ports[0].ip`."""

    problem: str
    """What is wrong with it."""

    mend: str
    """What to change, as one imperative sentence without a full stop."""

    def message(self, resource: str, documentation: str) -> str:
        """One line: resource, property, problem, mend, and where to read more."""
        return f"{resource}: {self.path} {self.problem}. {self.mend}. See {documentation}."


def entry(name: str, position: int) -> str:
    """The index that names an entry in a path.

    Args:
        name: The entry's own name, such as an environment variable's.
        position: Its place in the list, shown when the name is not one that can be shown safely.
    """
    return f'["{name}"]' if _SHOWN_NAME.fullmatch(name) else f"[{position}]"
