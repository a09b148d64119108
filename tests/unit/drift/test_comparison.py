import io
import tarfile
from typing import Any

import pytest

from airgap.docker_provider.inputs import (
    ContainerInputs,
    NetworkInputs,
    VolumeInputs,
    parse,
)
from drift import comparison
from drift.declaration import (
    DeclaredContainer,
    DeclaredImage,
    DeclaredNetwork,
    DeclaredVolume,
)
from drift.engine import HeldFile, Inspection, unpacked
from drift.finding import Finding, Remedy
from drift.fingerprint import Fingerprints

IDENTIFIER = "f" * 64
OTHER = "e" * 64
FILE = "/run/plinth/files/redis.conf"
STATES: dict[str, dict[str, Any]] = {
    "paused": {"Status": "paused", "Running": True},
    "restarting": {"Status": "restarting", "Running": True},
    "running, unhealthy": {
        "Status": "running",
        "Running": True,
        "Health": {"Status": "unhealthy"},
    },
    "stopped with code 137": {"Status": "exited", "Running": False, "ExitCode": 137},
}


def whats(findings: list[Finding]) -> list[str]:
    return [finding.what for finding in findings]


@pytest.fixture
def carrier() -> DeclaredContainer:
    inputs: dict[str, Any] = {
        "image": "plinth/redis:1",
        "name": "plinth-ci-redis-files-1",
        "mustRun": False,
        "start": False,
        "uploads": [{"file": FILE, "content": "a 1\n", "permissions": "0440"}],
        "volumes": [
            {"containerPath": "/run/plinth/files", "volumeName": "plinth-ci-redis-files-1"}
        ],
    }
    return DeclaredContainer("redis-files", IDENTIFIER, parse(ContainerInputs, inputs))


@pytest.fixture
def network() -> DeclaredNetwork:
    inputs: dict[str, Any] = {
        "driver": "bridge",
        "internal": True,
        "labels": [{"label": "plinth.stack", "value": "ci"}],
        "name": "plinth-ci-data",
    }
    return DeclaredNetwork("data-network", IDENTIFIER, parse(NetworkInputs, inputs))


@pytest.fixture
def inspected_network() -> Inspection:
    return {
        "Id": IDENTIFIER,
        "Driver": "bridge",
        "Internal": True,
        "Attachable": False,
        "EnableIPv6": False,
        "Options": {"com.docker.network.driver.mtu": "1400"},
        "Labels": {"plinth.stack": "ci"},
        "Containers": {OTHER: {"Name": "plinth-ci-redis"}},
    }


@pytest.fixture
def volume() -> DeclaredVolume:
    inputs: dict[str, Any] = {
        "labels": [{"label": "plinth.stack", "value": "ci"}],
        "name": "plinth-ci-data",
    }
    return DeclaredVolume("data-volume", parse(VolumeInputs, inputs))


def test_a_container_that_is_missing_is_made_again(
    declared: DeclaredContainer, fingerprints: Fingerprints
) -> None:
    assert comparison.container(declared, None, None, fingerprints) == [
        Finding("rest", "container", "plinth-ci-rest", "absent", Remedy.REPLACE)
    ]


def test_a_container_that_somebody_made_again_is_told(
    declared: DeclaredContainer,
    inspected: Inspection,
    image: Inspection,
    fingerprints: Fingerprints,
) -> None:
    inspected["NetworkSettings"]["Networks"]["plinth-ci-backend"]["Aliases"] = ["rest", OTHER[:12]]
    findings = comparison.container(declared, {**inspected, "Id": OTHER}, image, fingerprints)
    assert whats(findings) == ["identity"]


def test_another_image_under_the_same_name_is_told(
    declared: DeclaredContainer,
    inspected: Inspection,
    image: Inspection,
    fingerprints: Fingerprints,
) -> None:
    inspected["Image"] = "sha256:another"
    assert whats(comparison.container(declared, inspected, image, fingerprints)) == ["image id"]


@pytest.mark.parametrize("state", STATES)
def test_a_server_that_does_not_serve_is_told(
    declared: DeclaredContainer,
    inspected: Inspection,
    image: Inspection,
    fingerprints: Fingerprints,
    state: str,
) -> None:
    inspected["State"] = STATES[state]
    findings = comparison.container(declared, inspected, image, fingerprints)
    assert [(each.what, each.found) for each in findings] == [("state", state)]


def test_a_file_as_declared_is_no_change(
    carrier: DeclaredContainer, fingerprints: Fingerprints
) -> None:
    held = {FILE: HeldFile(0o440, "0:0", b"a 1\n")}
    assert comparison.files(carrier, held, fingerprints) == []


@pytest.mark.parametrize(
    "held",
    [
        {FILE: HeldFile(0o440, "0:0", b"a 2\n")},
        {FILE: HeldFile(0o666, "0:0", b"a 1\n")},
        {FILE: HeldFile(0o440, "1000:0", b"a 1\n")},
        {},
    ],
    ids=["content", "mode", "owner", "missing"],
)
def test_a_file_that_was_changed_is_told(
    carrier: DeclaredContainer, fingerprints: Fingerprints, held: dict[str, HeldFile]
) -> None:
    assert whats(comparison.files(carrier, held, fingerprints)) == [f"file {FILE}"]


def test_a_file_that_nobody_declared_is_told(
    carrier: DeclaredContainer, fingerprints: Fingerprints
) -> None:
    held = {
        FILE: HeldFile(0o440, "0:0", b"a 1\n"),
        "/run/plinth/files/sub/added": HeldFile(0o440, "0:0", b""),
    }
    findings = comparison.files(carrier, held, fingerprints)
    assert whats(findings) == ["file /run/plinth/files/sub/added"]


def test_an_archive_is_read_by_full_paths() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("files/redis.conf")
        member.size, member.mode = 4, 0o440
        archive.addfile(member, io.BytesIO(b"a 1\n"))
    held = unpacked([buffer.getvalue()], "/run/plinth/files")
    assert held == {FILE: HeldFile(0o440, "0:0", b"a 1\n")}


def test_a_network_as_declared_is_no_change(
    network: DeclaredNetwork, inspected_network: Inspection
) -> None:
    assert comparison.network(network, inspected_network, [OTHER]) == []


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("Id", OTHER, "identity"),
        ("Internal", False, "internal"),
        ("Driver", "macvlan", "driver"),
        ("Attachable", True, "attachable"),
        ("EnableIPv6", True, "IPv6"),
        ("Labels", {}, "label plinth.stack"),
    ],
)
def test_a_network_that_was_changed_is_told(
    network: DeclaredNetwork, inspected_network: Inspection, key: str, value: object, what: str
) -> None:
    findings = comparison.network(network, {**inspected_network, key: value}, [OTHER])
    assert whats(findings) == [what]


def test_a_container_of_somebody_else_on_a_network_is_disconnected(
    network: DeclaredNetwork, inspected_network: Inspection
) -> None:
    assert comparison.network(network, inspected_network, []) == [
        Finding(
            "data-network",
            "container plinth-ci-redis",
            "absent",
            "on this network",
            Remedy.DETACH,
            f"{IDENTIFIER} {OTHER}",
        )
    ]


def test_a_volume_of_files_is_made_anew(volume: DeclaredVolume) -> None:
    inspected = {"Driver": "local", "Options": None, "Labels": None}
    findings = comparison.volume(volume, inspected, holds_files=True)
    assert [each.remedy for each in findings] == [Remedy.REFILL]


def test_a_volume_of_data_is_kept(volume: DeclaredVolume) -> None:
    inspected = {"Driver": "local", "Options": None, "Labels": None}
    findings = comparison.volume(volume, inspected, holds_files=False)
    assert [each.remedy for each in findings] == [Remedy.BY_HAND]


def test_a_data_volume_that_is_missing_is_told(volume: DeclaredVolume) -> None:
    assert whats(comparison.volume(volume, None, holds_files=False)) == ["volume"]


def test_a_tag_that_was_given_to_another_image_is_given_back(image: Inspection) -> None:
    declared = DeclaredImage("rest-image", "plinth/rest:1", image["Id"])
    findings = comparison.image(declared, {"Id": f"sha256:{OTHER}"}, image)
    assert [(each.what, each.remedy, each.target) for each in findings] == [
        ("tag plinth/rest:1", Remedy.TAG, f"{image['Id']} plinth/rest:1")
    ]


def test_what_only_carries_the_label_is_a_stray() -> None:
    found = {"1": "plinth-ci-rest", "2": "plinth-ci-another"}
    strays = comparison.strays("container", found, ["1"], Remedy.REMOVE_CONTAINER)
    assert whats(list(strays)) == ["plinth-ci-another"]
