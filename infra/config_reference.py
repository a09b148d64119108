"""The configuration reference for people, rendered from the models.

`python -m infra.config_reference` writes it to `docs/configuration.md`; a test keeps the two equal.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.config import PROJECT, StackConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE_FILE = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"

_INTRODUCTION = f"""# Configuration reference

What `Pulumi.<stack>.yaml` may hold, by section. A section is one key of the namespace `{PROJECT}`:

```yaml
config:
  {PROJECT}:environment: development
  {PROJECT}:gateway:
    port: 8000
```

This page is written by `python -m infra.config_reference`; change the models in `infra/config.py`.
"""


def render() -> str:
    """The reference as Markdown."""
    schema = StackConfig.model_json_schema()
    sections = {
        name: schema["$defs"][entry["$ref"].rsplit("/", 1)[-1]]
        for name, entry in schema["properties"].items()
        if "$ref" in entry
    }
    for name, section in list(sections.items()):
        for setting, entry in section["properties"].items():
            if reference := _reference(entry):
                sections[f"{name}.{setting}"] = schema["$defs"][reference]
    top_level = {name: entry for name, entry in schema["properties"].items() if "$ref" not in entry}
    parts = [_INTRODUCTION, "## Settings without a section\n", _table(top_level)]
    for name, section in sections.items():
        parts += [f"## {name}\n", f"{section['description']}\n", _table(section["properties"])]
    return "\n".join(parts)


def _reference(setting: dict[str, Any]) -> str | None:
    """Name of the section that a setting is."""
    options = [setting, *setting.get("anyOf", ())]
    found = [option["$ref"].rsplit("/", 1)[-1] for option in options if "$ref" in option]
    return found[0] if found else None


def _table(settings: dict[str, Any]) -> str:
    return "\n".join(_rows(settings)) + "\n"


def _rows(settings: dict[str, Any]) -> Iterator[str]:
    yield "| setting | values | default | what it does |"
    yield "|---|---|---|---|"
    for name, setting in settings.items():
        default = f"`{json.dumps(setting['default'])}`" if "default" in setting else ""
        description = " ".join(setting["description"].split())
        yield f"| `{name}` | {_values(setting)} | {default} | {description} |"


def _values(setting: dict[str, Any]) -> str:
    match setting:
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"anyOf": options}:
            return " or ".join(_values(option) for option in options)
        case {"items": items}:
            return f"list of {_values(items)}"
        case {"additionalProperties": values}:
            return f"map to {_values(values)}"
        case {"minimum": minimum, "maximum": maximum}:
            return f"{minimum} to {maximum}"
        case _:
            kind = str(setting.get("type", "a section, below"))
            return "none" if kind == "null" else kind


if __name__ == "__main__":
    REFERENCE_FILE.write_text(render())
