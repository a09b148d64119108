import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running_stack import COMPONENTS, RunningStack, pulumi, run

pytestmark = [pytest.mark.engine, pytest.mark.stack]

SECRET_MARK = "4dabf18193072939515e22adb298388d"
SHORTEST_SECRET = 16


def _secret_texts(value: Any) -> Iterator[str]:
    """Every text inside the secret values of an exported state."""
    if isinstance(value, dict):
        if SECRET_MARK in value:
            yield from _texts(json.loads(value["plaintext"]))
        else:
            for entry in value.values():
                yield from _secret_texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _secret_texts(entry)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)


@pytest.fixture(scope="module")
def secrets(stack: RunningStack) -> set[str]:
    """Every generated secret of the stack: passwords, seeds and what is derived from them."""
    state = json.loads(pulumi("stack", "export", "--show-secrets"))
    generated = {
        text
        for resource in state["deployment"]["resources"]
        if resource["type"].startswith("random:")
        for text in _secret_texts(resource.get("outputs", {}))
    }
    handed_out = {
        stack.outputs["secret_key"],
        stack.outputs["legacy_service_role_key"],
        *(stack.outputs[store]["password"] for store in ("database", "mongo", "redis")),
        stack.outputs["s3"]["secret_access_key"],
    }
    found = {text for text in generated | handed_out if len(text) >= SHORTEST_SECRET}
    assert len(found) > 10
    return found


def _found_in(text: str, secrets: set[str]) -> int:
    return sum(secret in text for secret in secrets)


def test_a_second_up_changes_nothing(stack: RunningStack) -> None:
    assert stack.outputs
    policies = ("--policy-pack", "policies", "--policy-pack-config", "policies/config/test.json")
    options = ("--yes", "--skip-preview", "--expect-no-changes", *policies)
    pulumi("up", *options, configuration={})


def test_a_refresh_sees_no_drift(stack: RunningStack) -> None:
    assert stack.outputs
    pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes", configuration={})


def test_the_exported_state_holds_no_secret_in_clear(
    stack: RunningStack, secrets: set[str]
) -> None:
    assert stack.outputs
    assert _found_in(pulumi("stack", "export"), secrets) == 0


def test_the_outputs_show_no_secret_unasked(stack: RunningStack, secrets: set[str]) -> None:
    assert stack.outputs
    assert _found_in(pulumi("stack", "output", "--json"), secrets) == 0


def test_a_detailed_preview_shows_no_secret(stack: RunningStack, secrets: set[str]) -> None:
    assert stack.outputs
    printed = pulumi(
        "preview",
        "--diff",
        "--show-sames",
        "--show-replacement-steps",
        configuration={"plinth:passwords": {"generation": 2}},
    )
    assert _found_in(printed, secrets) == 0


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_log_holds_no_secret(stack: RunningStack, secrets: set[str], name: str) -> None:
    assert _found_in(stack.log(name), secrets) == 0


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_secret_stands_in_the_environment_alone(
    stack: RunningStack, secrets: set[str], name: str
) -> None:
    inspected = stack.inspect(name)
    inspected["Config"].pop("Env")
    assert _found_in(json.dumps(inspected), secrets) == 0


@pytest.mark.parametrize("name", COMPONENTS)
def test_an_image_holds_no_secret(stack: RunningStack, secrets: set[str], name: str) -> None:
    assert _found_in(json.dumps(stack.image(name)), secrets) == 0


def test_the_passphrase_file_is_the_owners_alone(stack: RunningStack) -> None:
    assert stack.outputs
    printed = run("sh", "-c", 'stat -c %a "${PULUMI_CONFIG_PASSPHRASE_FILE:?}"')
    assert printed.strip() == "600"
