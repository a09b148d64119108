"""`make scan` on a running stack: clean as it is, and not once a secret is planted."""

from __future__ import annotations

import base64
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.running_stack import NAME, ROOT, RunningStack

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.engine, pytest.mark.stack]

PLANTED = f"plinth-{NAME}-planted"


@dataclass(frozen=True)
class Scan:
    """How a scan ended."""

    code: int
    printed: str


def scan(stack: str = NAME) -> Scan:
    """Run the command as users do."""
    ended = subprocess.run(
        ["make", "--no-print-directory", "scan", f"STACK={stack}"],
        cwd=ROOT,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Scan(ended.returncode, ended.stdout)


@pytest.fixture(scope="module")
def clean(stack: RunningStack) -> Scan:
    assert stack.outputs
    return scan()


@pytest.fixture(scope="module")
def password(stack: RunningStack) -> str:
    return str(stack.outputs["redis"]["password"])


@pytest.fixture(scope="module")
def planted(stack: RunningStack, clean: Scan, password: str) -> Iterator[Scan]:
    """A scan while a container of the stack shows a password in three places."""
    assert clean.code == 0, clean.printed
    encoded = base64.b64encode(f"default:{password}".encode()).decode()
    container = stack.engine.containers.run(
        stack.component("redis")["image"],
        command=["sh", "-c", 'echo "connecting with $TITLE"'],
        name=PLANTED,
        environment={"TITLE": password, "PGPASSWORD": password},
        labels={
            "plinth.stack": NAME,
            "plinth.secret-names": "PGPASSWORD",
            "authorization": f"Basic {encoded}",
        },
        network_mode="none",
        detach=True,
    )
    try:
        container.wait()
        yield scan()
    finally:
        container.remove(force=True)


def test_a_stack_shows_no_secret(clean: Scan) -> None:
    assert clean.code == 0, clean.printed


@pytest.mark.parametrize("source", ["state", "preview", "containers", "images", "container logs"])
def test_it_says_how_much_it_looked_at(clean: Scan, source: str) -> None:
    count = clean.printed.split(f"{source} ")[1].split(",")[0].split()[0]
    assert int(count) > 100


def test_a_planted_secret_fails_it(planted: Scan) -> None:
    assert "Error 1" in planted.printed


@pytest.mark.parametrize(
    "place",
    [
        f"container {PLANTED}  environment variable TITLE",
        f"container {PLANTED}  Config.Labels.authorization",
        f"log of {PLANTED}",
    ],
)
def test_every_place_is_named(planted: Scan, place: str) -> None:
    lines = [" ".join(line.split()) for line in planted.printed.splitlines()]
    wanted = " ".join(place.split())
    assert any(line.startswith(wanted) and line.endswith("output redis") for line in lines)


def test_the_listed_variable_is_no_place(planted: Scan) -> None:
    assert "PGPASSWORD" not in planted.printed


def test_the_value_is_not_printed(planted: Scan, password: str) -> None:
    assert password not in planted.printed


@pytest.mark.usefixtures("stack")
def test_a_stack_that_is_not_there_cannot_be_looked_at() -> None:
    assert "Error 2" in scan("bench").printed
