import os
import signal
import time
import urllib.error
import urllib.request

import pytest

from tests.running_stack import SERVERS, RunningStack

pytestmark = [pytest.mark.engine, pytest.mark.stack]

WAIT_SECONDS = 90


def _wait_until_healthy_again(stack: RunningStack, name: str, restarts: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        inspected = stack.inspect(name)
        if (
            inspected["RestartCount"] > restarts
            and inspected["State"]["Health"]["Status"] == "healthy"
        ):
            return
        time.sleep(0.2)
    pytest.fail(f"{name} is not healthy after {WAIT_SECONDS} s; its log:\n{stack.log(name)}")


def _answers(stack: RunningStack, path: str) -> int:
    request = urllib.request.Request(  # noqa: S310  (an address of the stack's own)
        stack.outputs["gateway_url"] + path, headers={"apikey": stack.outputs["publishable_key"]}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture(scope="module")
def killed(stack: RunningStack) -> dict[str, int]:
    """Kill every server at once; how often the engine had restarted each before."""
    before = {name: stack.inspect(name) for name in SERVERS}
    for inspected in before.values():
        # From outside: a container that is stopped through the engine is meant to stay stopped.
        os.kill(inspected["State"]["Pid"], signal.SIGKILL)
    return {name: inspected["RestartCount"] for name, inspected in before.items()}


@pytest.mark.parametrize("name", SERVERS)
def test_a_killed_component_comes_back(
    stack: RunningStack, killed: dict[str, int], name: str
) -> None:
    _wait_until_healthy_again(stack, name, killed[name])
    assert stack.inspect(name)["State"]["Running"]


@pytest.mark.usefixtures("killed")
@pytest.mark.parametrize("path", ["/rest/v1/todos", "/auth/v1/settings"])
def test_the_gateway_serves_again_after_all_that(stack: RunningStack, path: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while (status := _answers(stack, path)) != 200 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert status == 200, stack.log("gateway")
