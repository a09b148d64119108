import threading

import docker
import grpc
import pytest

from airgap.provider.values import Secret, Values
from tests.airgap.plugin import Plugin

pytestmark = pytest.mark.engine

CONTAINER = "docker:index/container:Container"
PASSWORD = "correct-horse-battery-staple"
HEALTHY: Values = {"tests": ["CMD", "true"], "interval": "300ms"}
UNHEALTHY: Values = {"tests": ["CMD", "false"], "interval": "300ms", "retries": 1}


@pytest.fixture
def inputs(name: str, busybox: str) -> Values:
    return {
        "command": ["sleep", "300"],
        "image": busybox,
        "name": name,
        "networkMode": "bridge",
    }


FAILING: dict[str, tuple[Values, str]] = {
    "exits": (
        {
            "command": ["sh", "-c", "echo bad configuration; exit 4"],
            "healthcheck": HEALTHY,
            "wait": True,
        },
        "ended with exit code 4 before it was healthy; its last log lines:\n    bad configuration",
    ),
    "restarts": (
        {
            "command": ["sh", "-c", "echo again; sleep 0.3; exit 4"],
            "healthcheck": {**HEALTHY, "tests": ["CMD", "false"], "retries": 50},
            "restart": "always",
            "wait": True,
        },
        "before it was healthy; its last log lines:\n    again",
    ),
    "unhealthy": (
        {
            "command": ["sh", "-c", "echo started; sleep 300"],
            "healthcheck": UNHEALTHY,
            "wait": True,
        },
        "is unhealthy; its last log lines:\n    started",
    ),
    "late": (
        {
            "healthcheck": {**UNHEALTHY, "retries": 100},
            "wait": True,
            "waitTimeout": 1,
        },
        "was not healthy within 1 s",
    ),
    "unchecked": ({"wait": True}, "wait needs a health check"),
    "at once": ({"command": ["false"]}, "ended with exit code 1 right after its start"),
    "command": ({"command": ["no-such-program"]}, "no-such-program"),
    "image": (
        {"image": "plinth-test/absent:1"},
        "image plinth-test/absent:1 is not on this engine",
    ),
    "network": (
        {"networksAdvanced": [{"name": "plinth-test-absent"}]},
        "network plinth-test-absent does not exist",
    ),
    "read-only": (
        {"readOnly": True, "uploads": [{"file": "/etc/x", "content": "x"}]},
        "uploads need a writable root file system",
    ),
    "upload": (
        {"uploads": [{"file": "/etc/x", "source": "/nowhere"}]},
        "uploads: /etc/x: cannot read /nowhere",
    ),
}


@pytest.mark.parametrize("case", FAILING)
def test_a_failure_says_why(plugin: Plugin, inputs: Values, case: str) -> None:
    changed, reason = FAILING[case]
    with pytest.raises(grpc.RpcError) as caught:
        plugin.create(CONTAINER, {**inputs, **changed})
    assert reason in str(caught.value.details())


@pytest.mark.parametrize("case", ["exits", "unhealthy", "network", "upload", "command"])
def test_a_failure_leaves_no_container(
    plugin: Plugin, engine: docker.DockerClient, inputs: Values, name: str, case: str
) -> None:
    with pytest.raises(grpc.RpcError):
        plugin.create(CONTAINER, {**inputs, **FAILING[case][0]})
    assert not engine.containers.list(all=True, filters={"name": name})


def test_a_port_in_use_is_named(plugin: Plugin, inputs: Values, name: str) -> None:
    port: Values = {"ports": [{"internal": 80, "external": 18124, "ip": "127.0.0.1"}]}
    plugin.create(CONTAINER, {**inputs, **port})
    with pytest.raises(
        grpc.RpcError, match=r"port 127\.0\.0\.1:18124 of the host is already in use"
    ):
        plugin.create(CONTAINER, {**inputs, **port, "name": f"{name}-2"})


def test_a_name_in_use_is_named(plugin: Plugin, inputs: Values, name: str) -> None:
    plugin.create(CONTAINER, inputs)
    with pytest.raises(grpc.RpcError, match=f"the name {name} is taken by container"):
        plugin.create(CONTAINER, inputs)


def test_a_secret_in_the_log_is_not_shown(plugin: Plugin, inputs: Values) -> None:
    leaking: Values = {
        "command": ["sh", "-c", "echo password is $PASSWORD; exit 1"],
        "envs": Secret([f"PASSWORD={PASSWORD}"]),
        "healthcheck": HEALTHY,
        "wait": True,
    }
    with pytest.raises(grpc.RpcError, match=r"password is \[secret\]"):
        plugin.create(CONTAINER, {**inputs, **leaking})


def test_a_cancelled_wait_leaves_no_container(
    plugin: Plugin, engine: docker.DockerClient, inputs: Values, name: str
) -> None:
    waiting: Values = {"healthcheck": {**UNHEALTHY, "retries": 1000}, "wait": True}
    threading.Timer(1, plugin.servicer.cancelled.set).start()
    with pytest.raises(grpc.RpcError, match="cancelled"):
        plugin.create(CONTAINER, {**inputs, **waiting})
    assert not engine.containers.list(all=True, filters={"name": name})
