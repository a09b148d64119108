"""A stack's file, read outside Pulumi: for commands that need to know what the stack is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from infra.config.loading import parse
from infra.config.section import PROJECT, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.stack import StackConfig

ROOT = Path(__file__).resolve().parent.parent
ENCRYPTED = "(encrypted)"
"""Stands for what only Pulumi can decrypt."""


def read(stack: str, root: Path = ROOT) -> StackConfig:
    """What `Pulumi.<stack>.yaml` sets; an encrypted value reads as `ENCRYPTED`.

    Raises:
        ConfigurationError: The file is no YAML, or a setting cannot be used.
    """
    settings = _settings(root / f"Pulumi.{stack}.yaml")
    return parse({key: _without_secrets(value) for key, value in settings.items()})


def in_clear(stack: str, root: Path = ROOT) -> frozenset[str]:
    """Configuration path of each value that `Pulumi.<stack>.yaml` holds unencrypted.

    Pulumi tells the program no more than which whole keys hold something encrypted. Without such a
    file, as where Pulumi was given another one, there are none.

    Raises:
        ConfigurationError: The file is no YAML.
    """
    file = root / f"Pulumi.{stack}.yaml"
    return frozenset(_paths_in_clear(_settings(file))) if file.exists() else frozenset()


def _settings(file: Path) -> dict[str, Any]:
    try:
        document: Any = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        settings: dict[str, Any] = document.get("config") or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"{file.name} cannot be read: {reason}") from None
    prefix = f"{PROJECT}:"
    return {
        key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)
    }


def _paths_in_clear(section: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, value in section.items():
        if not isinstance(value, dict):
            yield f"{above}{name}"
        elif set(value) != {"secure"}:
            yield from _paths_in_clear(value, f"{above}{name}.")


def _without_secrets(value: Any) -> Any:  # noqa: ANN401  (YAML is any of its types)
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return ENCRYPTED
        return {name: _without_secrets(part) for name, part in value.items()}
    return value
