"""Stack names, the stack file, and what an interrupted run leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from infra.config.stack import StackConfig
from toolchain import containers, paths, stack
from toolchain.backend import Backend
from toolchain.console import Console
from toolchain.errors import InterruptedRunError, ToolchainError
from toolchain.pulumi_cli import Cli

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SALT = "encryptionsalt: v1:abc=:v1:def\n"
CONFIG = "# editor header\nconfig:\n  plinth:protect_data: true\n  plinth:gateway:\n    port: 1\n"
REWRITTEN = CONFIG.replace("true", '"true"')


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("dev", "prod"):
        (tmp_path / f"Pulumi.{name}.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def test_a_configured_stack_is_taken(repository: Path) -> None:
    assert stack.check_name("dev", repository) == "dev"


@pytest.mark.parametrize("name", ["", "Dev", "../dev", "-dev", "dev;ls", "a" * 32, "d v", "dev\n"])
def test_a_bad_name_is_refused(name: str, repository: Path) -> None:
    with pytest.raises(ToolchainError, match="is no stack name"):
        stack.check_name(name, repository)


def test_an_unknown_stack_is_refused_with_the_known_ones(repository: Path) -> None:
    with pytest.raises(ToolchainError, match="Use one of dev, prod"):
        stack.check_name("staging", repository)


@pytest.fixture
def local_stack(repository: Path, monkeypatch: pytest.MonkeyPatch) -> stack.Stack:
    monkeypatch.setattr(paths, "REPOSITORY", repository)
    cli = Cli(repository / "pulumi", "3.259.0", "built")
    return stack.Stack("dev", cli, Backend("local", is_local=True, variables={}))


@pytest.mark.parametrize("saved", [CONFIG + SALT, REWRITTEN + SALT])
def test_a_salt_that_pulumi_adds_does_not_stay(saved: str, local_stack: stack.Stack) -> None:
    with stack.keeping_stack_file(local_stack):
        local_stack.file.write_text(saved, encoding="utf-8")
    assert local_stack.file.read_text(encoding="utf-8") == CONFIG


def test_an_edit_during_a_run_stays(local_stack: stack.Stack) -> None:
    edited = CONFIG.replace("port: 1", "port: 2") + SALT
    with stack.keeping_stack_file(local_stack):
        local_stack.file.write_text(edited, encoding="utf-8")
    assert local_stack.file.read_text(encoding="utf-8") == edited


def test_the_file_is_kept_when_a_run_fails(local_stack: stack.Stack) -> None:
    def fail() -> None:
        local_stack.file.write_text(CONFIG + SALT, encoding="utf-8")
        raise ToolchainError("it failed", "Mend it.")

    with pytest.raises(ToolchainError), stack.keeping_stack_file(local_stack):
        fail()
    assert local_stack.file.read_text(encoding="utf-8") == CONFIG


def test_pending_creations_are_found() -> None:
    created, updated = {"urn": "a"}, {"urn": "b"}
    deployment: dict[str, Any] = {
        "pending_operations": [
            {"type": "creating", "resource": created},
            {"type": "updating", "resource": updated},
        ]
    }
    assert stack.pending_creations(deployment) == [created]


def test_a_finished_run_leaves_no_pending_creation() -> None:
    assert stack.pending_creations({"resources": []}) == []


def test_protected_resources_are_never_destroyed(local_stack: stack.Stack) -> None:
    urn = "urn:pulumi:dev::plinth::docker:index/volume:Volume::postgres"
    deployment = {"resources": [{"urn": urn, "protect": True}]}
    with pytest.raises(ToolchainError, match=r"protects postgres; nothing was removed"):
        stack.destroy(local_stack, deployment, Console())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("  plinth:environment: development\n", "development"),
        ('  plinth:environment: "test"\n', "test"),
        ("  # plinth:environment: development\n", "production"),
        ("", "production"),
    ],
)
def test_a_stacks_environment_is_read_from_its_file(
    line: str, expected: str, local_stack: stack.Stack
) -> None:
    local_stack.file.write_text(f"config:\n{line}  plinth:protect_data: true\n", encoding="utf-8")
    assert stack.environment_of(local_stack) == expected


@pytest.fixture
def builds_images(tmp_path: Path) -> Callable[[str], bool]:
    """Whether a stack with these lines about images builds them."""

    def answer(lines: str) -> bool:
        (tmp_path / "Pulumi.shop.yaml").write_text(f"config:\n  {lines}", encoding="utf-8")
        return not stack.deploys_published_images("shop", tmp_path)

    return answer


@pytest.mark.parametrize(
    "lines",
    [
        "plinth:images:\n    lock: images.lock.json\n",
        'plinth:images: {source: registry, lock: "locks/prod.json"}\n',
    ],
)
def test_a_stack_with_a_lock_builds_no_images(
    builds_images: Callable[[str], bool], lines: str
) -> None:
    assert not builds_images(lines)


@pytest.mark.parametrize(
    "lines",
    [
        "plinth:images:\n    # lock: images.lock.json\n",
        "plinth:images:\n    lock: null\n",
        "plinth:images:\n    lock: ~\n",
        "plinth:images:\n    source: packages\n",
    ],
)
def test_a_stack_without_a_lock_builds_them(
    builds_images: Callable[[str], bool], lines: str
) -> None:
    assert builds_images(lines)


@pytest.mark.parametrize(
    ("environment", "file"),
    [("development", "development.json"), ("production", "production.json"), ("d", "production")],
)
def test_the_policies_are_as_strict_as_the_environment_asks(
    environment: str, file: str, local_stack: stack.Stack
) -> None:
    local_stack.file.write_text(f"config:\n  plinth:environment: {environment}\n", encoding="utf-8")
    assert file in stack.policy_options(local_stack)[-1]


def test_an_environment_that_is_not_given_is_the_programs_default() -> None:
    assert StackConfig.model_fields["environment"].default == "production"


SUMMARY = '{{"summaryEvent": {{"isPreview": true, "resourceChanges": {}}}}}\n'


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ('{"same": 49}', False),
        ("{}", False),
        ('{"same": 48, "update": 1}', True),
        ('{"create": 49}', True),
        ('{"delete": 1, "same": 48}', True),
    ],
)
def test_changes_are_read_from_the_events(changes: str, *, expected: bool) -> None:
    events = '{"preludeEvent": {}}\n' + SUMMARY.format(changes) + '{"cancelEvent": {}}\n'
    assert stack.has_changes(events) is expected


def test_without_a_summary_something_may_have_changed() -> None:
    assert stack.has_changes('{"preludeEvent": {}}\n')


@pytest.fixture
def started(
    request: pytest.FixtureRequest, local_stack: stack.Stack, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, ...]]:
    """What Pulumi is started with to bring the stack up; the parameter is what a preview finds."""
    commands: list[tuple[str, ...]] = []
    events = local_stack.file.with_name("events.json")
    events.write_text(SUMMARY.format(request.param), encoding="utf-8")

    def run(_stack: stack.Stack, *arguments: str) -> Path:
        commands.append(arguments)
        return events

    monkeypatch.setattr(containers, "of_stack", lambda _name: [])
    monkeypatch.setattr(stack, "_run", run)
    stack.up(local_stack)
    return commands


@pytest.mark.parametrize("started", ['{"create": 49}'], indirect=True)
def test_an_update_is_previewed_first(started: list[tuple[str, ...]]) -> None:
    # A policy over the whole stack speaks at the end: without a preview, after the fact.
    assert [command[0] for command in started] == ["preview", "up"]


@pytest.mark.parametrize("started", ['{"create": 49}'], indirect=True)
def test_preview_and_update_are_under_the_policies(started: list[tuple[str, ...]]) -> None:
    assert all("--policy-pack" in command for command in started)


@pytest.mark.parametrize("started", ['{"same": 49}'], indirect=True)
def test_nothing_to_change_needs_no_update(started: list[tuple[str, ...]]) -> None:
    assert [command[0] for command in started] == ["preview"]


UPGRADE = """\
{"resourcePreEvent": {"metadata": {"op": "replace", "urn": "urn:pulumi:dev::plinth::C::postgres", \
"type": "docker:index/container:Container", "old": {"inputs": {"image": "store:1"}}, \
"new": {"inputs": {"image": "store:2", "volumes": [{"volumeName": "data"}], \
"labels": [{"label": "plinth.component", "value": "postgres"}]}}}}}
{"summaryEvent": {"resourceChanges": {"replace": 1}}}
"""


@dataclass
class Upgrade:
    """An update that gives a store another image: what was started, in order."""

    stack: stack.Stack
    steps: list[str] = field(default_factory=list)
    backup_code: int = 0
    failure: ToolchainError | None = None

    def back_up(self, stores: Sequence[str]) -> int:
        self.steps.append(f"backup of {', '.join(stores)}")
        return self.backup_code

    def up(self) -> int:
        return stack.up(self.stack, self.back_up)


@pytest.fixture
def upgrade(local_stack: stack.Stack, monkeypatch: pytest.MonkeyPatch) -> Upgrade:
    started = Upgrade(local_stack)
    events = local_stack.file.with_name("events.json")
    events.write_text(UPGRADE, encoding="utf-8")

    def run(_stack: stack.Stack, operation: str, *_arguments: str) -> Path:
        started.steps.append(operation)
        if operation == "up" and started.failure:
            raise started.failure
        return events

    monkeypatch.setattr(containers, "of_stack", lambda _name: [])
    monkeypatch.setattr(stack, "_run", run)
    return started


def test_a_store_is_backed_up_before_its_image_changes(upgrade: Upgrade) -> None:
    upgrade.up()
    assert upgrade.steps == ["preview", "backup of postgres", "up"]


def test_a_plain_update_is_not_previewed(upgrade: Upgrade) -> None:
    stack.update(upgrade.stack)
    assert upgrade.steps == ["up"]


def test_without_its_backup_nothing_is_updated(upgrade: Upgrade) -> None:
    upgrade.backup_code = 7
    assert upgrade.up() == 7
    assert upgrade.steps == ["preview", "backup of postgres"]


def test_a_failed_upgrade_tells_the_way_back(upgrade: Upgrade) -> None:
    upgrade.failure = ToolchainError("pulumi up failed", "Mend it.", evidence=("its log",))
    with pytest.raises(
        ToolchainError, match=r"Mend it\..* former pin \(postgres store:1\)"
    ) as told:
        upgrade.up()
    assert told.value.evidence == ("its log",)


def test_an_interrupted_upgrade_is_no_failed_one(upgrade: Upgrade) -> None:
    upgrade.failure = InterruptedRunError()
    with pytest.raises(InterruptedRunError):
        upgrade.up()
