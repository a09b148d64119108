"""Running other programs: their last words, and one interrupt handed on."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from toolchain import paths, processes
from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAILURE = ToolchainError("it failed", "Mend it.")


def test_the_last_lines_are_those_with_text() -> None:
    assert processes.last_lines("a\n\nb\r\nc\n \n", 2) == ("b", "c")


def test_a_quiet_run_shows_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    processes.run_quietly(["echo", "hello"], log=tmp_path / "log", failure=FAILURE)
    assert capfd.readouterr().out == ""


def test_a_failed_run_carries_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError) as raised:
        processes.run_quietly(
            ["sh", "-c", "echo why; exit 3"], log=tmp_path / "log", failure=FAILURE
        )
    assert raised.value.evidence == ("why",)


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="no-such-program"):
        processes.run_quietly(["no-such-program"], log=tmp_path / "log", failure=FAILURE)


def test_a_missing_program_captures_as_127() -> None:
    assert processes.capture(["no-such-program"]).returncode == 127


CHILD = """\
import signal, sys, time
count = 0
def handle(number, frame):
    global count
    count += 1
signal.signal(signal.SIGINT, handle)
print("ready", flush=True)
while not count:
    time.sleep(0.01)
time.sleep(0.3)
print(f"interrupts {count}", flush=True)
"""
PARENT = """\
import sys
from toolchain import processes
from toolchain.errors import InterruptedRunError
try:
    processes.run_in_foreground([sys.executable, "-c", sys.argv[1]])
except InterruptedRunError as error:
    print(error.exit_code, flush=True)
"""


@pytest.fixture
def running() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD],
        cwd=paths.REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_handed_on_once_and_waited_for(
    number: signal.Signals, running: subprocess.Popen[str]
) -> None:
    running.send_signal(number)
    running.send_signal(number)
    output, _ = running.communicate(timeout=30)
    assert output == "interrupts 1\n130\n"
