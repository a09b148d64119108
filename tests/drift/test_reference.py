"""Reference databases that a killed run left behind."""

import time
from collections.abc import Iterator

import docker
import pytest
from docker.errors import NotFound
from docker.models.networks import Network

from drift import reference

pytestmark = pytest.mark.engine

STACK = "drift-killed"


@pytest.fixture(params=[0, 3600], ids=["running", "forgotten"])
def made_before(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def network(made_before: int) -> Iterator[Network]:
    """What a run that began so many seconds ago made first."""
    made = docker.from_env().networks.create(
        "plinth-drift-test",
        labels={
            reference.LABEL: STACK,
            reference.MADE_LABEL: str(int(time.time()) - made_before),
        },
    )
    yield made
    try:
        made.remove()
    except NotFound:
        return


def test_only_what_was_forgotten_is_removed(network: Network, made_before: int) -> None:
    client = docker.from_env()
    reference.discard_forgotten(client, STACK)
    left = [each.id for each in client.networks.list(filters={"label": reference.LABEL})]
    assert (network.id in left) == (made_before == 0)
