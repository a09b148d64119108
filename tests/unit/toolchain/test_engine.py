"""How an engine is started, and what a crashed one leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolchain import engine

if TYPE_CHECKING:
    from pathlib import Path

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
"""


def test_the_mtu_is_that_of_the_default_route() -> None:
    assert engine.default_route_mtu(ROUTES, {"docker0": 1300, "eth0": 1400}) == 1400


@pytest.mark.parametrize("routes", ["", ROUTES.splitlines()[0], "\n".join(ROUTES.splitlines()[:2])])
def test_without_a_default_route_the_mtu_is_1500(routes: str) -> None:
    assert engine.default_route_mtu(routes, {"docker0": 1300}) == 1500


@pytest.mark.parametrize(
    ("mtu", "expected"),
    [
        (1400, ("dockerd", "--mtu", "1400")),
        (1500, ("dockerd",)),
        (9000, ("dockerd",)),
    ],
)
def test_only_a_smaller_mtu_is_handed_on(mtu: int, expected: tuple[str, ...]) -> None:
    assert engine.engine_arguments(mtu) == expected


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    containerd = folder / "docker" / "containerd"
    containerd.mkdir(parents=True)
    (folder / "docker.pid").write_text("10", encoding="ascii")
    (containerd / "containerd.pid").write_text("20", encoding="ascii")
    (containerd / "containerd.sock").touch()
    return folder


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    folder = tmp_path / "proc"
    for pid, name in ((10, "dockerd"), (20, "containerd"), (30, "bash")):
        (folder / str(pid)).mkdir(parents=True)
        (folder / str(pid) / "stat").write_text(f"{pid} ({name}) S 1 1", encoding="ascii")
    return folder


def test_a_running_engines_files_are_kept(run: Path, proc: Path) -> None:
    assert engine.stale_files(run, proc) == []


def test_a_crashed_engines_files_are_stale(run: Path, tmp_path: Path) -> None:
    names = [path.name for path in engine.stale_files(run, tmp_path / "nothing")]
    assert names == ["docker.pid", "containerd.pid", "containerd.sock"]


def test_a_process_id_that_another_program_got_is_stale(run: Path, proc: Path) -> None:
    (run / "docker.pid").write_text("30", encoding="ascii")
    assert engine.stale_files(run, proc) == [run / "docker.pid"]


def test_a_damaged_process_id_file_is_stale(run: Path, proc: Path) -> None:
    (run / "docker.pid").write_text("", encoding="ascii")
    assert engine.stale_files(run, proc) == [run / "docker.pid"]
