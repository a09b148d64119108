import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.cli.build import source_digest
from tests.airgap.language_host.project import Project

REPOSITORY = Path(__file__).resolve().parents[3]
PLUGINS = {
    "pulumi-language-python": "airgap.language_host",
    "pulumi-resource-random": "airgap.random_provider",
}
PROGRAM = """
import pulumi
import pulumi_random as random

password = random.RandomPassword("password", length=32, special=False)
random.RandomString("string", length=8, keepers={"password": password.result})
pulumi.export("password", password.result)
"""


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


@pytest.fixture
def project(make_project: Callable[[str], Project]) -> Project:
    """A project with a password and a string that depends on it, not yet up."""
    return make_project(PROGRAM)


@pytest.fixture(scope="session")
def standing(make_project: Callable[[str], Project]) -> Project:
    """The same project, up; tests leave its stack `one` as it is."""
    project = make_project(PROGRAM)
    project.up()
    return project


@pytest.fixture
def policy_pack(tmp_path: Path) -> Path:
    """A mandatory policy: passwords have at least 32 characters."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "PulumiPolicy.yaml").write_text(
        "runtime:\n  name: python\n"
        f"  options:\n    virtualenv: {os.path.relpath(sys.prefix, folder)}\n"
    )
    (folder / "__main__.py").write_text(
        """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def validate(args, report):
    if args.resource_type.endswith(":RandomPassword") and args.props["length"] < 32:
        report("length is below 32")


PolicyPack(
    "trial",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy(
            name="password-length", description="Passwords are long.", validate=validate
        )
    ],
)
"""
    )
    return folder
