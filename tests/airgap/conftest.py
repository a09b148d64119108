"""Projects under the real Pulumi CLI with the stand-in plugins, and the recorded contracts."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airgap.cli.build import source_digest
from tests.airgap.project import Project

REPOSITORY = Path(__file__).resolve().parents[2]
CONTRACTS = REPOSITORY.parent / "shared" / "contracts"
PLUGINS = {
    "pulumi-language-python": "airgap.language_host",
    "pulumi-resource-docker": "airgap.docker_provider",
    "pulumi-resource-random": "airgap.random_provider",
}


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], dict[str, Any]]:
    """Reads a file of the recorded contracts."""

    def read(name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((CONTRACTS / name).read_text(encoding="utf-8"))
        return document

    return read


@pytest.fixture(scope="session")
def pulumi_cli() -> Path:
    candidates = [
        REPOSITORY / ".plinth" / "bin" / "pulumi",
        Path.home() / ".cache" / "plinth" / "pulumi" / source_digest() / "pulumi",
    ]
    found = shutil.which("pulumi") or next(filter(Path.is_file, candidates), None)
    if found is None:
        pytest.fail(f"no Pulumi CLI on PATH, nor at {' or '.join(map(str, candidates))}")
    return Path(found)


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stand-ins under the names that the engine looks for."""
    folder = tmp_path_factory.mktemp("plugins")
    for name, module in PLUGINS.items():
        launcher = folder / name
        launcher.write_text(
            f'#!/bin/sh\nPYTHONPATH="{REPOSITORY}" exec "{sys.executable}" -m {module} "$@"\n'
        )
        launcher.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def make_project(
    tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path, plugins: Path
) -> Callable[[str], Project]:
    """Makes a project of one program, with a state of its own and the stack `one`."""

    def make(program: str) -> Project:
        root = tmp_path_factory.mktemp("project")
        folder = root / "project"
        (folder / "infra").mkdir(parents=True)
        (root / "state").mkdir()
        (folder / "Pulumi.yaml").write_text(
            "name: trial\nmain: infra\nruntime:\n  name: python\n"
            f"  options:\n    virtualenv: {os.path.relpath(sys.prefix, folder)}\n"
        )
        environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(plugins), os.environ["PATH"]]),
            "PULUMI_HOME": str(root / "home"),
            "PULUMI_BACKEND_URL": f"file://{root / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "a passphrase of the test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        project = Project(pulumi_cli, folder, environment)
        project.write(program)
        project.run("stack", "init", "one")
        return project

    return make
