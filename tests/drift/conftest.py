"""A stack of its own in a copy of the checkout, changed behind Pulumi's back."""

from collections.abc import Iterator

import docker
import pytest

from tests.drift.behind_pulumi import Engine
from tests.drift.checkout import NAME, SETTINGS, Checkout


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine(docker.from_env(timeout=300), NAME)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The copy with its stack up; the stack is removed in the end."""
    copy = Checkout.copy(tmp_path_factory.mktemp("checkout"))
    # An image of its own, so that its tag can be moved without touching another stack.
    with (copy.folder / "images" / "redis" / "Dockerfile").open("a") as dockerfile:
        dockerfile.write("# for tests/drift\n")
    try:
        copy.configure(NAME, SETTINGS)
        up = copy.bring_up(NAME)
        assert up.code == 0, up.printed
        yield copy
    finally:
        copy.discard(NAME)
