"""The processes that the host has started, and how they are ended."""

import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

_TERMINATE_SECONDS: Final = 2.0


class Children:
    """Starts processes and remembers those that still run."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._ending = False

    @contextmanager
    def start(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        output: int | IO[bytes] | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command for as long as the context lives; it does not outlive the context.

        Args:
            command: The program and its arguments.
            folder: Its working directory.
            environment: Its environment variables.
            output: Where standard output and standard error go, as `subprocess.Popen` takes it;
                the host's own when left out.

        Raises:
            OSError: the program cannot be started.
        """
        process = subprocess.Popen(  # noqa: S603  the user's own program
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # The engine interrupts the host's whole process group when it has no more use for
            # the host. A child would answer with a KeyboardInterrupt trace: it gets a group of
            # its own and is ended by the host.
            start_new_session=True,
        )
        with self._lock:
            self._running.add(process)
            ending = self._ending
        if ending:
            process.terminate()
        try:
            yield process
        finally:
            end(process)
            with self._lock:
                self._running.discard(process)

    def end_all(self) -> None:
        """End every running child, and every one that is still to come."""
        with self._lock:
            self._ending = True
            running = list(self._running)
        for process in running:
            process.terminate()
        for process in running:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process: politely, then by force; one that has ended is left alone."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_TERMINATE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
