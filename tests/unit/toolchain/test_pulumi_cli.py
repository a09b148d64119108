"""Which CLI is taken, how a download is checked, and where plugins are put."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from toolchain import facts, paths, pulumi_cli
from toolchain.errors import ToolchainError
from toolchain.processes import capture
from toolchain.pulumi_cli import Cli


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v3.259.0\n", (3, 259, 0)),
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("3.272.0-alpha.1", (3, 272, 0)),
        ("unknown", None),
    ],
)
def test_versions_are_read(text: str, expected: tuple[int, ...] | None) -> None:
    assert facts.parse_version(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('ID=ubuntu\nID_LIKE=debian\nNAME="Ubuntu"\n', ("ubuntu", "debian")),
        ('ID="linuxmint"\nID_LIKE="ubuntu debian"\n', ("linuxmint", "ubuntu", "debian")),
        ("ID=fedora\n", ("fedora",)),
        ("", ()),
    ],
)
def test_distributions_are_read(text: str, expected: tuple[str, ...]) -> None:
    assert facts.distribution_ids(text) == expected


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    return folder


def write_program(path: Path, says: str) -> None:
    path.write_text(f"#!/bin/sh\necho {says}\n", encoding="utf-8")
    path.chmod(0o755)


def test_a_cli_on_path_is_taken(programs: Path) -> None:
    write_program(programs / "pulumi", "v3.300.1")
    write_program(programs / "pulumi-language-python", "")
    assert pulumi_cli.on_path(str(programs)) == Cli(programs / "pulumi", "3.300.1", "on PATH")


def test_an_old_cli_on_path_is_passed_over(programs: Path) -> None:
    write_program(programs / "pulumi", "v3.258.9")
    write_program(programs / "pulumi-language-python", "")
    assert pulumi_cli.on_path(str(programs)) is None


def test_a_cli_without_its_language_plugin_is_passed_over(programs: Path) -> None:
    write_program(programs / "pulumi", "v3.300.1")
    assert pulumi_cli.on_path(str(programs)) is None


def test_the_checkouts_own_launchers_are_not_taken_for_an_installed_cli() -> None:
    path = os.pathsep.join(["/a", str(paths.BINARIES), "/b"])
    assert pulumi_cli.search_path(path) == os.pathsep.join(["/a", "/b"])


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("Linux", "x86_64", "pulumi-v3.259.0-linux-x64.tar.gz"),
        ("Linux", "aarch64", "pulumi-v3.259.0-linux-arm64.tar.gz"),
        ("Darwin", "arm64", "pulumi-v3.259.0-darwin-arm64.tar.gz"),
        ("Linux", "riscv64", None),
    ],
)
def test_archives_are_named_as_published(system: str, machine: str, expected: str | None) -> None:
    assert pulumi_cli.archive_name(system, machine) == expected


def test_a_published_digest_is_found() -> None:
    checksums = "aa11  pulumi-x.zip\nBB22  pulumi-y.tar.gz\n"
    assert pulumi_cli.published_digest(checksums, "pulumi-y.tar.gz") == "bb22"


def test_an_unpublished_archive_is_refused() -> None:
    with pytest.raises(ToolchainError, match="do not name"):
        pulumi_cli.published_digest("aa11  other.tar.gz\n", "pulumi-y.tar.gz")


def test_a_sound_download_passes(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(b"content")
    pulumi_cli.verify(archive, hashlib.sha256(b"content").hexdigest())


def test_a_changed_download_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(b"changed")
    with pytest.raises(ToolchainError, match="does not match its published checksum"):
        pulumi_cli.verify(archive, hashlib.sha256(b"content").hexdigest())


def test_provider_versions_are_those_of_the_lock() -> None:
    lock = (
        "pulumi==3.272.0 \\\n    --hash=sha256:aa\npulumi-docker==5.2.0 \\\npulumi-random==4.21.4"
    )
    assert pulumi_cli.required_versions(lock) == {"docker": "5.2.0", "random": "4.21.4"}


def test_the_lock_pins_both_providers() -> None:
    lock = (paths.REPOSITORY / "requirements.txt").read_text(encoding="utf-8")
    assert set(pulumi_cli.required_versions(lock)) == set(pulumi_cli.PROVIDERS)


def stand_in(program: Path) -> Cli:
    return Cli(
        program,
        "3.259.0",
        "built from Go modules",
        has_language_stand_in=True,
        has_provider_stand_ins=True,
    )


STAND_IN = stand_in(Path("/cache/pulumi"))
OFFICIAL = Cli(Path("/opt/pulumi/pulumi"), "3.300.0", "on PATH")


def test_stand_ins_are_found_before_the_rest_of_path() -> None:
    found = STAND_IN.environment({"PATH": "/usr/bin"})
    assert found["PATH"] == f"{paths.BINARIES}{os.pathsep}/usr/bin"


def test_stand_in_providers_switch_downloads_off() -> None:
    found = STAND_IN.environment({"PATH": ""})
    assert found["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"


def test_stand_in_providers_keep_the_users_login() -> None:
    found = STAND_IN.environment({"PATH": "", "PULUMI_HOME": "/home/me/pulumi"})
    assert found["PULUMI_CREDENTIALS_PATH"] == "/home/me/pulumi"


def test_official_plugins_leave_the_pulumi_home_alone() -> None:
    assert "PULUMI_HOME" not in OFFICIAL.environment({"PATH": ""})


@pytest.mark.parametrize(
    ("cli", "expected"),
    [
        (OFFICIAL, "3.300.0 on PATH, official plugins"),
        (STAND_IN, "3.259.0 built from Go modules, stand-in plugins"),
    ],
)
def test_what_runs_is_said(cli: Cli, expected: str) -> None:
    assert cli.describe() == expected


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose path needs quoting, with a Python that says which module it was given."""
    root = tmp_path / "a checkout"
    (root / ".venv" / "bin").mkdir(parents=True)
    write_program(root / ".venv" / "bin" / "python", '"$PYTHONPATH $*"')
    monkeypatch.setattr(paths, "REPOSITORY", root)
    monkeypatch.setattr(paths, "PYTHON", root / ".venv" / "bin" / "python")
    monkeypatch.setattr(paths, "BINARIES", root / ".plinth" / "bin")
    monkeypatch.setattr(paths, "PULUMI_HOME", root / ".plinth" / "pulumi")
    return root


@pytest.fixture
def built(tmp_path: Path) -> Path:
    program = tmp_path / "cache" / "pulumi"
    program.parent.mkdir()
    write_program(program, "v3.259.0")
    return program


@pytest.mark.parametrize(
    ("launcher", "module"),
    [
        ("bin/pulumi-language-python", "airgap.language_host"),
        (
            "pulumi/plugins/resource-docker-v5.2.0/pulumi-resource-docker",
            "airgap.docker_provider",
        ),
    ],
)
def test_a_launcher_starts_its_module(
    launcher: str, module: str, checkout: Path, built: Path
) -> None:
    pulumi_cli.place(stand_in(built), {"docker": "5.2.0"})
    started = capture(
        [checkout / ".plinth" / launcher, "127.0.0.1:1"], environment={"PATH": os.environ["PATH"]}
    )
    assert started.stdout == f"{checkout} -m {module} 127.0.0.1:1\n"


def test_an_official_cli_removes_the_stand_in_language_host(checkout: Path, built: Path) -> None:
    pulumi_cli.place(stand_in(built), {})
    pulumi_cli.place(Cli(built, "3.259.0", "official download"), {})
    assert [entry.name for entry in (checkout / ".plinth" / "bin").iterdir()] == ["pulumi"]


def test_pulumi_finds_no_folder_for_automatic_logs(checkout: Path, built: Path) -> None:
    logs = checkout / ".plinth" / "pulumi" / "logs"
    logs.mkdir(parents=True)
    (logs / "an-earlier-run.log").write_text("what it did", encoding="utf-8")
    pulumi_cli.place(stand_in(built), {})
    assert logs.read_bytes() == b""


def test_placing_twice_changes_nothing(checkout: Path, built: Path) -> None:
    cli = stand_in(built)
    pulumi_cli.place(cli, {})
    before = (checkout / ".plinth" / "bin").stat().st_mtime_ns
    pulumi_cli.place(cli, {})
    assert (checkout / ".plinth" / "bin").stat().st_mtime_ns == before
