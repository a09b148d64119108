"""The pack under the real CLI: a stack that breaks a rule never reaches the engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

pytestmark = [pytest.mark.engine, pytest.mark.cli]

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "policies"
NETWORK = "plinth-policy-test-data"
PROGRAM = f"""
import pulumi
import pulumi_docker as docker
import pulumi_random as random

password = random.RandomPassword("password", length=40, special=False)
network = docker.Network("network", name="{NETWORK}", internal=True)
docker.Container(
    "component",
    name="plinth-policy-test",
    image="plinth/none:1.0-0123456789ab",
    envs=[ENVIRONMENT],
    labels=[docker.ContainerLabelArgs(label="plinth.secret-names", value="PGPASSWORD")],
    user="1000:1000",
    read_only=True,
    network_mode="bridge",
    networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network.name)],
    restart="unless-stopped",
    capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
    security_opts=["no-new-privileges:true"],
    memory=64,
    memory_swap=64,
    cpu_shares=128,
    log_driver="json-file",
    log_opts={{"max-file": "3", "max-size": "10m"}},
    stop_timeout=30,
    destroy_grace_seconds=30,
    healthcheck=docker.ContainerHealthcheckArgs(tests=["CMD", "true"]),
)
pulumi.export("secret_key", password.result)
OUTPUTS
"""
EMPTY_COMPONENT = """
import pulumi

pulumi.ComponentResource("plinth:container:ContainerService", "empty")
"""
SECRET = 'pulumi.Output.concat("PGPASSWORD=", password.result)'
PLAIN = '"PGPASSWORD=correct-horse-battery"'
PLAIN_OUTPUT = 'pulumi.export("deploy_key", "correct-horse-battery")'


@dataclass(frozen=True)
class Run:
    """How a run of Pulumi ended."""

    code: int
    printed: str


@dataclass(frozen=True)
class Stack:
    """A project of its own with the stack `test`."""

    folder: Path

    def pulumi(self, *arguments: str) -> Run:
        """Run a Pulumi command."""
        ended = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env={
                **os.environ,
                "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
                "PULUMI_CONFIG_PASSPHRASE": "only for this test",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Run(ended.returncode, ended.stdout)

    def under_policies(
        self, command: str, configuration: Any = None, *, refresh: bool = False
    ) -> Run:
        """Preview or update under the pack, with a configuration of it where one is given."""
        options = ["--yes"] if command == "up" else []
        options += ["--refresh"] if refresh else []
        if configuration is not None:
            file = self.folder / "policies.json"
            file.write_text(json.dumps(configuration))
            options += ["--policy-pack-config", str(file)]
        # Pulumi itself prints plain outputs; what is looked at here is what the policies print.
        options.append("--suppress-outputs")
        return self.pulumi(command, "--policy-pack", str(PACK), *options)


def _program(environment: str = SECRET, outputs: str = "") -> str:
    return PROGRAM.replace("ENVIRONMENT", environment).replace("OUTPUTS", outputs)


def _stack(folder: Path, program: str) -> Stack:
    (folder / "state").mkdir()
    (folder / "Pulumi.yaml").write_text(
        f"name: policed\nruntime: {{name: python, options: {{virtualenv: {ROOT}/.venv}}}}\n"
    )
    (folder / "__main__.py").write_text(program)
    stack = Stack(folder)
    made = stack.pulumi("stack", "init", "test")
    assert made.code == 0, made.printed
    return stack


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack that keeps to every policy."""
    return _stack(tmp_path_factory.mktemp("sound"), _program())


@pytest.fixture(scope="module")
def unsound(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack with a password in plain text, in its container's environment and its outputs."""
    return _stack(tmp_path_factory.mktemp("unsound"), _program(PLAIN, PLAIN_OUTPUT))


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack whose resources are sound, and that hands out a key in plain text."""
    return _stack(tmp_path_factory.mktemp("leaking"), _program(outputs=PLAIN_OUTPUT))


@pytest.fixture(scope="module")
def refused(unsound: Stack, leaking: Stack) -> dict[str, Run]:
    """Updates that a policy stops, by what it judges."""
    return {"resource": unsound.under_policies("up"), "stack": leaking.under_policies("up")}


@pytest.mark.parametrize("kind", ["resource", "stack"])
def test_a_violation_ends_the_update(refused: dict[str, Run], kind: str) -> None:
    assert refused[kind].code != 0


@pytest.mark.parametrize(
    ("kind", "violation"),
    [
        ("resource", r"no-plain-secret-in-environment .*\n.*\n +component: envs\[.PGPASSWORD.\] "),
        ("stack", r"outputs-marked-secret .*\n.*\n +policed-test: outputs\[.deploy_key.\] has a "),
    ],
)
def test_the_violation_names_policy_resource_and_property(
    refused: dict[str, Run], kind: str, violation: str
) -> None:
    assert re.search(violation, refused[kind].printed), refused[kind].printed


@pytest.mark.parametrize("kind", ["resource", "stack"])
def test_the_violation_does_not_print_the_value(refused: dict[str, Run], kind: str) -> None:
    assert "correct-horse-battery" not in refused[kind].printed


@pytest.mark.usefixtures("refused")
def test_the_engine_was_never_asked() -> None:
    engine = docker.from_env()
    names = [container.name for container in engine.containers.list(all=True)]
    names += [network.name for network in engine.networks.list()]
    assert {"plinth-policy-test", NETWORK}.isdisjoint(names)


@pytest.mark.usefixtures("refused")
def test_the_state_holds_no_resource(leaking: Stack) -> None:
    state = json.loads(leaking.pulumi("stack", "export").printed)
    assert not state["deployment"].get("resources")


def test_what_is_about_to_go_is_not_judged(tmp_path: Path) -> None:
    going = _stack(tmp_path, EMPTY_COMPONENT)
    made = going.pulumi("up", "--yes", "--skip-preview")
    assert made.code == 0, made.printed
    before = going.under_policies("preview")
    (tmp_path / "__main__.py").write_text("")
    after = going.under_policies("preview", refresh=True)
    found = ["components-checked" in run.printed for run in (before, after)]
    assert (found, after.code) == ([True, False], 0), after.printed


# Previews under a configuration of the pack. Each takes seconds, so one is looked at for several
# policies.

ENVIRONMENT, LISTED, OUTPUTS = (
    "no-plain-secret-in-environment",
    "secret-environment-listed",
    "outputs-marked-secret",
)
"""What the unsound stack violates."""

LEVELS: dict[str, tuple[dict[str, object], dict[str, bool]]] = {
    "one by one": (
        {ENVIRONMENT: "advisory", LISTED: "disabled", OUTPUTS: "advisory"},
        {ENVIRONMENT: True, LISTED: False, OUTPUTS: True},
    ),
    "all but some": (
        {"all": "advisory", LISTED: {"enforcementLevel": "disabled"}, OUTPUTS: "disabled"},
        {ENVIRONMENT: True, LISTED: False, OUTPUTS: False},
    ),
    "mandatory": (
        {"all": "disabled", ENVIRONMENT: "mandatory"},
        {ENVIRONMENT: True, LISTED: False, OUTPUTS: False},
    ),
}
"""Configuration, and which policies then speak."""


@pytest.fixture(scope="module")
def at_levels(unsound: Stack) -> dict[str, Run]:
    """The preview of an unsound stack under each configuration."""
    return {name: unsound.under_policies("preview", each) for name, (each, _) in LEVELS.items()}


@pytest.mark.parametrize(
    ("name", "policy", "speaks"),
    [
        (name, policy, speaks)
        for name, (_, expected) in LEVELS.items()
        for policy, speaks in expected.items()
    ],
)
def test_an_enforcement_level_makes_a_policy_speak(
    at_levels: dict[str, Run], name: str, policy: str, *, speaks: bool
) -> None:
    assert (policy in at_levels[name].printed) == speaks, at_levels[name].printed


@pytest.mark.parametrize("name", LEVELS)
def test_only_a_mandatory_policy_stops(at_levels: dict[str, Run], name: str) -> None:
    assert (at_levels[name].code != 0) == (name == "mandatory"), at_levels[name].printed


@pytest.mark.parametrize(
    ("minimum", "stops"), [(40, False), (41, True)], ids=["as it is", "one more"]
)
def test_a_sound_stack_passes_unless_a_parameter_asks_for_more(
    sound: Stack, minimum: int, *, stops: bool
) -> None:
    configuration = {"password-strong-and-url-safe": {"minimumLength": minimum}}
    preview = sound.under_policies("preview", configuration)
    assert ("length is too short" in preview.printed) == (preview.code != 0) == stops


CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "level": {"memory-limited": "strict"},
    "policy": {"memory-limits": "disabled"},
    "parameter": {"stop-grace-sufficient": {"storeSecond": 60}},
    "values": {
        "stop-grace-sufficient": {"storeSeconds": "long"},
        "password-strong-and-url-safe": {"minimumLength": 0},
    },
}
"""Wrong ones."""


@pytest.fixture(scope="module")
def misconfigured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """The preview of an empty program under each wrong configuration."""
    empty = _stack(tmp_path_factory.mktemp("empty"), "")
    return {name: empty.under_policies("preview", each) for name, each in CONFIGURATIONS.items()}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_wrong_configuration_is_refused(misconfigured: dict[str, Run], name: str) -> None:
    assert misconfigured[name].code != 0


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("level", r'.*parsing enforcement level for "memory-limited": "strict" is not a valid'),
        ("policy", r".*memory-limits: there is no such policy; did you mean memory-limited\?"),
        ("parameter", r".*stop-grace-sufficient\.storeSecond: no such parameter; known here: "),
        ("values", r".*stop-grace-sufficient: storeSeconds: Invalid type\. Expected: integer"),
        ("values", r".*minimumLength: Must be greater than or equal to 16"),
    ],
    ids=["level", "policy", "parameter", "type", "value"],
)
def test_the_refusal_says_what_is_wrong(
    misconfigured: dict[str, Run], name: str, line: str
) -> None:
    printed = misconfigured[name].printed
    assert len(re.findall(rf"^ *error: {line}", printed, re.MULTILINE)) == 1, printed
