import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import ImageNotFound

from airgap.docker_provider.provider import docker_provider
from tests.airgap.plugin import Plugin, plugged_in

IMAGE = "plinth-test/busybox:1"


@pytest.fixture
def plugin() -> Iterator[Plugin]:
    with plugged_in(docker_provider()) as plugin:
        yield plugin


@pytest.fixture(scope="session")
def engine() -> docker.DockerClient:
    return docker.from_env()


@contextmanager
def name_of_its_own(engine: docker.DockerClient) -> Iterator[str]:
    """A name; what carries it or starts with it is removed afterwards."""
    name = f"plinth-test-{secrets.token_hex(4)}"
    yield name
    for container in engine.containers.list(all=True, filters={"name": name}):
        container.remove(force=True, v=True)
    for network in engine.networks.list(filters={"name": name}):
        network.remove()
    for volume in engine.volumes.list(filters={"name": name}):
        volume.remove(force=True)
    for image in engine.images.list(filters={"reference": name}):
        for tag in image.tags:
            if tag.startswith(name):
                engine.images.remove(tag, force=True)


@pytest.fixture
def name(engine: docker.DockerClient) -> Iterator[str]:
    """A name of a test's own; what carries it or starts with it is removed after the test."""
    with name_of_its_own(engine) as name:
        yield name


@pytest.fixture(scope="session")
def busybox(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image of a megabyte with a shell, made from Debian's static busybox."""
    try:
        engine.images.get(IMAGE)
    except ImageNotFound:
        folder = tmp_path_factory.mktemp("busybox")
        root = folder / "root"
        for place in ("bin", "etc", "tmp"):
            (root / place).mkdir(parents=True)
        shutil.copy(_busybox(folder), root / "bin" / "busybox")
        for applet in ("cat", "env", "false", "ls", "sh", "sleep", "true"):
            (root / "bin" / applet).symlink_to("busybox")
        archive = shutil.make_archive(str(folder / "image"), "tar", root)
        engine.api.import_image(
            archive, repository=IMAGE.partition(":")[0], tag=IMAGE.partition(":")[2]
        )
    return IMAGE


def _busybox(folder: Path) -> Path:
    installed = Path("/bin/busybox")
    if installed.is_file():
        return installed
    subprocess.run(["apt-get", "download", "busybox-static"], cwd=folder, check=True)
    (package,) = folder.glob("busybox-static*.deb")
    subprocess.run(["dpkg-deb", "-x", package, folder / "package"], check=True)
    (binary,) = (folder / "package").rglob("bin/busybox")
    return binary


@pytest.fixture(scope="session")
def contract(recorded: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Inputs of the official provider's schema, by token."""
    resources: dict[str, Any] = recorded("pulumi-docker-inputs.json")["resources"]
    return resources


@pytest.fixture(scope="session")
def official_state(recorded: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """What the official provider wrote into a state, by the resource's name."""
    return {
        resource["name"]: resource
        for resource in recorded("pulumi-state.json")["resources"]
        if resource["type"].startswith("docker:")
    }
