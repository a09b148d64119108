"""The last tests: what `make destroy` leaves behind."""

import docker
import pytest

from tests.running_stack import NAME, RunningStack, run

pytestmark = [pytest.mark.engine, pytest.mark.stack]
FILTER: dict[str, str | list[str] | bool] = {"label": f"plinth.stack={NAME}"}


@pytest.fixture(scope="module")
def engine_afterwards(stack: RunningStack) -> docker.DockerClient:
    run("make", "--no-print-directory", "destroy", f"STACK={NAME}", environment={"YES": "1"})
    return stack.engine


def test_no_container_is_left(engine_afterwards: docker.DockerClient) -> None:
    assert engine_afterwards.containers.list(all=True, filters=FILTER) == []


def test_no_network_is_left(engine_afterwards: docker.DockerClient) -> None:
    assert engine_afterwards.networks.list(filters=FILTER) == []


def test_no_volume_is_left(engine_afterwards: docker.DockerClient) -> None:
    assert engine_afterwards.volumes.list(filters=FILTER) == []
