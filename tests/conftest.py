import pytest

from tests.running_stack import NAME, RunningStack, run

LAST = "test_destroy.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Whatever was selected, the stack is destroyed by the last test that uses it.
    items.sort(key=lambda item: item.path.name == LAST)


@pytest.fixture(scope="session")
def stack() -> RunningStack:
    """The stack `ci`, brought up by the command that users run, with its example data.

    `tests/infra/test_destroy.py` removes it. When that was not selected the stack stays, so that
    a test can be run again without waiting for it.
    """
    run("make", "--no-print-directory", "up", f"STACK={NAME}")
    run("make", "--no-print-directory", "seed", f"STACK={NAME}")
    return RunningStack.read()
