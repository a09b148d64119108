"""What the user sees: one line per step with its time, a sign of life, and errors as one line.

On a terminal a running step rewrites its own line every second; elsewhere (a CI log) a line says
every 30 seconds that the step is still working. Lines keep within 80 columns. `NO_COLOR` and a
stream that is no terminal switch the colours off (https://no-color.org).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING, TextIO

from toolchain.errors import InterruptedRunError, ToolchainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


WIDTH = 80
TITLE_WIDTH = 22
TERMINAL_REFRESH_SECONDS = 1.0
HEARTBEAT_SECONDS = 30.0
GREEN, RED, YELLOW, DIM, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"
ERASE_LINE = "\r\x1b[2K"


def duration(seconds: float) -> str:
    """A time in words that fit a column: `0.3s`, `12s`, `1m20s`, `1h02m`."""
    tenths = f"{seconds:.1f}s"
    if len(tenths) <= len("9.9s"):
        return tenths
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes_left:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def step_line(mark: str, title: str, detail: str, seconds: float | None, width: int = WIDTH) -> str:
    """One step in at most `width` columns: mark, title, detail, time at the right edge."""
    taken = duration(seconds) if seconds is not None else ""
    head = f"{mark:<5}{title:<{TITLE_WIDTH}} "
    room = width - len(head) - len(taken) - 1
    if len(detail) > room:
        detail = detail[: max(room - 3, 0)] + "..."
    return f"{head}{detail:<{room}} {taken}".rstrip()


class Step:
    """A running step. Its detail is what the line says about it; set it at any time."""

    def __init__(self, title: str) -> None:
        """Start with a title and nothing to say about it."""
        self.title = title
        self.detail = ""

    def note(self, detail: str) -> None:
        """Say what the step found or is doing, in a few words."""
        self.detail = detail


class Console:
    """Writes steps, lines and errors to one stream.

    Args:
        stream: where lines go.
        environment: read for `NO_COLOR` and `TERM`.
        clock: a monotonic clock in seconds.
        heartbeat_seconds: the time between two signs of life where no terminal listens.
    """

    def __init__(
        self,
        stream: TextIO = sys.stdout,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        """Find out what the stream can do."""
        self._stream = stream
        self._clock = clock
        self._heartbeat_seconds = heartbeat_seconds
        self.is_terminal = stream.isatty() and environment.get("TERM") != "dumb"
        self._has_colour = self.is_terminal and not environment.get("NO_COLOR")

    @property
    def width(self) -> int:
        """Columns to fill: 80, or the terminal's own width when it is narrower."""
        if not self.is_terminal:
            return WIDTH
        return min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns - 1)

    def line(self, text: str = "") -> None:
        """Write one line as it is."""
        self._stream.write(text + "\n")
        self._stream.flush()

    def paragraph(self, text: str, indent: str = "") -> None:
        """Write a text folded at the width."""
        self.line(
            textwrap.fill(
                text,
                self.width,
                initial_indent=indent,
                subsequent_indent=indent,
                break_on_hyphens=False,
                break_long_words=False,
            )
        )

    def error(self, error: ToolchainError) -> None:
        """Write what a failing program said last, then the one line that sums it up."""
        for evidence in error.evidence:
            self.line(f"  {evidence}")
        self.line(self._coloured(f"plinth: {error}", RED))

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Run a step: show that it is alive, then its result and time on one line."""
        running = Step(title)
        start = self._clock()
        done = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(running, start, done), daemon=True)
        ticker.start()
        mark, colour = "ok", GREEN
        try:
            yield running
        except BaseException as error:
            is_interrupt = isinstance(error, KeyboardInterrupt)
            mark, colour = ("stop", YELLOW) if is_interrupt else ("fail", RED)
            raise
        finally:
            done.set()
            ticker.join()
            if self.is_terminal:
                self._stream.write(ERASE_LINE)
            text = step_line(mark, title, running.detail, self._clock() - start, self.width)
            self.line(self._coloured(mark, colour) + text[len(mark) :])

    def _tick(self, step: Step, start: float, done: threading.Event) -> None:
        pause = TERMINAL_REFRESH_SECONDS if self.is_terminal else self._heartbeat_seconds
        while not done.wait(pause):
            elapsed = self._clock() - start
            if self.is_terminal:
                text = step_line("...", step.title, step.detail, elapsed, self.width)
                self._stream.write(ERASE_LINE + self._coloured(text, DIM))
                self._stream.flush()
            else:
                doing = f"still working, {step.detail}" if step.detail else "still working"
                self.line(step_line("...", step.title, doing, elapsed))

    def _coloured(self, text: str, colour: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._has_colour else text


def exit_code_of(run: Callable[[], int]) -> int:
    """Run a command; a failure or an interruption is printed as one line."""
    try:
        return run()
    except ToolchainError as error:
        failure = error
    except KeyboardInterrupt:
        failure = InterruptedRunError()
    Console(sys.stderr).error(failure)
    return failure.exit_code
