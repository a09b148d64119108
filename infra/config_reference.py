"""The configuration reference for people, rendered from the models.

`python -m infra.config_reference` writes it to `docs/configuration.md`; a test keeps the two equal.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.config.section import PROJECT
from infra.config.stack import StackConfig

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

This page is written by `python -m infra.config_reference`; change the models in `infra/config/`.
"""


def render() -> str:
    """The reference as Markdown."""
    schema = StackConfig.model_json_schema()
    top_level = {name: entry for name, entry in schema["properties"].items() if "$ref" not in entry}
    parts = [_INTRODUCTION, "## Settings without a section\n", _table(top_level)]
    for path, section in _sections("", schema, schema["$defs"]):
        parts += [f"## {path}\n", f"{section['description']}\n", _table(section["properties"])]
    return "\n".join(parts)


def _sections(
    path: str, model: dict[str, Any], definitions: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every section below a model by its path, a section before what is inside of it."""
    for name, entry in model["properties"].items():
        entries = entry.get("additionalProperties") or {}
        for option in (entry, *entry.get("anyOf", ()), entries):
            if "$ref" in option:
                inner = definitions[option["$ref"].rsplit("/", 1)[-1]]
                place = f"{path}{name}.NAME" if option is entries else f"{path}{name}"
                yield place, inner
                yield from _sections(f"{place}.", inner, definitions)


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
        case {"$ref": _}:
            values = "a section of its own"
        case {"required": ["secure"]}:
            values = "secret"
        case {"enum": choices}:
            values = ", ".join(f"`{choice}`" for choice in choices)
        case {"anyOf": options}:
            values = " or ".join(_values(option) for option in options)
        case {"items": items}:
            values = f"list of {_values(items)}"
        case {"additionalProperties": entries}:
            values = f"map to {_values(entries)}"
        case {"minimum": minimum, "maximum": maximum}:
            values = f"{minimum} to {maximum}"
        case _:
            values = "none" if setting["type"] == "null" else str(setting["type"])
    return values


if __name__ == "__main__":
    REFERENCE_FILE.write_text(render())
