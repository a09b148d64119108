import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from infra.config.loading import load
from infra.config_schema import SCHEMA_FILE, as_text, stack_file_schema

ROOT = Path(__file__).resolve().parents[3]
STACK_FILES = sorted(ROOT.glob("Pulumi.*.yaml"))


def test_the_committed_schema_is_the_models() -> None:
    assert SCHEMA_FILE.read_text() == as_text(), "run: python -m infra.config_schema"


@pytest.mark.parametrize("file", STACK_FILES, ids=lambda file: file.name)
def test_a_shipped_stack_file_fits_the_schema(file: Path) -> None:
    jsonschema.validate(yaml.safe_load(file.read_text()), stack_file_schema())


@pytest.mark.parametrize("file", STACK_FILES, ids=lambda file: file.name)
def test_a_shipped_stack_file_fits_the_models(file: Path) -> None:
    values = yaml.safe_load(file.read_text())["config"]
    raw = {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}
    assert load(raw).environment in {"development", "test", "production"}


@pytest.mark.parametrize("file", STACK_FILES, ids=lambda file: file.name)
def test_a_shipped_stack_file_names_its_schema_for_editors(file: Path) -> None:
    first_line = file.read_text().splitlines()[0]
    assert first_line == "# yaml-language-server: $schema=infra/config.schema.json"


@pytest.mark.parametrize("key", ["plinth:gatway", "plinth:gateway"])
def test_the_schema_refuses_what_the_models_refuse(key: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"config": {key: {"prot": 1}}}, stack_file_schema())


def test_the_schema_leaves_keys_of_providers_alone() -> None:
    jsonschema.validate({"config": {"docker:host": "ssh://host"}}, stack_file_schema())
