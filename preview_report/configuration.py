"""How a stack's file differs from a base revision. Secret settings are never shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from preview_report.disclosure import shown

ABSENT = "not set"


class ConfigurationFileError(Exception):
    """A stack file is no YAML; one line."""


@dataclass(frozen=True)
class Setting:
    """A setting that differs."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class Comparison:
    """A stack's file against its base."""

    base: str
    """What it is compared with, for people."""
    settings: tuple[Setting, ...] = ()
    problem: str = ""
    """Why nothing could be compared."""


def compare(base: str, before: str | None, after: str) -> Comparison:
    """Compare the settings of two versions of a stack file.

    Args:
        base: The name of the older version, for people.
        before: Its text; None where the file did not exist.
        after: The text of the file now.

    Raises:
        ConfigurationFileError: One of them is no YAML.
    """
    old, new = _settings(before or ""), _settings(after)
    return Comparison(
        base=base,
        settings=tuple(
            Setting(path, _shown(path, old), _shown(path, new))
            for path in sorted({*old, *new})
            if old.get(path, ABSENT) != new.get(path, ABSENT)
        ),
        problem="" if before is not None else f"the file does not exist in {base}",
    )


def _shown(path: str, settings: Mapping[str, Any]) -> str:
    return shown(path, settings[path]) if path in settings else ABSENT


def _settings(text: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise ConfigurationFileError(f"the stack file is no YAML{where}") from None
    found: dict[str, Any] = {}
    if isinstance(document, Mapping):
        for key, value in (document.get("config") or {}).items():
            _flatten(str(key), value, found)
    return found


def _flatten(path: str, value: Any, found: dict[str, Any]) -> None:  # noqa: ANN401  (any YAML)
    if isinstance(value, Mapping) and value and set(value) != {"secure"}:
        for key, part in value.items():
            _flatten(f"{path}.{key}", part, found)
    else:
        found[path] = value
