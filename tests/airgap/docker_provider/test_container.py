from typing import Any

import docker
import pytest

from airgap.provider.values import UNKNOWN, Secret, Values
from tests.airgap.plugin import Plugin, State

pytestmark = pytest.mark.engine

CONTAINER = "docker:index/container:Container"
NETWORK = "docker:index/network:Network"
PASSWORD = "correct-horse-battery-staple"


@pytest.fixture
def inputs(name: str, busybox: str) -> Values:
    return {
        "command": ["sleep", "300"],
        "envs": ["A=1"],
        "image": busybox,
        "labels": [{"label": "plinth.stack", "value": "test"}],
        "memory": 32,
        "memorySwap": 32,
        "name": name,
        "networkMode": "bridge",
    }


@pytest.fixture
def running(plugin: Plugin, inputs: Values) -> State:
    return plugin.create(CONTAINER, inputs)


def inspect(engine: docker.DockerClient, identifier: str) -> dict[str, Any]:
    attributes: dict[str, Any] = engine.containers.get(identifier).attrs
    return attributes


def test_a_created_container_runs(running: State, engine: docker.DockerClient) -> None:
    assert inspect(engine, running.id)["State"]["Running"]


def test_the_environment_is_what_was_declared(running: State, engine: docker.DockerClient) -> None:
    assert "A=1" in inspect(engine, running.id)["Config"]["Env"]


def test_the_same_inputs_are_no_change(plugin: Plugin, running: State, inputs: Values) -> None:
    assert not plugin.diff(running, inputs).detailedDiff


def test_a_refresh_without_drift_keeps_the_inputs(plugin: Plugin, running: State) -> None:
    found = plugin.refresh(running)
    assert found is not None
    assert found.inputs == running.inputs


def test_a_refresh_without_drift_keeps_the_outputs(plugin: Plugin, running: State) -> None:
    found = plugin.refresh(running)
    assert found is not None
    assert found.outputs == running.outputs


def test_a_changed_environment_replaces(plugin: Plugin, running: State, inputs: Values) -> None:
    assert list(plugin.diff(running, {**inputs, "envs": ["A=2"]}).replaces) == ["envs"]


def test_a_replaced_container_is_deleted_first(
    plugin: Plugin, running: State, inputs: Values
) -> None:
    assert plugin.diff(running, {**inputs, "envs": ["A=2"]}).deleteBeforeReplace


def test_a_changed_limit_does_not_replace(plugin: Plugin, running: State, inputs: Values) -> None:
    changed = plugin.diff(running, {**inputs, "memory": 64, "memorySwap": 64})
    assert (list(changed.replaces), list(changed.diffs)) == ([], ["memory", "memorySwap"])


UPDATES: dict[str, tuple[Values, dict[str, object]]] = {
    "memory": ({"memory": 64, "memorySwap": 64}, {"Memory": 64 * 1024 * 1024}),
    "cpuShares": ({"cpuShares": 512}, {"CpuShares": 512}),
    "restart": (
        {"restart": "unless-stopped"},
        {"RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0}},
    ),
}


@pytest.mark.parametrize("case", UPDATES)
def test_an_update_changes_the_running_container(
    plugin: Plugin, engine: docker.DockerClient, running: State, inputs: Values, case: str
) -> None:
    changed, expected = UPDATES[case]
    plugin.update(running, {**inputs, **changed})
    assert expected.items() <= inspect(engine, running.id)["HostConfig"].items()


def test_an_update_shows_in_the_outputs(plugin: Plugin, running: State, inputs: Values) -> None:
    assert plugin.update(running, {**inputs, "cpuShares": 512}).outputs["cpuShares"] == 512


def test_a_deleted_container_is_gone(
    plugin: Plugin, engine: docker.DockerClient, running: State, name: str
) -> None:
    plugin.delete(running)
    assert not engine.containers.list(all=True, filters={"name": name})


def test_deleting_what_is_gone_is_no_error(plugin: Plugin, running: State) -> None:
    plugin.delete(running)
    plugin.delete(running)


def test_a_removed_container_is_reported_as_gone(
    plugin: Plugin, engine: docker.DockerClient, running: State
) -> None:
    engine.containers.get(running.id).remove(force=True)
    assert plugin.refresh(running) is None


def test_a_stopped_container_is_started_by_the_next_update(
    plugin: Plugin, engine: docker.DockerClient, running: State, inputs: Values
) -> None:
    engine.containers.get(running.id).stop(timeout=0)
    found = plugin.refresh(running)
    assert found is not None
    assert list(plugin.diff(found, inputs).diffs) == ["mustRun"]
    plugin.update(found, inputs)
    assert inspect(engine, running.id)["State"]["Running"]


def test_an_imported_container_is_no_change(plugin: Plugin, running: State, inputs: Values) -> None:
    imported = plugin.bring_in(CONTAINER, running.id)
    assert not plugin.diff(imported, inputs).detailedDiff


def test_a_secret_environment_stays_secret_when_checked(plugin: Plugin, inputs: Values) -> None:
    checked = plugin.check(CONTAINER, {**inputs, "envs": Secret([f"PASSWORD={PASSWORD}"])})
    assert checked["envs"] == Secret([f"PASSWORD={PASSWORD}"])


@pytest.fixture
def with_password(plugin: Plugin, inputs: Values) -> State:
    return plugin.create(CONTAINER, {**inputs, "envs": Secret([f"PASSWORD={PASSWORD}"])})


def test_a_secret_environment_stays_secret_when_created(with_password: State) -> None:
    assert with_password.outputs["envs"] == Secret([f"PASSWORD={PASSWORD}"])


def test_a_secret_environment_stays_secret_when_read(plugin: Plugin, with_password: State) -> None:
    found = plugin.refresh(with_password)
    assert found is not None
    assert (found.inputs["envs"], found.outputs["envs"]) == (
        Secret([f"PASSWORD={PASSWORD}"]),
        Secret([f"PASSWORD={PASSWORD}"]),
    )


def test_a_secret_environment_stays_secret_when_updated(
    plugin: Plugin, with_password: State, inputs: Values
) -> None:
    changed = {**inputs, "envs": Secret([f"PASSWORD={PASSWORD}"]), "cpuShares": 512}
    assert PASSWORD not in str(plugin.update(with_password, changed).outputs)


def test_a_secret_environment_stays_secret_in_a_preview(plugin: Plugin, inputs: Values) -> None:
    shown = plugin.preview(CONTAINER, {**inputs, "envs": Secret([f"PASSWORD={PASSWORD}"])})
    assert PASSWORD not in str(shown)


@pytest.mark.parametrize("output", ["exitCode", "networkDatas", "containerLogs"])
def test_what_a_preview_cannot_know_is_unknown(plugin: Plugin, inputs: Values, output: str) -> None:
    assert plugin.preview(CONTAINER, {**inputs, "envs": [UNKNOWN]})[output] is UNKNOWN


@pytest.mark.parametrize(
    ("upload", "expected"),
    [
        ({"content": "text\n", "permissions": "0400"}, "0400 text"),
        ({"contentBase64": "dGV4dAo=", "executable": True}, "0744 text"),
        ({"source": "{source}"}, "0644 text"),
    ],
    ids=["content", "base64", "source"],
)
def test_an_upload_is_there_before_the_start(
    plugin: Plugin, inputs: Values, tmp_path: Any, upload: Values, expected: str
) -> None:
    source = tmp_path / "source"
    source.write_text("text\n")
    given: Values = {
        key: value.format(source=source) if isinstance(value, str) else value
        for key, value in upload.items()
    }
    one_shot: Values = {
        "attach": True,
        "command": [
            "/bin/sh",
            "-c",
            "busybox stat -c '0%a' /etc/own/file; cat /etc/own/file",
        ],
        "logs": True,
        "mustRun": False,
        "uploads": [{"file": "/etc/own/file", **given}],
    }
    state = plugin.create(CONTAINER, {**inputs, **one_shot})
    assert " ".join(str(state.outputs["containerLogs"]).split()) == expected


@pytest.fixture
def one_shot(plugin: Plugin, inputs: Values) -> State:
    once: Values = {
        "attach": True,
        "command": ["sh", "-c", "echo done; exit 3"],
        "logs": True,
        "mustRun": False,
    }
    return plugin.create(CONTAINER, {**inputs, **once})


def test_a_one_shot_container_gives_its_exit_code(one_shot: State) -> None:
    assert one_shot.outputs["exitCode"] == 3


def test_a_one_shot_container_gives_its_log(one_shot: State) -> None:
    assert one_shot.outputs["containerLogs"] == "done\n"


def test_a_one_shot_container_that_has_ended_is_no_drift(plugin: Plugin, one_shot: State) -> None:
    found = plugin.refresh(one_shot)
    assert found is not None
    assert (found.inputs, found.outputs) == (one_shot.inputs, one_shot.outputs)


def test_a_container_that_is_never_started_is_no_drift(plugin: Plugin, inputs: Values) -> None:
    carrier = plugin.create(CONTAINER, {**inputs, "start": False, "mustRun": False})
    found = plugin.refresh(carrier)
    assert found is not None
    assert found.inputs == carrier.inputs


@pytest.fixture
def attached(plugin: Plugin, inputs: Values, name: str) -> State:
    network = plugin.create(NETWORK, {"driver": "bridge", "internal": True, "name": name})
    joined: Values = {
        "networksAdvanced": [{"name": network.id, "aliases": ["one", "two"]}],
        "ports": [{"internal": 80, "external": 18123, "ip": "127.0.0.1"}],
    }
    return plugin.create(CONTAINER, {**inputs, **joined})


def test_a_container_is_on_its_networks_only(
    engine: docker.DockerClient, attached: State, name: str
) -> None:
    assert list(inspect(engine, attached.id)["NetworkSettings"]["Networks"]) == [name]


def test_a_container_has_its_aliases(
    engine: docker.DockerClient, attached: State, name: str
) -> None:
    network = inspect(engine, attached.id)["NetworkSettings"]["Networks"][name]
    assert {"one", "two"} <= set(network["Aliases"])


def test_a_port_of_an_internal_network_is_no_drift(plugin: Plugin, attached: State) -> None:
    found = plugin.refresh(attached)
    assert found is not None
    assert found.inputs == attached.inputs


def test_a_health_check_is_waited_for(plugin: Plugin, inputs: Values) -> None:
    checked: Values = {
        "healthcheck": {"tests": ["CMD", "cat", "/tmp/ready"], "interval": "300ms", "retries": 50},
        "command": ["sh", "-c", "sleep 1; echo > /tmp/ready; sleep 300"],
        "wait": True,
    }
    state = plugin.create(CONTAINER, {**inputs, **checked})
    assert plugin.refresh(state) == state
