"""The pack under the real CLI: a stack that breaks a rule never reaches the engine."""

import os
import subprocess
from pathlib import Path

import docker
import pytest

pytestmark = [pytest.mark.engine, pytest.mark.cli]

ROOT = Path(__file__).resolve().parents[2]
CONTAINER = "plinth-policy-test"
PROGRAM = f"""
import pulumi
import pulumi_docker as docker
import pulumi_random as random

password = random.RandomPassword("password", length=40, special=False)
docker.Container(
    "component",
    name="{CONTAINER}",
    image="plinth/none:1",
    envs=[ENVIRONMENT],
    network_mode="none",
    restart="unless-stopped",
    capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
    security_opts=["no-new-privileges:true"],
    memory=64,
    memory_swap=64,
    cpu_shares=128,
    log_driver="json-file",
    log_opts={{"max-file": "3", "max-size": "10m"}},
    stop_timeout=30,
    destroy_grace_seconds=30,
    healthcheck=docker.ContainerHealthcheckArgs(tests=["CMD", "true"]),
)
"""
PLAIN = '"PGPASSWORD=correct-horse-battery"'
SECRET = 'pulumi.Output.concat("PGPASSWORD=", password.result)'


def _pulumi(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["pulumi", *arguments, "--non-interactive"],
        cwd=folder,
        env={
            **os.environ,
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "only for this test",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def _project(folder: Path, environment: str) -> Path:
    (folder / "state").mkdir()
    (folder / "Pulumi.yaml").write_text(
        f"name: policed\nruntime: {{name: python, options: {{virtualenv: {ROOT}/.venv}}}}\n"
    )
    (folder / "__main__.py").write_text(PROGRAM.replace("ENVIRONMENT", environment))
    made = _pulumi(folder, "stack", "init", "test")
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    folder = _project(tmp_path_factory.mktemp("refused"), PLAIN)
    return _pulumi(folder, "up", "--yes", "--policy-pack", str(ROOT / "policies"))


def test_a_plain_password_ends_the_update(refused: subprocess.CompletedProcess[str]) -> None:
    assert refused.returncode != 0


def test_the_violation_names_the_property(refused: subprocess.CompletedProcess[str]) -> None:
    assert "envs" in refused.stdout + refused.stderr


def test_the_violation_does_not_print_the_value(
    refused: subprocess.CompletedProcess[str],
) -> None:
    assert "correct-horse-battery" not in refused.stdout + refused.stderr


@pytest.mark.usefixtures("refused")
def test_the_engine_was_never_asked() -> None:
    names = [container.name for container in docker.from_env().containers.list(all=True)]
    assert CONTAINER not in names


def test_the_same_password_as_a_secret_passes(tmp_path: Path) -> None:
    folder = _project(tmp_path, SECRET)
    preview = _pulumi(folder, "preview", "--policy-pack", str(ROOT / "policies"))
    assert preview.returncode == 0, preview.stdout + preview.stderr
