from typing import Any

import pytest

from airgap.docker_provider.inputs import ContainerInputs, parse
from drift import settings
from drift.engine import Inspection
from drift.fingerprint import Fingerprints

MEBIBYTE = 1024 * 1024
CHANGES: dict[str, tuple[str, Any]] = {
    "capabilities added": ("HostConfig.CapAdd", ["NET_RAW"]),
    "capabilities dropped": ("HostConfig.CapDrop", None),
    "command": ("Config.Cmd", ["serve", "--insecure"]),
    "cpu shares": ("HostConfig.CpuShares", 2),
    "cpus": ("HostConfig.NanoCpus", 10**9),
    "device requests": ("HostConfig.DeviceRequests", [{"Driver": "nvidia"}]),
    "devices": ("HostConfig.Devices", [{"PathOnHost": "/dev/kvm"}]),
    "entrypoint": ("Config.Entrypoint", ["/bin/sh"]),
    "environment ADDED": ("Config.Env", ["ADDED=1"]),
    "environment PASSWORD": ("Config.Env", ["PASSWORD=another"]),
    "environment PATH": ("Config.Env", ["PATH=/sbin"]),
    "health check": ("Config.Healthcheck.Test", ["CMD", "false"]),
    "health check interval": ("Config.Healthcheck.Interval", 60 * 10**9),
    "health check retries": ("Config.Healthcheck.Retries", 1),
    "health check start period": ("Config.Healthcheck.StartPeriod", 0),
    "health check timeout": ("Config.Healthcheck.Timeout", 1),
    "host name": ("Config.Hostname", "another"),
    "hosts file": ("HostConfig.ExtraHosts", ["postgres:10.0.0.1"]),
    "image": ("Config.Image", "plinth/rest:2"),
    "init": ("HostConfig.Init", False),
    "label added": ("Config.Labels.added", "yes"),
    "label maker": ("Config.Labels.maker", "another"),
    "label plinth.stack": ("Config.Labels", {"maker": "plinth"}),
    "log driver": ("HostConfig.LogConfig.Type", "none"),
    "log option max-file": ("HostConfig.LogConfig.Config", {}),
    "memory": ("HostConfig.Memory", 0),
    "memory and swap": ("HostConfig.MemorySwap", -1),
    "memory namespace": ("HostConfig.IpcMode", "host"),
    "mount /data": ("Mounts", []),
    "mount /tmp": ("HostConfig.Tmpfs", None),
    "name": ("Name", "/another"),
    "name servers": ("HostConfig.Dns", ["1.1.1.1"]),
    "network mode": ("HostConfig.NetworkMode", "host"),
    "network plinth-ci-backend": ("NetworkSettings.Networks", {}),
    "privileged": ("HostConfig.Privileged", True),
    "process limit": ("HostConfig.PidsLimit", 100),
    "process namespace": ("HostConfig.PidMode", "host"),
    "process resource limits": ("HostConfig.Ulimits", [{"Name": "nofile", "Soft": 1, "Hard": 1}]),
    "published port 3000/tcp": ("NetworkSettings.Ports", {}),
    "read-only root": ("HostConfig.ReadonlyRootfs", False),
    "restart policy": ("HostConfig.RestartPolicy.Name", "no"),
    "security options": ("HostConfig.SecurityOpt", ["seccomp=unconfined"]),
    "shared memory": ("HostConfig.ShmSize", MEBIBYTE),
    "stop signal": ("Config.StopSignal", "SIGKILL"),
    "stop timeout": ("Config.StopTimeout", 1),
    "terminal": ("Config.Tty", True),
    "user": ("Config.User", "0"),
    "working directory": ("Config.WorkingDir", "/"),
}


def set_at(form: dict[str, Any], path: str, value: Any) -> None:
    *folders, last = path.split(".")
    for folder in folders:
        form = form[folder]
    form[last] = value


def different(
    inputs: ContainerInputs, image: Inspection, inspected: Inspection, fingerprints: Fingerprints
) -> dict[str, tuple[str, str]]:
    rows = settings.differences(
        settings.declared(inputs, image["Config"], fingerprints),
        settings.found(inspected, fingerprints),
    )
    return {what: (asked, there) for what, asked, there in rows}


def test_a_container_as_declared_differs_in_nothing(
    inputs: ContainerInputs, image: Inspection, inspected: Inspection, fingerprints: Fingerprints
) -> None:
    assert different(inputs, image, inspected, fingerprints) == {}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_told_by_its_name(
    inputs: ContainerInputs,
    image: Inspection,
    inspected: Inspection,
    fingerprints: Fingerprints,
    what: str,
) -> None:
    set_at(inspected, *CHANGES[what])
    assert what in different(inputs, image, inspected, fingerprints)


def test_no_value_of_the_environment_is_kept(
    inputs: ContainerInputs, image: Inspection, inspected: Inspection, fingerprints: Fingerprints
) -> None:
    kept = settings.declared(inputs, image["Config"], fingerprints) | settings.found(
        inspected, fingerprints
    )
    assert "correct-horse-battery" not in repr(kept)


def test_an_alias_that_was_added_is_told(
    inputs: ContainerInputs, image: Inspection, inspected: Inspection, fingerprints: Fingerprints
) -> None:
    inspected["NetworkSettings"]["Networks"]["plinth-ci-backend"]["Aliases"].append("postgres")
    assert different(inputs, image, inspected, fingerprints) == {
        "network plinth-ci-backend": ("aliases rest", "aliases postgres, rest")
    }


def test_a_network_that_was_joined_is_told(
    inputs: ContainerInputs, image: Inspection, inspected: Inspection, fingerprints: Fingerprints
) -> None:
    inspected["NetworkSettings"]["Networks"]["bridge"] = {"Aliases": None}
    assert different(inputs, image, inspected, fingerprints) == {
        "network bridge": ("absent", "aliases none")
    }


def test_a_mount_that_became_writable_is_told(
    inputs: ContainerInputs, image: Inspection, inspected: Inspection, fingerprints: Fingerprints
) -> None:
    inspected["Mounts"][1]["RW"] = True
    assert different(inputs, image, inspected, fingerprints) == {
        "mount /files": ("volume plinth-ci-files, read-only", "volume plinth-ci-files, read-write")
    }


def test_a_capability_is_the_same_with_and_without_its_prefix(
    inputs: ContainerInputs, image: Inspection, inspected: Inspection, fingerprints: Fingerprints
) -> None:
    asked = inputs.model_copy(
        update={"capabilities": inputs.capabilities.model_copy(update={"adds": ["CAP_CHOWN"]})}
        if inputs.capabilities
        else {}
    )
    inspected["HostConfig"]["CapAdd"] = ["CHOWN"]
    assert different(asked, image, inspected, fingerprints) == {}


def test_a_stopped_container_is_compared_by_the_ports_it_asks_for(
    inputs: ContainerInputs, image: Inspection, inspected: Inspection, fingerprints: Fingerprints
) -> None:
    inspected["State"]["Running"] = False
    inspected["NetworkSettings"]["Ports"] = {}
    assert different(inputs, image, inspected, fingerprints) == {}


def test_a_name_that_the_engine_gives_a_host_is_no_change(
    image: Inspection, inspected: Inspection, fingerprints: Fingerprints
) -> None:
    asked = parse(ContainerInputs, {"image": "plinth/rest:1", "name": "plinth-ci-rest"})
    inspected["Config"]["Hostname"] = inspected["Id"][:12]
    assert "host name" not in different(asked, image, inspected, fingerprints)
