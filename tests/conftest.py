from __future__ import annotations

from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import hypothesis
import pytest
from _pytest.runner import runtestprotocol
from xdist.scheduler import LoadScopeScheduling

from tests.running_stack import NAME, RunningStack, run

if TYPE_CHECKING:
    from xdist.remote import Producer

# Property tests make the same examples on every run. To look for more, with others each time:
# --hypothesis-profile=search
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("search", max_examples=2000, deadline=None)
hypothesis.settings.load_profile("fixed")

LAST = "test_destroy.py"
STACK = "stack"
FOLDERS_OF_GROUP = {
    STACK: ("tests/e2e", "tests/infra"),
    "rotation": ("tests/rotation",),
    "drift": ("tests/drift",),
    "tls": ("tests/tls",),
    "backup": ("tests/backup",),
    "environments": ("tests/environments",),
    "upgrades": ("tests/upgrades",),
    "preview_report": ("tests/preview_report",),
    "publish": ("tests/publish",),
    "service": ("tests/service",),
    "images": ("tests/images",),
    "waf": ("tests/gateway/waf",),
    "gateway": ("tests/gateway", "tests/browser"),
    "docker_provider": ("tests/airgap/docker_provider",),
    "language_host": ("tests/airgap/language_host",),
}
"""Tests that share what is costly to make: containers, a stack. The longest first."""


def group(test: str) -> str:
    """What runs on one worker: the group of a test's folder, or else its file.

    Args:
        test: The test's node id: path from the checkout, `::`, and its name.
    """
    return _group_of_file(test.partition("::")[0])


@cache
def _group_of_file(file: str) -> str:
    for name, folders in FOLDERS_OF_GROUP.items():
        if any(PurePosixPath(file).is_relative_to(folder) for folder in folders):
            return name
    return file


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands whole groups to workers, in order."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    return GroupScheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """End what a group has started with its last test: idle containers cost half of the machine."""
    own = group(item.nodeid)
    if own not in FOLDERS_OF_GROUP or (nextitem and group(nextitem.nodeid) == own):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    # Without a next test, fixtures of every scope are torn down.
    runtestprotocol(item, nextitem=None)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The longest groups first, so that no worker is left with one at the end. Whatever was
    # selected, the stack is destroyed by the last test that uses it.
    places = {name: place for place, name in enumerate(FOLDERS_OF_GROUP)}
    items.sort(
        key=lambda item: (places.get(group(item.nodeid), len(places)), item.path.name == LAST)
    )


@pytest.fixture(scope="session")
def stack() -> RunningStack:
    """The stack `ci`, brought up by the command that users run, with its example data.

    `tests/infra/test_destroy.py` removes it. When that was not selected the stack stays, so that
    a test can be run again without waiting for it.
    """
    run("make", "--no-print-directory", "up", f"STACK={NAME}")
    run("make", "--no-print-directory", "seed", f"STACK={NAME}")
    return RunningStack.read()
