from collections.abc import Callable
from typing import Any

import docker
import pytest

from airgap.provider.values import Values
from tests.airgap.plugin import Plugin, State

pytestmark = pytest.mark.engine

CONTAINER = "docker:index/container:Container"
NETWORK = "docker:index/network:Network"
Change = Callable[[docker.DockerClient, str], object]


@pytest.fixture
def inputs(plugin: Plugin, name: str, busybox: str) -> Values:
    network = plugin.create(NETWORK, {"driver": "bridge", "name": name})
    return {
        "command": ["sleep", "300"],
        "envs": ["A=1"],
        "healthcheck": {"tests": ["CMD", "true"], "interval": "60s"},
        "image": busybox,
        "labels": [{"label": "plinth.stack", "value": "test"}],
        "memory": 32,
        "memorySwap": 32,
        "name": name,
        "networkMode": "bridge",
        "networksAdvanced": [{"name": str(network.outputs["name"]), "aliases": ["one"]}],
        "volumes": [{"volumeName": name, "containerPath": "/data"}],
    }


@pytest.fixture
def running(plugin: Plugin, inputs: Values) -> State:
    return plugin.create(CONTAINER, inputs)


def drift(plugin: Plugin, state: State, inputs: Values) -> list[str]:
    found = plugin.refresh(state)
    assert found is not None
    return list(plugin.diff(found, inputs).diffs)


def remade(**changed: Any) -> Change:
    """Make the container again by hand, with something changed."""

    def change(engine: docker.DockerClient, name: str) -> None:
        engine.containers.get(name).remove(force=True)
        settings: dict[str, Any] = {
            "environment": ["A=1"],
            "healthcheck": {"test": ["CMD", "true"], "interval": 60 * 10**9},
            "labels": {"plinth.stack": "test"},
            "mem_limit": "32m",
            "memswap_limit": "32m",
            "network": name,
            "volumes": [f"{name}:/data:rw"],
            **changed,
        }
        made = engine.containers.create(
            "plinth-test/busybox:1", ["sleep", "300"], name=name, **settings
        )
        if settings["network"] == name:
            engine.networks.get(name).disconnect(made)
            engine.networks.get(name).connect(made, aliases=["one"])
        made.start()

    return change


DRIFT: dict[str, tuple[Change, list[str]]] = {
    "environment": (remade(environment=["A=2"]), ["envs", "networkMode"]),
    "added environment": (remade(environment=["A=1", "B=2"]), ["envs", "networkMode"]),
    "labels": (remade(labels={}), ["labels", "networkMode"]),
    "health check": (
        remade(healthcheck={"test": ["CMD", "true"], "interval": 30 * 10**9}),
        ["healthcheck", "networkMode"],
    ),
    "volumes": (remade(volumes=[]), ["networkMode", "volumes"]),
    "read-only volume": (
        lambda engine, name: remade(volumes=[f"{name}:/data:ro"])(engine, name),
        ["networkMode", "volumes"],
    ),
    "limits": (
        lambda engine, name: engine.containers.get(name).update(
            mem_limit="64m", memswap_limit="64m"
        ),
        ["memory", "memorySwap"],
    ),
    "limit not declared": (
        lambda engine, name: engine.containers.get(name).update(cpu_shares=100),
        ["cpuShares"],
    ),
    "restart": (
        lambda engine, name: engine.containers.get(name).update(restart_policy={"Name": "always"}),
        ["restart"],
    ),
    "network left": (
        lambda engine, name: engine.networks.get(name).disconnect(name),
        ["networksAdvanced"],
    ),
    "network joined": (
        lambda engine, name: engine.networks.get("bridge").connect(name),
        ["networksAdvanced"],
    ),
}


@pytest.mark.parametrize("case", DRIFT)
def test_a_refresh_reports_what_was_changed_outside(
    plugin: Plugin, engine: docker.DockerClient, running: State, inputs: Values, case: str
) -> None:
    change, expected = DRIFT[case]
    change(engine, str(running.outputs["name"]))
    assert drift(plugin, running, inputs) == expected


def test_the_environment_of_the_image_is_no_drift(
    plugin: Plugin, running: State, inputs: Values
) -> None:
    assert drift(plugin, running, inputs) == []


def test_a_duration_written_otherwise_is_no_drift(plugin: Plugin, running: State) -> None:
    found = plugin.refresh(running)
    assert found is not None
    assert found.inputs["healthcheck"] == running.inputs["healthcheck"]


def test_a_changed_limit_is_put_right_by_an_update(
    plugin: Plugin, engine: docker.DockerClient, running: State, inputs: Values, name: str
) -> None:
    DRIFT["limits"][0](engine, name)
    found = plugin.refresh(running)
    assert found is not None
    assert drift(plugin, plugin.update(found, inputs), inputs) == []
