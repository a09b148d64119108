"""A stack of its own in a copy of the checkout, changed behind Pulumi's back."""

import shutil
import subprocess
from collections.abc import Iterator

import docker
import pytest

from tests.drift.behind_pulumi import Engine
from tests.drift.checkout import NAME, Checkout
from tests.running_stack import ROOT


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine(docker.from_env(timeout=300), NAME)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The copy with its stack up; the stack is destroyed in the end."""
    folder = tmp_path_factory.mktemp("checkout")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    # An image of its own, so that its tag can be moved without touching another stack.
    with (folder / "images" / "redis" / "Dockerfile").open("a") as dockerfile:
        dockerfile.write("# for tests/drift\n")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    copy = Checkout(folder)
    copy.configure()
    try:
        up = copy.make("up")
        assert up.code == 0, up.output + up.errors
        yield copy
    finally:
        destroyed = copy.make("destroy")
        assert destroyed.code == 0, destroyed.output + destroyed.errors
