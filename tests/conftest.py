import pytest

from tests.running_stack import NAME, ROOT, RunningStack, run

LAST = "test_destroy.py"
USES_CONTAINERS = ("engine", "cli")


def group(item: pytest.Item) -> str | None:
    """Which tests share fixtures that are costly to make: one worker runs them all.

    Returns:
        `stack` for whatever uses the stack `ci`; the folder of other tests with containers; None
        for tests that any worker can run.
    """
    if item.get_closest_marker("stack"):
        return "stack"
    if any(item.get_closest_marker(marker) for marker in USES_CONTAINERS):
        return str(item.path.relative_to(ROOT / "tests").parent)
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        name = group(item)
        if name:
            item.add_marker(pytest.mark.xdist_group(name))
    # The longest first, so that no worker is left with them at the end. Whatever was selected, the
    # stack is destroyed by the last test that uses it.
    items.sort(key=lambda item: (order(item), item.path.name == LAST))


def order(item: pytest.Item) -> int:
    """0 for tests of the stack `ci`, 1 for other tests with containers, 2 for the rest."""
    return {"stack": 0, None: 2}.get(group(item), 1)


@pytest.fixture(scope="session")
def stack() -> RunningStack:
    """The stack `ci`, brought up by the command that users run, with its example data.

    `tests/infra/test_destroy.py` removes it. When that was not selected the stack stays, so that
    a test can be run again without waiting for it.
    """
    run("make", "--no-print-directory", "up", f"STACK={NAME}")
    run("make", "--no-print-directory", "seed", f"STACK={NAME}")
    return RunningStack.read()
