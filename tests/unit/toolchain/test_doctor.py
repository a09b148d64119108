"""What the doctor says about machines that lack something."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest

from toolchain import doctor
from toolchain.console import Console
from toolchain.doctor import Verdict
from toolchain.errors import ToolchainError
from toolchain.facts import BusyPort, Facts

READY = Facts(
    python=(3, 13, 1),
    has_venv_module=True,
    is_root=False,
    architecture="x86_64",
    make="/usr/bin/make",
    free_disk=50 << 30,
    memory=8 << 30,
    docker_client="/usr/bin/docker",
    engine="28.5.0",
    engine_problem="",
    can_install_packages=False,
    in_docker_group=True,
    debootstrap="/usr/sbin/debootstrap",
    base_image_present=True,
    pulumi=(3, 272, 0),
    pulumi_prepared=False,
    go=(1, 26, 0),
    reaches_pypi=True,
    reaches_releases=True,
)
NO_ENGINE: dict[str, Any] = {"engine": None, "docker_client": None, "in_docker_group": False}
NO_CLI: dict[str, Any] = {"pulumi": None, "reaches_releases": False}


def finding(subject: str, **changes: Any) -> doctor.Finding:
    found = doctor.findings(replace(READY, **changes))
    return next(each for each in found if each.subject == subject)


def test_a_ready_machine_has_nothing_to_mend() -> None:
    assert {each.verdict for each in doctor.findings(READY)} == {Verdict.FINE}


@pytest.mark.parametrize(
    ("subject", "changes", "mend"),
    [
        ("Python", {"python": (3, 10, 2)}, "newer Python"),
        ("Python", {"has_venv_module": False}, "apt-get install python3-venv"),
        ("make", {"make": None}, "apt-get install make"),
        ("Docker engine", NO_ENGINE, "Install Docker"),
        ("Docker engine", {"engine": None}, "systemctl start docker"),
        (
            "Docker engine",
            {"engine": None, "engine_problem": "permission denied while trying to connect"},
            "usermod -aG docker",
        ),
        ("Disk", {"free_disk": 4 << 30}, "docker system prune"),
        ("Pulumi CLI", {**NO_CLI, "go": None, "reaches_pypi": False}, "Install Pulumi"),
        ("debootstrap", {"debootstrap": None, "base_image_present": False}, "apt-get install"),
        ("Ports", {"busy_ports": (BusyPort(8000),)}, "another port in Pulumi.<stack>.yaml"),
    ],
)
def test_what_is_missing_comes_with_its_mend(
    subject: str, changes: dict[str, Any], mend: str
) -> None:
    found = finding(subject, **changes)
    assert (found.verdict, mend in found.mend) == (Verdict.MISSING, True)


@pytest.mark.parametrize(
    ("subject", "changes", "mend"),
    [
        ("Docker engine", {**NO_ENGINE, "can_install_packages": True}, "`make up` installs"),
        ("Python", {"has_venv_module": False, "can_install_packages": True}, "`make up` installs"),
        ("Pulumi CLI", {"pulumi": None}, "downloads it"),
        ("Pulumi CLI", {"pulumi": (3, 100, 0)}, "downloads it"),
        ("Pulumi CLI", NO_CLI, "builds it"),
        ("Pulumi CLI", {**NO_CLI, "go": (1, 22)}, "takes Go from PyPI"),
        ("Package index", {"reaches_pypi": False}, "PIP_INDEX_URL"),
        ("Memory", {"memory": 1 << 30}, "more memory"),
        (
            "debootstrap",
            {"debootstrap": None, "base_image_present": False, "can_install_packages": True},
            "`make up` installs",
        ),
    ],
)
def test_what_make_up_copes_with_is_a_note(
    subject: str, changes: dict[str, Any], mend: str
) -> None:
    found = finding(subject, **changes)
    assert (found.verdict, mend in found.mend) == (Verdict.NOTE, True)


def test_a_prepared_cli_needs_no_network() -> None:
    assert finding("Pulumi CLI", **NO_CLI, pulumi_prepared=True).verdict is Verdict.FINE


def test_a_built_base_image_needs_no_debootstrap() -> None:
    assert finding("debootstrap", debootstrap=None).verdict is Verdict.FINE


def test_registry_images_need_no_debootstrap() -> None:
    found = doctor.findings(replace(READY, debootstrap=None), builds_images=False)
    assert "debootstrap" not in {each.subject for each in found}


def test_the_report_names_everything_that_is_missing() -> None:
    found = doctor.findings(replace(READY, make=None, free_disk=1 << 30))
    with pytest.raises(ToolchainError, match="make, Disk"):
        doctor.report(Console(io.StringIO(), {}), found)


def test_the_report_keeps_within_80_columns() -> None:
    stream = io.StringIO()
    bare = replace(
        READY, **NO_ENGINE, **NO_CLI, go=None, reaches_pypi=False, debootstrap=None, make=None
    )
    with pytest.raises(ToolchainError):
        doctor.report(Console(stream, {}), doctor.findings(bare))
    assert max(len(line) for line in stream.getvalue().splitlines()) <= 80


def test_make_up_stops_at_the_first_thing_it_cannot_mend() -> None:
    with pytest.raises(ToolchainError, match=r"^Disk: 1 GiB free"):
        doctor.require(
            doctor.findings(replace(READY, free_disk=1 << 30, busy_ports=(BusyPort(8000),)))
        )


def test_a_port_of_another_stack_is_named_with_its_container() -> None:
    busy = (BusyPort(8000, "plinth-prod-gateway"), BusyPort(8025))
    assert finding("Ports", busy_ports=busy).found == "8000 (plinth-prod-gateway), 8025 in use"
