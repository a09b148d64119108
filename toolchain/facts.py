"""What the machine is and has, gathered once; `doctor` judges it and others ask it."""

from __future__ import annotations

import concurrent.futures
import functools
import grp
import os
import platform
import re
import shutil
import socket
import ssl
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain import paths
from toolchain.processes import capture

if TYPE_CHECKING:
    from collections.abc import Mapping

Version = tuple[int, ...]

MINIMUM_PYTHON: Version = (3, 11)
MINIMUM_PULUMI: Version = (3, 259)
MINIMUM_GO: Version = (1, 26)
CONNECT_SECONDS = 5.0
RELEASES_URL = "https://get.pulumi.com/releases/sdk/"


@dataclass(frozen=True)
class BusyPort:
    """A port that is taken, and the container that publishes it; empty for another program."""

    number: int
    container: str = ""

    def __str__(self) -> str:
        return f"{self.number} ({self.container})" if self.container else f"{self.number}"


@dataclass(frozen=True)
class Facts:
    """The machine as the toolchain sees it.

    Sizes are in bytes; a version is a tuple of numbers, or None where the program is missing;
    `reaches_*` is None where it was not tried.
    """

    python: Version
    has_venv_module: bool
    is_root: bool
    architecture: str
    make: str | None
    free_disk: int
    memory: int
    docker_client: str | None
    engine: str | None
    engine_problem: str
    can_install_packages: bool
    in_docker_group: bool
    debootstrap: str | None
    base_image_present: bool
    pulumi: Version | None
    pulumi_prepared: bool
    go: Version | None
    reaches_pypi: bool | None
    reaches_releases: bool | None
    busy_ports: tuple[BusyPort, ...] = ()


def parse_version(text: str) -> Version | None:
    """The first dotted number in a text, as `pulumi version` or `go version` print it.

    >>> parse_version("go version go1.26.8 linux/amd64")
    (1, 26, 8)
    """
    found = re.search(r"(\d+(?:\.\d+)+)", text)
    return tuple(int(part) for part in found[1].split(".")) if found else None


def dotted(version: Version) -> str:
    """A version as it is written: `3.259.0`."""
    return ".".join(str(part) for part in version)


def program_version(program: str | Path, *arguments: str) -> Version | None:
    """What a program says its version is, or None where it does not run."""
    completed = capture([program, *arguments], timeout_seconds=20)
    return parse_version(completed.stdout) if completed.returncode == 0 else None


def distribution_ids(os_release: str) -> tuple[str, ...]:
    """ID and ID_LIKE of an /etc/os-release file, in that order.

    Source: os-release(5).
    """
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    named = (fields.get("ID", ""), *fields.get("ID_LIKE", "").strip("\"'").split())
    return tuple(name.strip("\"'") for name in named if name)


@functools.cache
def is_debian_family() -> bool:
    """Whether packages are installed with apt-get: Debian, Ubuntu and what derives from them."""
    release = Path("/etc/os-release")
    if not release.exists() or shutil.which("apt-get") is None:
        return False
    return bool({"debian", "ubuntu"} & set(distribution_ids(release.read_text(encoding="utf-8"))))


@functools.cache
def reaches_package_index() -> bool:
    """Whether pip gets an answer from the index that it is set up for."""
    options = ["--disable-pip-version-check", "--retries=0", f"--timeout={CONNECT_SECONDS}"]
    return (
        capture([sys.executable, "-m", "pip", "index", "versions", "pip", *options]).returncode == 0
    )


def reaches(url: str) -> bool:
    """Whether an HTTPS server answers within five seconds, asked once per run.

    Any HTTP status counts as an answer. A resolver that hangs is given up on as well, which a
    socket timeout alone would not do.
    """

    def answers() -> bool:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - https addresses above
        try:
            urllib.request.urlopen(  # noqa: S310 - https addresses above
                request, timeout=CONNECT_SECONDS, context=ssl.create_default_context()
            ).close()
        except urllib.error.HTTPError:
            return True
        except (OSError, ValueError):
            return False
        return True

    pool = concurrent.futures.ThreadPoolExecutor(max_workers=1)
    try:
        return pool.submit(answers).result(timeout=CONNECT_SECONDS)
    except concurrent.futures.TimeoutError:
        return False
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def port_is_busy(port: int) -> bool:
    """Whether something listens on this port of the loopback address or of every address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _publisher(port: int) -> str:
    """The container that publishes a port of the host, or an empty text."""
    listed = capture(["docker", "ps", "--filter", f"publish={port}", "--format", "{{.Names}}"])
    return listed.stdout.strip() if listed.returncode == 0 else ""


def memory_bytes() -> int:
    """The machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _has_venv_module() -> bool:
    # Debian splits ensurepip off into python3-venv; `import venv` alone works without it.
    return capture([sys.executable, "-c", "import venv, ensurepip"]).returncode == 0


def _in_docker_group() -> bool:
    try:
        return grp.getgrnam("docker").gr_gid in os.getgroups()
    except KeyError:
        return False


def _image_is_present(tag_prefix: str) -> bool:
    listed = capture(["docker", "image", "ls", "--quiet", f"{tag_prefix}"])
    return listed.returncode == 0 and bool(listed.stdout.strip())


def gather(
    engine: str | None,
    engine_problem: str,
    ports: tuple[int, ...],
    environment: Mapping[str, str],
    *,
    probe_network: bool,
) -> Facts:
    """Look at everything. Asking the network takes seconds where it does not answer."""
    pulumi = shutil.which("pulumi", path=environment.get("PATH"))
    go = shutil.which("go", path=environment.get("PATH"))
    return Facts(
        python=tuple(sys.version_info[:3]),
        has_venv_module=_has_venv_module(),
        is_root=os.geteuid() == 0,
        architecture=platform.machine(),
        make=shutil.which("make"),
        free_disk=shutil.disk_usage(paths.REPOSITORY).free,
        memory=memory_bytes(),
        docker_client=shutil.which("docker"),
        engine=engine,
        engine_problem=engine_problem,
        can_install_packages=os.geteuid() == 0 and is_debian_family(),
        in_docker_group=_in_docker_group(),
        debootstrap=shutil.which("debootstrap"),
        base_image_present=engine is not None and _image_is_present("plinth/base"),
        pulumi=program_version(pulumi, "version") if pulumi else None,
        pulumi_prepared=(paths.BINARIES / "pulumi").exists(),
        go=program_version(go, "version") if go else None,
        reaches_pypi=reaches_package_index() if probe_network else None,
        reaches_releases=reaches(RELEASES_URL) if probe_network else None,
        busy_ports=tuple(BusyPort(port, _publisher(port)) for port in ports if port_is_busy(port)),
    )
