"""JSON Schema for `Pulumi.<stack>.yaml`, so that an editor checks a stack file while it is written.

`python -m infra.config_schema` writes it to `infra/config.schema.json`; a test keeps the two equal.
"""

from __future__ import annotations

import json
from pathlib import Path

from infra.config.section import PROJECT
from infra.config.stack import StackConfig

SCHEMA_FILE = Path(__file__).with_name("config.schema.json")


def stack_file_schema() -> dict[str, object]:
    """JSON Schema (2020-12) of a stack file."""
    settings = StackConfig.model_json_schema()
    definitions = settings.pop("$defs")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Plinth stack",
        "type": "object",
        "properties": {
            "encryptionsalt": {"type": "string", "description": "Written by Pulumi."},
            "secretsprovider": {"type": "string", "description": "Written by Pulumi."},
            "encryptedkey": {"type": "string", "description": "Written by Pulumi."},
            "config": {
                "type": "object",
                "properties": {
                    f"{PROJECT}:{name}": schema for name, schema in settings["properties"].items()
                },
                # Keys of other namespaces belong to providers; in our own there are no others.
                "patternProperties": {f"^(?!{PROJECT}:)": {}},
                "additionalProperties": False,
            },
        },
        "additionalProperties": False,
        "$defs": definitions,
    }


def as_text() -> str:
    """The schema as it is written to its file."""
    return json.dumps(stack_file_schema(), indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(as_text())
