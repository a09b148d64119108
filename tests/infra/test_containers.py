from typing import Any

import pytest

from tests.running_stack import COMPONENTS, SERVERS, RunningStack

pytestmark = [pytest.mark.engine, pytest.mark.stack]
MEBIBYTE = 1024 * 1024


@pytest.fixture(params=COMPONENTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def declared(stack: RunningStack, name: str) -> dict[str, Any]:
    return stack.component(name)


@pytest.fixture
def inspected(stack: RunningStack, name: str) -> dict[str, Any]:
    return stack.inspect(name)


@pytest.fixture
def host_config(inspected: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = inspected["HostConfig"]
    return config


def test_every_component_is_tested(stack: RunningStack) -> None:
    assert sorted(stack.outputs["components"]) == sorted(COMPONENTS)


def test_it_runs_the_declared_image(inspected: dict[str, Any], declared: dict[str, Any]) -> None:
    assert inspected["Config"]["Image"] == declared["image"]


def test_it_runs_as_the_declared_user(inspected: dict[str, Any], declared: dict[str, Any]) -> None:
    assert inspected["Config"]["User"] == declared["user"]


def test_it_does_not_run_as_root(inspected: dict[str, Any]) -> None:
    assert inspected["Config"]["User"].split(":")[0] not in {"", "0", "root"}


def test_its_root_file_system_is_read_only(host_config: dict[str, Any]) -> None:
    assert host_config["ReadonlyRootfs"]


def test_it_has_no_capability(host_config: dict[str, Any]) -> None:
    assert (host_config["CapDrop"], host_config["CapAdd"] or []) == (["ALL"], [])


def test_it_cannot_gain_privileges(host_config: dict[str, Any]) -> None:
    assert host_config["SecurityOpt"] == ["no-new-privileges:true"]


def test_it_is_not_privileged(host_config: dict[str, Any]) -> None:
    assert not host_config["Privileged"]


def test_its_memory_is_limited(host_config: dict[str, Any], declared: dict[str, Any]) -> None:
    assert host_config["Memory"] == declared["memory_mebibytes"] * MEBIBYTE


def test_it_has_no_swap_beyond_its_memory(host_config: dict[str, Any]) -> None:
    assert host_config["MemorySwap"] == host_config["Memory"]


def test_its_log_is_rotated(host_config: dict[str, Any]) -> None:
    assert host_config["LogConfig"] == {
        "Type": "json-file",
        "Config": {"max-file": "3", "max-size": "10m"},
    }


def test_it_is_restarted_unless_it_is_a_one_shot(
    host_config: dict[str, Any], declared: dict[str, Any]
) -> None:
    expected = "no" if declared["one_shot"] else "unless-stopped"
    assert host_config["RestartPolicy"]["Name"] == expected


def test_it_is_given_time_to_stop(inspected: dict[str, Any], declared: dict[str, Any]) -> None:
    assert inspected["Config"]["StopTimeout"] == declared["stop_grace_seconds"]


def test_it_is_on_the_declared_networks(
    inspected: dict[str, Any], declared: dict[str, Any]
) -> None:
    assert sorted(inspected["NetworkSettings"]["Networks"]) == sorted(declared["networks"])


def test_it_is_reached_by_its_name(inspected: dict[str, Any], name: str) -> None:
    networks = inspected["NetworkSettings"]["Networks"].values()
    assert all(name in network["Aliases"] for network in networks)


def test_its_environment_has_the_declared_names(
    stack: RunningStack, name: str, inspected: dict[str, Any], declared: dict[str, Any]
) -> None:
    inherited = {entry.split("=")[0] for entry in stack.image(name)["Config"]["Env"] or []}
    names = {entry.split("=")[0] for entry in inspected["Config"]["Env"]}
    assert names - inherited == set(declared["environment"]) - inherited


def test_its_volumes_are_the_declared_ones(
    inspected: dict[str, Any], declared: dict[str, Any]
) -> None:
    writable = {mount["Destination"]: mount["Name"] for mount in inspected["Mounts"] if mount["RW"]}
    assert writable == declared["volumes"]


def test_its_files_are_mounted_read_only(
    inspected: dict[str, Any], declared: dict[str, Any]
) -> None:
    read_only = [mount["Destination"] for mount in inspected["Mounts"] if not mount["RW"]]
    assert read_only == (["/run/plinth/files"] if declared["files"] else [])


def test_its_labels_name_stack_and_component(inspected: dict[str, Any], name: str) -> None:
    labels = inspected["Config"]["Labels"]
    assert (labels["plinth.stack"], labels["plinth.component"]) == ("ci", name)


def test_its_ports_are_the_declared_ones(
    host_config: dict[str, Any], declared: dict[str, Any]
) -> None:
    bound = [
        {
            "internal": int(inside.split("/")[0]),
            "external": int(binding["HostPort"]),
            "address": binding["HostIp"],
        }
        for inside, bindings in (host_config["PortBindings"] or {}).items()
        for binding in bindings
    ]
    assert bound == declared["ports"]


@pytest.mark.parametrize("server", SERVERS)
def test_it_is_healthy_by_the_declared_check(stack: RunningStack, server: str) -> None:
    inspected = stack.inspect(server)
    assert inspected["State"]["Health"]["Status"] == "healthy", stack.log(server)


@pytest.mark.parametrize("server", SERVERS)
def test_its_health_check_is_the_declared_one(stack: RunningStack, server: str) -> None:
    check = stack.inspect(server)["Config"]["Healthcheck"]["Test"]
    assert check == ["CMD", *stack.component(server)["health"]]


def test_the_one_shot_ended_well(stack: RunningStack) -> None:
    assert stack.inspect("db-bootstrap")["State"]["ExitCode"] == 0, stack.log("db-bootstrap")


@pytest.mark.parametrize("component", ["gateway", "redis"])
def test_a_secret_file_is_readable_by_its_component_alone(
    stack: RunningStack, component: str
) -> None:
    _, printed = stack.execute(
        component,
        "stat",
        "-c",
        "%a %u %g",
        "/run/plinth/files/" + stack.component(component)["files"][0],
    )
    assert printed.split() == ["440", "0", "0"]
