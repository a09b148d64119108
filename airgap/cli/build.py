"""Build the Pulumi CLI from its published Go modules.

`go.mod` and `go.sum` beside this file pin every module by version and checksum. The build takes
minutes, so its result is kept under a key that changes with what goes into it.

Needs the standard library only: it runs before there is a virtual environment.
"""

import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

MODULE: Final = Path(__file__).parent
PACKAGE: Final = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
VERSION: Final = "v3.259.0"
MINIMUM_GO: Final = (1, 26)
"""The Go version that the CLI's module asks for."""

_VERSION_VARIABLE: Final = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
_PROGRESS_SECONDS: Final = 5.0
_LOG_LINES: Final = 20


class BuildError(Exception):
    """The CLI could not be built; the text holds the compiler's last lines."""


def source_digest() -> str:
    """Return the SHA-256, in hexadecimal, of everything that decides what is built."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum", "build.py"):
        content = (MODULE / name).read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def build(go: Path, destination: Path, on_progress: Callable[[str], None] | None = None) -> None:
    """Build the CLI and put it at ``destination``.

    An interrupted build leaves nothing at ``destination``; Go's own cache lets the next one go on.

    Args:
        go: The go command, of at least `MINIMUM_GO`.
        destination: Where the executable goes; missing folders are made.
        on_progress: Called about every five seconds with a line that says how long it has run.

    Raises:
        BuildError: the go command is missing or failed.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".build-") as scratch:
        executable = Path(scratch, "pulumi")
        log = Path(scratch, "log")
        command = [
            str(go),
            "build",
            "-mod=readonly",
            "-trimpath",
            "-buildvcs=false",
            f"-ldflags=-s -w -X {_VERSION_VARIABLE}={VERSION}",
            f"-o={executable}",
            PACKAGE,
        ]
        # A Go workspace or build flags of the user's must not change what is built.
        environment = {**os.environ, "GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0"}
        with log.open("wb") as output:
            try:
                process = subprocess.Popen(  # noqa: S603  the caller's go command
                    command, cwd=MODULE, env=environment, stdout=output, stderr=subprocess.STDOUT
                )
            except OSError as error:
                raise BuildError(f"cannot start {go}: {error.strerror}") from error
            code = _wait(process, on_progress)
        if code != 0:
            lines = log.read_text(errors="replace").splitlines()
            raise BuildError("\n".join([f"go build ended with {code}:", *lines[-_LOG_LINES:]]))
        executable.replace(destination)


def cached(go: Path, cache: Path, on_progress: Callable[[str], None] | None = None) -> Path:
    """Return the CLI out of ``cache``, built first where it is missing.

    Args:
        go: The go command, used only for a build.
        cache: The folder that holds one sub-folder per `source_digest`.
        on_progress: As for `build`.

    Raises:
        BuildError: as for `build`.
    """
    executable = cache / source_digest() / "pulumi"
    if not executable.exists():
        build(go, executable, on_progress)
    return executable


def _wait(process: subprocess.Popen[bytes], on_progress: Callable[[str], None] | None) -> int:
    started = time.monotonic()
    try:
        while True:
            try:
                return process.wait(_PROGRESS_SECONDS)
            except subprocess.TimeoutExpired:
                if on_progress:
                    on_progress(f"compiling, {time.monotonic() - started:.0f} s so far")
    except BaseException:  # Ctrl-C in the middle: no compiler is left behind
        process.terminate()
        process.wait()
        raise
