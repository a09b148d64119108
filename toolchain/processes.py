"""Starting other programs: quietly with a log to look at afterwards, or in the foreground."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from toolchain.errors import InterruptedRunError, ToolchainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

EVIDENCE_LINES = 15


def last_lines(text: str, count: int = EVIDENCE_LINES) -> tuple[str, ...]:
    """The last lines of a program's output that are not blank."""
    lines = [line.rstrip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    return tuple(lines[-count:])


def run_quietly(
    arguments: Sequence[str | Path],
    *,
    log: Path,
    failure: ToolchainError,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> None:
    """Run a program with its output in a log file.

    Raises:
        ToolchainError: it ended with another code than 0: `failure` with the log's last lines.
    """
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("wb") as output:
        try:
            completed = subprocess.run(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=directory,
                check=False,
            )
        except OSError as error:
            raise ToolchainError(f"{failure.what}: {error}", failure.mend) from error
    if completed.returncode != 0:
        evidence = last_lines(log.read_text(encoding="utf-8", errors="replace"))
        raise ToolchainError(failure.what, failure.mend, evidence=evidence)


def capture(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    timeout_seconds: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run a program and return what it wrote; a missing program or a timeout is exit code 127."""
    command = [str(argument) for argument in arguments]
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            timeout=timeout_seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


@contextlib.contextmanager
def _handling(signals: Sequence[signal.Signals], handler: Callable[[int], None]) -> Iterator[None]:
    def handle(number: int, _frame: FrameType | None) -> None:
        handler(number)

    previous = {number: signal.signal(number, handle) for number in signals}
    try:
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, old)


def run_in_foreground(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> int:
    """Run a program on this process's own streams, hand it one interrupt, and wait for its end.

    On a terminal the program shares this process's group, so Ctrl-C reaches it by itself. Elsewhere
    it gets a group of its own, so that a signal to the whole group and the one passed on here do
    not add up to two: the second interrupt makes Pulumi give up what it is doing.

    Returns:
        The program's exit code.

    Raises:
        InterruptedRunError: a signal ended the run.
    """
    is_on_terminal = sys.stdin.isatty()
    sys.stdout.flush()
    child: subprocess.Popen[bytes] | None = None
    was_interrupted = False

    def interrupt_child() -> None:
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGINT)

    def pass_on(number: int) -> None:
        nonlocal was_interrupted
        arrived_by_itself = is_on_terminal and number == signal.SIGINT
        if not was_interrupted and not arrived_by_itself:
            interrupt_child()
        was_interrupted = True

    # Before the program starts: a signal in between would end this process and leave it behind.
    with _handling((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), pass_on):
        child = subprocess.Popen(
            [str(argument) for argument in arguments],
            stdin=None if is_on_terminal else subprocess.DEVNULL,
            env=environment,
            cwd=directory,
            process_group=None if is_on_terminal else 0,
        )
        if was_interrupted:
            interrupt_child()
        code = child.wait()
    if was_interrupted:
        raise InterruptedRunError
    return code
