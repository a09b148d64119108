"""A Docker engine that answers: the one in reach, or, as root on Debian or Ubuntu, a new one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain import facts, paths
from toolchain.errors import ToolchainError
from toolchain.processes import capture, last_lines, run_quietly

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolchain.console import Console, Step

START_SECONDS = 90
ENGINE_LOG = Path("/var/log/plinth-dockerd.log")
RUN_DIRECTORY = Path("/var/run")
PACKAGES = ("docker.io", "debootstrap", "iptables", "ca-certificates")
STANDARD_MTU = 1500
INSTALL_DOCS = "https://docs.docker.com/engine/install/"


def version() -> str | None:
    """The version of the engine that answers the docker client, or None."""
    completed = capture(
        ["docker", "version", "--format", "{{.Server.Version}}"], timeout_seconds=15
    )
    return completed.stdout.strip() or None if completed.returncode == 0 else None


def problem() -> str:
    """Why no engine answers, in the docker client's own words; empty where there is no client."""
    completed = capture(
        ["docker", "version", "--format", "{{.Server.Version}}"], timeout_seconds=15
    )
    if completed.returncode in {0, 127}:
        return ""
    lines = last_lines(completed.stderr, 1)
    return lines[0] if lines else ""


def adopt_context() -> None:
    """Set DOCKER_HOST to the endpoint of the docker client's current context.

    The client knows contexts (Docker Desktop, Colima, rootless); the SDK behind the provider reads
    DOCKER_HOST alone.
    """
    if os.environ.get("DOCKER_HOST") or shutil.which("docker") is None:
        return
    shown = capture(["docker", "context", "inspect", "--format", "{{json .Endpoints.docker.Host}}"])
    if shown.returncode == 0 and shown.stdout.strip():
        host = json.loads(shown.stdout)
        if host and host != "unix:///var/run/docker.sock":
            os.environ["DOCKER_HOST"] = host


def mend_for(machine: facts.Facts) -> str:
    """One sentence: how this user gets an engine on this machine."""
    if "permission denied" in machine.engine_problem.lower():
        return "Join the docker group and log in again: sudo usermod -aG docker $USER"
    if os.environ.get("DOCKER_HOST"):
        return "Start the engine that docker:host (or DOCKER_HOST) names, or take that setting out."
    if machine.can_install_packages:
        return "`make up` installs and starts one."
    if machine.docker_client:
        return "Start it (sudo systemctl start docker), or run `sudo make up` once."
    return f"Install Docker ({INSTALL_DOCS}), or run make as root on Debian or Ubuntu."


def default_route_mtu(route_table: str, interface_mtu: dict[str, int]) -> int:
    """The MTU of the interface that carries the default route; 1500 where there is none.

    Args:
        route_table: the text of /proc/net/route (destination and mask as hexadecimal).
        interface_mtu: bytes per packet by interface.
    """
    header, *routes = [line.split() for line in route_table.splitlines()] or [[]]
    for route in (dict(zip(header, fields, strict=False)) for fields in routes):
        if route.get("Destination") == route.get("Mask") == "00000000":
            return interface_mtu.get(route["Iface"], STANDARD_MTU)
    return STANDARD_MTU


def engine_arguments(mtu: int) -> tuple[str, ...]:
    """How dockerd is started: with a smaller MTU where the way out does not carry 1500 bytes."""
    return ("dockerd", "--mtu", str(mtu)) if mtu < STANDARD_MTU else ("dockerd",)


def _machine_mtu() -> int:
    routes = Path("/proc/net/route")
    if not routes.exists():
        return STANDARD_MTU
    sizes = {
        entry.name: int((entry / "mtu").read_text(encoding="ascii"))
        for entry in Path("/sys/class/net").iterdir()
        if (entry / "mtu").exists()
    }
    return default_route_mtu(routes.read_text(encoding="ascii"), sizes)


def process_name(pid: int, proc: Path = Path("/proc")) -> str | None:
    """The command name of a running process, or None where it has ended.

    A process that has ended keeps its entry, in state Z, until its parent has asked for its exit
    code: for ever, in a container whose first process asks nobody. Source: proc(5), `stat`.
    """
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    return None if rest.split()[0] in {"Z", "X"} else name


def stale_files(run: Path, proc: Path = Path("/proc")) -> list[Path]:
    """Process id files (and sockets) that a crashed engine left behind.

    A new engine refuses to start while the id in such a file belongs to any running process, and
    after a crash the kernel soon gives that id to another program.
    """
    stale: list[Path] = []
    containerd = run / "docker" / "containerd"
    for name, pid_file, sockets in (
        ("dockerd", run / "docker.pid", ()),
        ("containerd", containerd / "containerd.pid", (containerd / "containerd.sock",)),
    ):
        try:
            text = pid_file.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if not text.isdigit() or process_name(int(text), proc) != name:
            stale += [path for path in (pid_file, *sockets) if path.exists()]
    return stale


def _daemon_is_running(proc: Path = Path("/proc")) -> bool:
    processes = (int(entry.name) for entry in proc.iterdir() if entry.name.isdigit())
    return any(process_name(pid, proc) == "dockerd" for pid in processes)


def _systemd_is_in_charge() -> bool:
    return Path("/run/systemd/system").is_dir()


def _install(step: Step, names: Iterable[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    log = paths.LOGS / "apt-get.log"
    step.note("reading the package lists")
    run_quietly(
        ["apt-get", "-o", "DPkg::Lock::Timeout=120", "update"],
        log=log,
        failure=ToolchainError(
            "apt-get update failed", "Mend the package sources (/etc/apt), then run this again."
        ),
        environment=environment,
    )
    wanted = list(names)
    if "docker.io" in wanted and capture(["apt-cache", "show", "docker-cli"]).returncode == 0:
        wanted.append("docker-cli")  # newer Debian releases ship the client on its own
    step.note(f"installing {', '.join(wanted)}")
    run_quietly(
        [
            "apt-get",
            "-o",
            "DPkg::Lock::Timeout=120",
            "install",
            "-y",
            "--no-install-recommends",
            *wanted,
        ],
        log=log,
        failure=ToolchainError(
            f"apt-get install of {' '.join(wanted)} failed",
            f"See {log.relative_to(paths.REPOSITORY)}, then run this again.",
        ),
        environment=environment,
    )


def _start(step: Step) -> None:
    step.note("starting")
    if _systemd_is_in_charge():
        run_quietly(
            ["systemctl", "start", "docker"],
            log=paths.LOGS / "systemctl.log",
            failure=ToolchainError(
                "systemd could not start the Docker engine",
                "See `journalctl -u docker`, mend it, then run this again.",
            ),
        )
        return
    if _daemon_is_running():
        return
    for path in stale_files(RUN_DIRECTORY):
        path.unlink()
    with ENGINE_LOG.open("ab") as log:
        # A session of its own: Ctrl-C in this terminal, or its end, must not stop the engine.
        subprocess.Popen(
            engine_arguments(_machine_mtu()),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )


def _wait(step: Step) -> str:
    step.note("waiting for its answer")
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = version()
        if found:
            return found
        if not _systemd_is_in_charge() and not _daemon_is_running():
            break
        time.sleep(0.5)
    evidence: tuple[str, ...] = ()
    if ENGINE_LOG.exists():
        evidence = last_lines(ENGINE_LOG.read_text(encoding="utf-8", errors="replace"))
    where = "journalctl -u docker" if _systemd_is_in_charge() else str(ENGINE_LOG)
    raise ToolchainError(
        "the Docker engine was started but does not answer",
        f"Its log says why: {where}",
        evidence=evidence,
    )


def prepare(console: Console) -> None:
    """Make sure that an engine answers; install and start one where this user may.

    Raises:
        ToolchainError: none answers and none can be started here.
    """
    with console.step("Docker engine") as step:
        adopt_context()
        found = version()
        if found:
            step.note(f"{found}, running")
            return
        reason = problem()
        may_start = os.geteuid() == 0 and not os.environ.get("DOCKER_HOST")
        if may_start and shutil.which("dockerd") and shutil.which("docker"):
            _start(step)
            step.note(f"{_wait(step)}, started")
            return
        if may_start and facts.is_debian_family():
            _install(step, PACKAGES)
            _start(step)
            step.note(f"{_wait(step)}, installed and started")
            return
        machine = facts.gather(None, reason, (), os.environ, probe_network=False)
        raise ToolchainError("no Docker engine answers", mend_for(machine))


def prepare_debootstrap(step: Step) -> None:
    """Make sure that debootstrap is there: the base image is built with it.

    Raises:
        ToolchainError: it is missing and cannot be installed here.
    """
    if shutil.which("debootstrap"):
        return
    if not (os.geteuid() == 0 and facts.is_debian_family()):
        raise ToolchainError(
            "debootstrap is missing, which builds the base image",
            "Install it as root: apt-get install debootstrap",
        )
    _install(step, ("debootstrap",))
