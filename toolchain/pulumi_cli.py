"""The Pulumi CLI and its plugins: the official ones where they can be had, else the stand-ins.

In order: what is on PATH; what an earlier run downloaded or built; the official download; a CLI
built from its Go module (`airgap/cli`) with the plugins of `airgap/`. The stand-in language host is
a launcher beside the CLI in `.plinth/bin`; the stand-in providers are launchers in the plugin cache
of this checkout's own Pulumi home, where the CLI takes them without a warning about PATH.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import shutil
import tarfile
import tempfile
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from airgap.cli import build as cli_build
from toolchain import facts, go, paths
from toolchain.errors import ToolchainError
from toolchain.processes import capture, last_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolchain.console import Console, Step

VERSION = "3.259.0"
ARCHIVE_URL = "https://get.pulumi.com/releases/sdk/"
CHECKSUMS_URL = f"https://github.com/pulumi/pulumi/releases/download/v{VERSION}/"
DOWNLOAD_SECONDS = 60
PROVIDERS = ("docker", "random")
LANGUAGE_PLUGIN = "pulumi-language-python"
LANGUAGE_MODULE = "airgap.language_host"
LAUNCHER = """\
#!/bin/sh
# Starts a stand-in plugin of this checkout; written by `make`.
export PYTHONPATH={root}"${{PYTHONPATH:+:$PYTHONPATH}}"
exec {python} -m {module} "$@"
"""


@dataclass(frozen=True)
class Cli:
    """A Pulumi CLI that is ready to run.

    Attributes:
        program: where the executable is from.
        version: for example `3.259.0`.
        origin: where it is from, for the user: `on PATH`, `official download`, `built here`.
        has_language_stand_in: whether `airgap/` serves the Python language host.
        has_provider_stand_ins: whether `airgap/` serves the docker and random providers.
    """

    program: Path
    version: str
    origin: str
    has_language_stand_in: bool = False
    has_provider_stand_ins: bool = False

    @property
    def executable(self) -> Path:
        """What to start: the entry in `.plinth/bin`, beside which it finds a stand-in host."""
        return paths.BINARIES / "pulumi"

    def describe(self) -> str:
        """One phrase: version, origin and which plugins run."""
        plugins = {
            (False, False): "official plugins",
            (False, True): "stand-in providers",
            (True, False): "stand-in language host",
            (True, True): "stand-in plugins",
        }[self.has_language_stand_in, self.has_provider_stand_ins]
        return f"{self.version} {self.origin}, {plugins}"

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The variables under which this CLI and its plugins run."""
        found = dict(base)
        # The official language plugin lies beside the official CLI.
        folders = [str(paths.BINARIES)]
        if not self.has_language_stand_in:
            folders.append(str(self.program.parent))
        rest = [part for part in base.get("PATH", "").split(os.pathsep) if part not in folders]
        found["PATH"] = os.pathsep.join([*folders, *rest])
        found["PULUMI_SKIP_UPDATE_CHECK"] = "1"
        if self.has_provider_stand_ins:
            home = user_home(base)
            found["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
            found["PULUMI_HOME"] = str(paths.PULUMI_HOME)
            found.setdefault("PULUMI_CREDENTIALS_PATH", str(home))
        return found


def user_home(environment: Mapping[str, str]) -> Path:
    """The user's own Pulumi home: `$PULUMI_HOME`, else ~/.pulumi; never this checkout's."""
    home = environment.get("PULUMI_HOME")
    return Path(home) if home and home != str(paths.PULUMI_HOME) else Path.home() / ".pulumi"


def search_path(path: str) -> str:
    """PATH without the launchers of this checkout, which `make` itself put there."""
    own = str(paths.BINARIES)
    return os.pathsep.join(part for part in path.split(os.pathsep) if part != own)


def on_path(path: str) -> Cli | None:
    """The CLI on PATH, when it is new enough and has its Python language plugin."""
    program = shutil.which("pulumi", path=path)
    if program is None or shutil.which("pulumi-language-python", path=path) is None:
        return None
    version = facts.program_version(program, "version")
    if version is None or version < facts.MINIMUM_PULUMI:
        return None
    return Cli(Path(program), facts.dotted(version), "on PATH")


def archive_name(system: str, machine: str) -> str | None:
    """The official archive for a kind of machine, or None where there is none."""
    systems = {"Linux": "linux", "Darwin": "darwin"}
    machines = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
    if system not in systems or machine not in machines:
        return None
    return f"pulumi-v{VERSION}-{systems[system]}-{machines[machine]}.tar.gz"


def published_digest(checksums: str, archive: str) -> str:
    """The SHA-256 of an archive in a published checksums file (`<digest>  <name>` per line).

    Raises:
        ToolchainError: the file does not name the archive.
    """
    for line in checksums.splitlines():
        fields = line.split()
        if fields[1:] and fields[1].lstrip("*") == archive:
            return fields[0].lower()
    raise ToolchainError(
        f"the published checksums do not name {archive}",
        "Install the Pulumi CLI by hand (https://www.pulumi.com/docs/install) and run this again.",
    )


def verify(archive: Path, digest: str) -> None:
    """Check a download against its published digest.

    Raises:
        ToolchainError: they differ.
    """
    with archive.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != digest:
        raise ToolchainError(
            f"{archive.name} does not match its published checksum",
            "Something changed it on the way: check your proxy, then run this again.",
        )


def download_folder() -> Path:
    """Where the official download of this version is unpacked."""
    return paths.cache_root() / "pulumi" / f"v{VERSION}"


def downloaded() -> Cli | None:
    """The official CLI that an earlier run downloaded."""
    program = download_folder() / "pulumi" / "pulumi"
    return Cli(program, VERSION, "official download") if program.exists() else None


def _fetch(url: str, destination: Path, on_progress: Callable[[str], None]) -> None:
    with (
        urllib.request.urlopen(url, timeout=DOWNLOAD_SECONDS) as answer,  # noqa: S310 - https addresses above
        destination.open("wb") as output,
    ):
        total = int(answer.headers.get("Content-Length") or 0)
        done = 0
        while block := answer.read(1 << 20):
            output.write(block)
            done += len(block)
            share = f" of {total >> 20}" if total else ""
            on_progress(f"downloading, {done >> 20}{share} MB")


def download(
    step: Step, archive_url: str = ARCHIVE_URL, checksums_url: str = CHECKSUMS_URL
) -> Cli | None:
    """Download the official CLI, verified against its published checksum.

    Returns:
        None where there is no archive for this machine or the download servers do not answer.

    Raises:
        ToolchainError: the download does not match its checksum.
    """
    archive = archive_name(platform.system(), platform.machine())
    if archive is None:
        return None
    step.note("asking for the official download")
    if not (facts.reaches(archive_url) and facts.reaches(checksums_url)):
        return None
    folder = download_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=folder.parent) as scratch:
        packed, checksums = Path(scratch, archive), Path(scratch, "checksums.txt")
        try:
            _fetch(checksums_url + f"pulumi-{VERSION}-checksums.txt", checksums, step.note)
            _fetch(archive_url + archive, packed, step.note)
        except (OSError, ValueError):
            return None  # half a network is no network: the CLI is built instead
        verify(packed, published_digest(checksums.read_text(encoding="utf-8"), archive))
        unpacked = Path(scratch, "unpacked")
        with tarfile.open(packed) as tar:
            tar.extractall(unpacked, filter="data")
        if not folder.exists():
            unpacked.rename(folder)
    return downloaded()


def _built(program: Path) -> Cli:
    return Cli(
        program,
        VERSION,
        "built from Go modules",
        has_language_stand_in=True,
        has_provider_stand_ins=True,
    )


def built() -> Cli | None:
    """The CLI that an earlier run built from the same sources."""
    program = paths.cache_root() / "pulumi" / cli_build.source_digest() / "pulumi"
    return _built(program) if program.exists() else None


def build(step: Step) -> Cli:
    """Build the CLI from its Go modules into the cache.

    Raises:
        ToolchainError: no Go, or the build failed.
    """
    compiler = go.prepare(step)
    step.note("building it from Go modules (4 minutes)")
    try:
        return _built(cli_build.cached(compiler, paths.cache_root() / "pulumi"))
    except (OSError, cli_build.BuildError) as error:
        raise ToolchainError(
            "the Pulumi CLI could not be built from its Go modules",
            "Check that the Go module proxy answers (go env GOPROXY), then run this again.",
            evidence=last_lines(str(error)),
        ) from error


def required_versions(lock: str) -> dict[str, str]:
    """The versions of the provider plugins: those of their Python packages in the lock file."""
    return {
        provider: found[1]
        for provider in PROVIDERS
        if (found := re.search(rf"^pulumi-{provider}==([^\s;\\]+)", lock, re.MULTILINE))
    }


def _has_provider(cli: Cli, provider: str, version: str, step: Step) -> bool:
    path = search_path(os.environ.get("PATH", ""))
    if shutil.which(f"pulumi-resource-{provider}", path=path):
        return True
    if (user_home(os.environ) / "plugins" / f"resource-{provider}-v{version}").is_dir():
        return True
    if cli.origin != "official download" and not facts.reaches(ARCHIVE_URL):
        return False
    step.note(f"installing the {provider} plugin {version}")
    installed = capture(
        [cli.program, "plugin", "install", "resource", provider, version],
        environment={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1"},
        timeout_seconds=300,
    )
    return installed.returncode == 0


def _write(launcher: Path, module: str) -> None:
    text = LAUNCHER.format(
        root=shlex.quote(str(paths.REPOSITORY)),
        python=shlex.quote(str(paths.PYTHON)),
        module=module,
    )
    if launcher.exists() and launcher.read_text(encoding="utf-8") == text:
        return
    paths.make_private(launcher.parent)
    temporary = launcher.with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(0o755)
    temporary.replace(launcher)


def _keep_no_automatic_log() -> None:
    """Keep Pulumi from writing down everything that it does, below `PULUMI_HOME/logs`.

    It has no setting for that (3.259; `pkg/logging`), and the writing takes two fifths of its own
    processor time. Until it knows how to encrypt it writes in clear, where `make scan` does not
    look. It goes on without a log where it cannot make the folder: a file takes its place.
    """
    logs = paths.make_private(paths.PULUMI_HOME) / "logs"
    if logs.is_dir():
        shutil.rmtree(logs)
    logs.touch()


def place(cli: Cli, versions: Mapping[str, str]) -> None:
    """Put the CLI into `.plinth/bin` and the stand-in plugins where it looks for them."""
    paths.make_private(paths.BINARIES)
    language = paths.BINARIES / LANGUAGE_PLUGIN
    if cli.has_language_stand_in:
        _write(language, LANGUAGE_MODULE)
    else:
        language.unlink(missing_ok=True)
    if cli.has_provider_stand_ins:
        for name, version in versions.items():
            folder = paths.PULUMI_HOME / "plugins" / f"resource-{name}-v{version}"
            _write(folder / f"pulumi-resource-{name}", f"airgap.{name}_provider")
        _keep_no_automatic_log()
    # A link by name would make the CLI look for its language plugin in the cache instead.
    link = paths.BINARIES / "pulumi"
    if (
        link.exists()
        and link.samefile(cli.program)
        and link.is_symlink() == (not cli.has_language_stand_in)
    ):
        return
    temporary = link.with_name(".pulumi.new")
    temporary.unlink(missing_ok=True)
    if not cli.has_language_stand_in:
        temporary.symlink_to(cli.program)
    else:
        try:
            temporary.hardlink_to(cli.program)
        except OSError:  # the cache is on another file system
            shutil.copy2(cli.program, temporary)
    temporary.replace(link)


def prepare(console: Console) -> Cli:
    """Find, download or build the CLI, and settle which plugins serve it.

    Raises:
        ToolchainError: it can be had in none of the ways.
    """
    lock = (paths.REPOSITORY / "requirements.txt").read_text(encoding="utf-8")
    versions = required_versions(lock)
    with console.step("Pulumi CLI") as step:
        cli = (
            on_path(search_path(os.environ.get("PATH", "")))
            or downloaded()
            or built()
            or download(step)
            or build(step)
        )
        if not cli.has_provider_stand_ins:
            has_providers = all(
                _has_provider(cli, name, version, step) for name, version in versions.items()
            )
            cli = replace(cli, has_provider_stand_ins=not has_providers)
        place(cli, versions)
        step.note(cli.describe())
    return cli
