"""A container that is exactly as declared, to be changed by a test."""

import copy
from typing import Any

import pytest

from airgap.docker_provider.inputs import ContainerInputs, parse
from drift.declaration import DeclaredContainer
from drift.engine import Inspection
from drift.fingerprint import Fingerprints

IDENTIFIER = "a4a8bb5e7685176185cb4a129800a36565ed72891bf645326ba5ec9ae1dacbc1"
IMAGE_IDENTIFIER = "sha256:b4d2d85373f7d7cfa00dcebf190cca41dab08de59e09036cf0a5c6fe42f02257"
MEBIBYTE = 1024 * 1024

INPUTS: dict[str, Any] = {
    "__defaults": [],
    "capabilities": {"__defaults": [], "drops": ["ALL"]},
    "command": ["serve"],
    "cpuShares": 512,
    "envs": ["NAME=value", "PASSWORD=correct-horse-battery"],
    "healthcheck": {"interval": "5s", "retries": 12, "tests": ["CMD", "true"], "timeout": "3s"},
    "hostname": "rest",
    "image": "plinth/rest:1",
    "init": True,
    "labels": [{"label": "plinth.stack", "value": "ci"}],
    "logDriver": "json-file",
    "logOpts": {"max-file": "3"},
    "memory": 256,
    "memorySwap": 256,
    "mustRun": True,
    "name": "plinth-ci-rest",
    "networkMode": "bridge",
    "networksAdvanced": [{"aliases": ["rest"], "name": "plinth-ci-backend"}],
    "ports": [{"external": 8000, "internal": 3000, "ip": "127.0.0.1", "protocol": "tcp"}],
    "readOnly": True,
    "restart": "unless-stopped",
    "securityOpts": ["no-new-privileges:true"],
    "start": True,
    "stopTimeout": 30,
    "tmpfs": {"/tmp": "rw,size=64m"},
    "user": "1000:1000",
    "volumes": [
        {"containerPath": "/data", "volumeName": "plinth-ci-data"},
        {"containerPath": "/files", "readOnly": True, "volumeName": "plinth-ci-files"},
    ],
}

IMAGE: Inspection = {
    "Id": IMAGE_IDENTIFIER,
    "Config": {
        "Cmd": ["default"],
        "Entrypoint": ["/entry"],
        "Env": ["PATH=/bin", "NAME=of the image"],
        "Healthcheck": {"Test": ["CMD", "of the image"], "StartPeriod": 2 * 10**9},
        "Labels": {"maker": "plinth"},
        "StopSignal": "SIGINT",
        "User": "99",
        "WorkingDir": "/work",
    },
}

INSPECTED: Inspection = {
    "Id": IDENTIFIER,
    "Image": IMAGE_IDENTIFIER,
    "Name": "/plinth-ci-rest",
    "State": {"Status": "running", "Running": True, "ExitCode": 0, "Health": {"Status": "healthy"}},
    "Config": {
        "Cmd": ["serve"],
        "Domainname": "",
        "Entrypoint": ["/entry"],
        "Env": ["NAME=value", "PASSWORD=correct-horse-battery", "PATH=/bin"],
        "Healthcheck": {
            "Test": ["CMD", "true"],
            "Interval": 5 * 10**9,
            "Timeout": 3 * 10**9,
            "StartPeriod": 2 * 10**9,
            "Retries": 12,
        },
        "Hostname": "rest",
        "Image": "plinth/rest:1",
        "Labels": {"maker": "plinth", "plinth.stack": "ci"},
        "StopSignal": "SIGINT",
        "StopTimeout": 30,
        "Tty": False,
        "User": "1000:1000",
        "WorkingDir": "/work",
    },
    "HostConfig": {
        "AutoRemove": False,
        "Binds": ["plinth-ci-data:/data:rw", "plinth-ci-files:/files:ro"],
        "CapAdd": None,
        "CapDrop": ["ALL"],
        "CpuShares": 512,
        "DeviceRequests": None,
        "Devices": [],
        "Init": True,
        "IpcMode": "private",
        "LogConfig": {"Type": "json-file", "Config": {"max-file": "3"}},
        "Memory": 256 * MEBIBYTE,
        "MemorySwap": 256 * MEBIBYTE,
        "NetworkMode": "bridge",
        "PidMode": "",
        "PidsLimit": None,
        "PortBindings": {"3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8000"}]},
        "Privileged": False,
        "ReadonlyRootfs": True,
        "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
        "SecurityOpt": ["no-new-privileges:true"],
        "ShmSize": 64 * MEBIBYTE,
        "Tmpfs": {"/tmp": "rw,size=64m"},
        "Ulimits": None,
    },
    "Mounts": [
        {"Type": "volume", "Name": "plinth-ci-data", "Destination": "/data", "RW": True},
        {"Type": "volume", "Name": "plinth-ci-files", "Destination": "/files", "RW": False},
    ],
    "NetworkSettings": {
        "Networks": {"plinth-ci-backend": {"Aliases": ["rest", IDENTIFIER[:12]]}},
        "Ports": {"3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8000"}], "3001/tcp": None},
    },
}


@pytest.fixture
def fingerprints() -> Fingerprints:
    return Fingerprints()


@pytest.fixture
def inputs() -> ContainerInputs:
    return parse(ContainerInputs, INPUTS)


@pytest.fixture
def declared(inputs: ContainerInputs) -> DeclaredContainer:
    return DeclaredContainer("rest", IDENTIFIER, inputs)


@pytest.fixture
def inspected() -> Inspection:
    return copy.deepcopy(INSPECTED)


@pytest.fixture
def image() -> Inspection:
    return copy.deepcopy(IMAGE)
