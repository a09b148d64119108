"""A stack's file, read outside Pulumi: for commands that need to know what the stack is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from infra.config.loading import parse
from infra.config.section import PROJECT, ConfigurationError

if TYPE_CHECKING:
    from infra.config.stack import StackConfig

ROOT = Path(__file__).resolve().parent.parent
ENCRYPTED = "(encrypted)"
"""Stands for what only Pulumi can decrypt."""


def read(stack: str, root: Path = ROOT) -> StackConfig:
    """What `Pulumi.<stack>.yaml` sets; an encrypted value reads as `ENCRYPTED`.

    Raises:
        ConfigurationError: The file is no YAML, or a setting cannot be used.
    """
    file = root / f"Pulumi.{stack}.yaml"
    try:
        document: Any = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        settings: dict[str, object] = document.get("config") or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"{file.name} cannot be read: {reason}") from None
    prefix = f"{PROJECT}:"
    return parse(
        {
            key.removeprefix(prefix): _without_secrets(value)
            for key, value in settings.items()
            if key.startswith(prefix)
        }
    )


def _without_secrets(value: Any) -> Any:  # noqa: ANN401  (YAML is any of its types)
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return ENCRYPTED
        return {name: _without_secrets(part) for name, part in value.items()}
    return value
