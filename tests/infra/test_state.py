import json

import pytest

from scan import places
from scan.known import Secret, secrets_of
from scan.search import Place, find, texts
from tests.running_stack import COMPONENTS, NAME, ROOT, RunningStack, pulumi, run

pytestmark = [pytest.mark.engine, pytest.mark.stack]


@pytest.fixture(scope="module")
def secrets(stack: RunningStack) -> list[Secret]:
    """Every secret of the stack: passwords, seeds and what is derived from them."""
    assert stack.outputs
    found = secrets_of(json.loads(pulumi("stack", "export", "--show-secrets")))
    assert len(found) > 10
    return found


@pytest.mark.parametrize(
    ("output", "member"),
    [
        ("secret_key", None),
        ("legacy_service_role_key", None),
        ("database", "password"),
        ("mongo", "password"),
        ("redis", "password"),
        ("s3", "secret_access_key"),
    ],
)
def test_what_is_handed_out_is_known_as_a_secret(
    stack: RunningStack, secrets: list[Secret], output: str, member: str | None
) -> None:
    value = stack.outputs[output][member] if member else stack.outputs[output]
    assert any(value in secret.forms for secret in secrets)


def _printed(text: str) -> list[Place]:
    return [Place("printed", "", text)]


def test_a_second_up_changes_nothing(stack: RunningStack) -> None:
    assert stack.outputs
    policies = ("--policy-pack", "policies", "--policy-pack-config", "policies/config/test.json")
    options = ("--yes", "--skip-preview", "--expect-no-changes", *policies)
    pulumi("up", *options, configuration={})


def test_a_refresh_sees_no_drift(stack: RunningStack) -> None:
    assert stack.outputs
    pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes", configuration={})


def test_the_exported_state_holds_no_secret_in_clear(secrets: list[Secret]) -> None:
    assert find(places.state(NAME), secrets) == []


def test_the_outputs_show_no_secret_unasked(secrets: list[Secret]) -> None:
    assert find(places.outputs(NAME), secrets) == []


def test_a_detailed_preview_shows_no_secret(secrets: list[Secret]) -> None:
    printed = pulumi(
        "preview",
        "--diff",
        "--show-sames",
        "--show-replacement-steps",
        configuration={"plinth:passwords": {"generation": 2}},
    )
    assert find(_printed(printed), secrets) == []


def test_a_preview_for_programs_shows_no_secret(secrets: list[Secret]) -> None:
    printed = pulumi("preview", "--json", configuration={"plinth:passwords": {"generation": 2}})
    assert find(texts("preview", json.loads(printed)), secrets) == []


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_log_holds_no_secret(stack: RunningStack, secrets: list[Secret], name: str) -> None:
    assert find(_printed(stack.log(name)), secrets) == []


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_secret_stands_in_listed_variables_alone(
    stack: RunningStack, secrets: list[Secret], name: str
) -> None:
    assert find(places.container_places(stack.inspect(name)), secrets) == []


@pytest.mark.parametrize("name", COMPONENTS)
def test_an_image_holds_no_secret(stack: RunningStack, secrets: list[Secret], name: str) -> None:
    assert find(texts("image", stack.image(name)), secrets) == []


def test_the_passphrase_file_is_the_owners_alone(stack: RunningStack) -> None:
    assert stack.outputs
    printed = run("sh", "-c", 'stat -c %a "${PULUMI_CONFIG_PASSPHRASE_FILE:?}"')
    assert printed.strip() == "600"


def test_pulumi_writes_no_log_of_its_own(stack: RunningStack) -> None:
    assert stack.outputs
    logs = ROOT / ".plinth" / "pulumi" / "logs"
    assert not logs.is_dir()
