"""The command: `python -m upgrades`; `make upgrades` calls it.

Prints what the catalogue pins and what is newer. Exit code 0: nothing newer; 3: something is; 1: a
pin cannot be read; 2: no publisher could be asked.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from upgrades import debian, packages, registry, table, versions
from upgrades.pins import Pin, PinError, pins
from upgrades.versions import Answer, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
NOTHING_NEWER, UNREADABLE, NOTHING_KNOWN, NEWER = 0, 1, 2, 3

_AT_ONCE = 8
_ASK: Mapping[str, Callable[[Pin], Sequence[str]]] = {
    "go": lambda pin: packages.go(pin.package),
    "npm": lambda pin: packages.npm(pin.package),
    "pypi": lambda pin: packages.pypi(pin.package),
    "registry": lambda pin: versions.same_form(pin.version, registry.tags(pin.package)),
}
"""Versions by who publishes them. Debian's are asked for together."""


def answers(found: Sequence[Pin], root: Path = ROOT) -> Mapping[Pin, Answer | UnreachableError]:
    """What every publisher says, in the pins' order."""
    of_debian = [pin for pin in found if pin.publisher in debian.PUBLISHERS]
    others = [pin for pin in found if pin.publisher in _ASK]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = pool.submit(debian.answers, of_debian, root)
        said = dict(zip(others, pool.map(_answer, others), strict=True))
        said |= asked.result()
    return {pin: said[pin] for pin in found}


def _answer(pin: Pin) -> Answer | UnreachableError:
    try:
        return versions.newest(pin, _ASK[pin.publisher](pin))
    except UnreachableError as error:
        return error


def exit_code(said: Mapping[Pin, Answer | UnreachableError]) -> int:
    """The command's exit code."""
    if all(isinstance(each, UnreachableError) for each in said.values()):
        return NOTHING_KNOWN
    return NEWER if any(table.is_newer(pin, each) for pin, each in said.items()) else NOTHING_NEWER


def main() -> int:
    """Print the table."""
    try:
        said = answers(pins(ROOT))
    except PinError as error:
        print(f"upgrades: {error}", file=sys.stderr)  # noqa: T201  (this module is a command)
        return UNREADABLE
    sys.stdout.write(table.render(said))
    return exit_code(said)


if __name__ == "__main__":
    sys.exit(main())
