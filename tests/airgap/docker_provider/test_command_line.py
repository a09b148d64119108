"""The stand-in under the real CLI: a small program brought up, changed outside and taken down."""

import json
import subprocess
from collections.abc import Callable

import docker
import pytest

from tests.airgap.project import Project

pytestmark = [pytest.mark.engine, pytest.mark.cli]

PASSWORD = "correct-horse-battery-staple"
PROGRAM = """
import pulumi
import pulumi_docker as docker

name = "{name}-" + pulumi.get_stack()
password = pulumi.Output.secret("{password}")
network = docker.Network("network", name=name, driver="bridge", internal=True)
volume = docker.Volume("volume", name=name)
for index in range(3):
    docker.Container(
        f"server-{{index}}",
        name=f"{{name}}-{{index}}",
        image="{image}",
        command=["sleep", "300"],
        envs=[pulumi.Output.format("PASSWORD={{}}", password)],
        healthcheck=docker.ContainerHealthcheckArgs(tests=["CMD", "true"], interval="300ms"),
        memory=32,
        memory_swap=32,
        network_mode="bridge",
        networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network.name)],
        volumes=[docker.ContainerVolumeArgs(volume_name=volume.name, container_path="/data")],
        wait=True,
    )
job = docker.Container(
    "job",
    name=f"{{name}}-job",
    image="{image}",
    command=["sh", "-c", "echo done; exit 3"],
    attach=True,
    logs=True,
    must_run=False,
    network_mode="bridge",
)
pulumi.export("exit_code", job.exit_code)
"""


@pytest.fixture
def project(make_project: Callable[[str], Project], name: str, busybox: str) -> Project:
    return make_project(PROGRAM.format(name=name, image=busybox, password=PASSWORD))


def left_over(engine: docker.DockerClient, name: str) -> list[object]:
    return [
        *engine.containers.list(all=True, filters={"name": name}),
        *engine.networks.list(filters={"name": name}),
        *engine.volumes.list(filters={"name": name}),
    ]


def test_a_second_up_and_a_refresh_change_nothing_and_destroy_leaves_nothing(
    project: Project, engine: docker.DockerClient, name: str
) -> None:
    project.up()
    assert project.outputs() == {"exit_code": 3}
    project.up("one", "--expect-no-changes")
    project.run("refresh", "--yes", "--skip-preview", "--expect-no-changes", "--stack", "one")
    exported = project.run("stack", "export", "--stack", "one")
    assert PASSWORD not in exported
    project.run("destroy", "--yes", "--skip-preview", "--stack", "one")
    assert left_over(engine, name) == []


def test_two_stacks_live_side_by_side(
    project: Project, engine: docker.DockerClient, name: str
) -> None:
    project.run("stack", "init", "two")
    project.up("one")
    project.up("two")
    project.run("destroy", "--yes", "--skip-preview", "--stack", "one")
    assert len(engine.containers.list(filters={"name": f"{name}-two"})) == 3


def test_an_interrupted_up_leaves_a_state_from_which_the_next_goes_on(
    project: Project, engine: docker.DockerClient, name: str
) -> None:
    program = project.folder / "infra" / "__main__.py"
    healthy = program.read_text()
    program.write_text(
        healthy.replace('tests=["CMD", "true"]', 'tests=["CMD", "false"], retries=999')
    )
    running = project.start("up", "--yes", "--skip-preview", "--stack", "one")
    for _ in range(100):
        if engine.containers.list(filters={"name": f"{name}-one-0"}):
            break
        subprocess.run(["sleep", "0.2"], check=True)
    running.send_signal(2)
    output, _ = running.communicate(timeout=40)
    assert "Traceback" not in output, output
    assert not engine.containers.list(all=True, filters={"name": f"{name}-one-0"})
    program.write_text(healthy)
    project.up()
    deployment = json.loads(project.run("stack", "export", "--stack", "one"))["deployment"]
    assert not deployment.get("pending_operations")
