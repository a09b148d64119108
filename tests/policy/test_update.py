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


def _stack(folder: Path, environment: str = SECRET, outputs: str = "") -> Stack:
    (folder / "state").mkdir()
    (folder / "Pulumi.yaml").write_text(
        f"name: policed\nruntime: {{name: python, options: {{virtualenv: {ROOT}/.venv}}}}\n"
    )
    program = PROGRAM.replace("ENVIRONMENT", environment).replace("OUTPUTS", outputs)
    (folder / "__main__.py").write_text(program)
    stack = Stack(folder)
    made = stack.pulumi("stack", "init", "test")
    assert made.code == 0, made.printed
    return stack


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack that keeps to every policy."""
    return _stack(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def unsound(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack with a plain password in the environment of its container."""
    return _stack(tmp_path_factory.mktemp("unsound"), PLAIN)


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack whose resources are sound, and that hands out a key in plain text."""
    return _stack(tmp_path_factory.mktemp("leaking"), outputs=PLAIN_OUTPUT)


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
    going = _stack(tmp_path)
    (tmp_path / "__main__.py").write_text(EMPTY_COMPONENT)
    made = going.pulumi("up", "--yes", "--skip-preview")
    assert made.code == 0, made.printed
    before = going.under_policies("preview")
    (tmp_path / "__main__.py").write_text("")
    after = going.under_policies("preview", refresh=True)
    found = ["components-checked" in run.printed for run in (before, after)]
    assert (found, after.code) == ([True, False], 0), after.printed


def test_a_sound_stack_passes(sound: Stack) -> None:
    preview = sound.under_policies("preview")
    assert preview.code == 0, preview.printed


@pytest.mark.parametrize(
    ("setting", "stops", "speaks"),
    [
        ("mandatory", True, True),
        ("advisory", False, True),
        ("disabled", False, False),
        ({"enforcementLevel": "disabled"}, False, False),
    ],
    ids=["mandatory", "advisory", "disabled", "disabled in an object"],
)
def test_an_enforcement_level_acts(
    unsound: Stack, setting: object, *, stops: bool, speaks: bool
) -> None:
    names = ("no-plain-secret-in-environment", "secret-environment-listed")
    preview = unsound.under_policies("preview", dict.fromkeys(names, setting))
    assert (preview.code != 0, "PGPASSWORD" in preview.printed) == (stops, speaks)


@pytest.mark.parametrize("setting", ["advisory", "disabled"])
def test_an_enforcement_level_acts_on_a_stack_policy(leaking: Stack, setting: str) -> None:
    preview = leaking.under_policies("preview", {"outputs-marked-secret": setting})
    assert (preview.code, "deploy_key" in preview.printed) == (0, setting == "advisory")


def test_all_policies_can_be_set_at_once(unsound: Stack) -> None:
    assert unsound.under_policies("preview", {"all": "advisory"}).code == 0


@pytest.mark.parametrize(
    ("minimum", "stops"), [(40, False), (41, True)], ids=["as it is", "one more"]
)
def test_a_parameter_acts(sound: Stack, minimum: int, *, stops: bool) -> None:
    configuration = {"password-strong-and-url-safe": {"minimumLength": minimum}}
    preview = sound.under_policies("preview", configuration)
    assert ("length is too short" in preview.printed) == (preview.code != 0) == stops


@pytest.mark.parametrize(
    ("configuration", "line"),
    [
        (
            {"memory-limited": "strict"},
            r'error: .*parsing enforcement level for "memory-limited": "strict" is not a valid',
        ),
        (
            {"memory-limits": "disabled"},
            r"error: .*memory-limits: there is no such policy; did you mean memory-limited\?",
        ),
        (
            {"stop-grace-sufficient": {"storeSecond": 60}},
            r"error: .*stop-grace-sufficient\.storeSecond: no such parameter; known here: ",
        ),
        (
            {"stop-grace-sufficient": {"storeSeconds": "long"}},
            r"error: .*stop-grace-sufficient: storeSeconds: Invalid type\. Expected: integer",
        ),
        (
            {"stop-grace-sufficient": {"storeSeconds": 0}},
            r"error: .*stop-grace-sufficient: storeSeconds: Must be greater than or equal to 1",
        ),
    ],
    ids=["level", "policy", "parameter", "type", "value"],
)
def test_a_wrong_configuration_is_refused(
    sound: Stack, configuration: dict[str, Any], line: str
) -> None:
    preview = sound.under_policies("preview", configuration)
    assert preview.code != 0
    assert len(re.findall(rf"^ *{line}", preview.printed, re.MULTILINE)) == 1, preview.printed
