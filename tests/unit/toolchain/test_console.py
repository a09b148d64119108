"""What the user sees, line by line."""

from __future__ import annotations

import io
import threading

import pytest

from toolchain.console import WIDTH, Console, duration, step_line
from toolchain.errors import ToolchainError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(stream: io.StringIO) -> Console:
    return Console(stream, {}, clock=iter([0.0, 80.0]).__next__)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.6, "1m00s"),
        (80, "1m20s"),
        (3599.9, "1h00m"),
        (3720, "1h02m"),
    ],
)
def test_durations_read_well(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_a_step_line_ends_with_its_time_at_the_edge() -> None:
    line = step_line("ok", "Docker engine", "28.5", 1.2)
    assert (len(line), line[-5:]) == (WIDTH, " 1.2s")


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_long_detail_keeps_within_the_width(width: int) -> None:
    assert len(step_line("ok", "Pulumi CLI", "x" * 200, 80, width)) == width


def test_a_step_prints_one_line(console: Console, stream: io.StringIO) -> None:
    with console.step("State") as step:
        step.note("local")
    assert stream.getvalue().splitlines() == [step_line("ok", "State", "local", 80.0)]


def test_a_failed_step_is_marked(console: Console, stream: io.StringIO) -> None:
    with pytest.raises(ToolchainError), console.step("State"):
        raise ToolchainError("lost", "Mend it.")
    assert stream.getvalue().startswith("fail State")


def test_an_interrupted_step_is_marked(console: Console, stream: io.StringIO) -> None:
    with pytest.raises(KeyboardInterrupt), console.step("State"):
        raise KeyboardInterrupt
    assert stream.getvalue().startswith("stop State")


class Listener(io.StringIO):
    """A stream that says when something was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = threading.Event()

    def write(self, text: str) -> int:
        self.heard.set()
        return super().write(text)


def test_a_long_step_gives_signs_of_life() -> None:
    stream = Listener()
    console = Console(stream, {}, heartbeat_seconds=0.001)
    with console.step("Pulumi CLI") as step:
        step.note("building")
        assert stream.heard.wait(10)
    assert "still working" in stream.getvalue()


def test_a_terminal_gets_colour() -> None:
    stream = Terminal()
    with Console(stream, {"TERM": "xterm"}).step("State"):
        pass
    assert "\x1b[32m" in stream.getvalue()


def test_no_color_is_respected() -> None:
    stream = Terminal()
    with Console(stream, {"TERM": "xterm", "NO_COLOR": "1"}).step("State"):
        pass
    assert "\x1b[3" not in stream.getvalue()


def test_a_log_gets_no_control_characters(console: Console, stream: io.StringIO) -> None:
    with console.step("State"):
        pass
    assert "\x1b" not in stream.getvalue()


def test_an_error_is_one_line(console: Console, stream: io.StringIO) -> None:
    console.error(ToolchainError("port 8000 is taken", "Stop what listens there."))
    assert stream.getvalue() == "plinth: port 8000 is taken. Stop what listens there.\n"


def test_evidence_comes_before_the_error(console: Console, stream: io.StringIO) -> None:
    console.error(ToolchainError("it failed", "Mend it.", evidence=("last words",)))
    assert stream.getvalue().splitlines()[0] == "  last words"


def test_a_paragraph_keeps_within_the_width(console: Console, stream: io.StringIO) -> None:
    console.paragraph("word " * 60, indent="    ")
    assert max(len(line) for line in stream.getvalue().splitlines()) <= WIDTH
