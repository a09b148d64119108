"""Own images in a registry: publishing them, and pulling what a stack's lock names.

The package `publish` does it; it needs the virtual environment.
"""

from __future__ import annotations

import re

from toolchain import paths
from toolchain.errors import ToolchainError
from toolchain.processes import run_in_foreground

# host[:port]/path, as an image's name begins: https://pkg.go.dev/github.com/distribution/reference
ADDRESS = re.compile(
    r"(localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:))(:[0-9]{1,5})?"
    r"(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+"
)


def check_address(address: str) -> str:
    """Return the address of a registry that images can be pushed to: `host[:port]/path`.

    Raises:
        ToolchainError: it is none.
    """
    if ADDRESS.fullmatch(address):
        return address
    what = f"REGISTRY={address!r} is no registry" if address else "REGISTRY= is not set"
    if "@" in address:
        # Not repeated: what stands before the @ may be a password.
        what = "REGISTRY= holds a login or a digest, and the login is the one of docker login"
    raise ToolchainError(
        what,
        "Give host[:port]/path without a scheme, in lower case, such as "
        "REGISTRY=registry.example.org/plinth.",
    )


def push(stack: str, address: str) -> int:
    """Push the stack's own images and write the lock; the exit code."""
    return _run("push", stack, "--registry", address)


def pull(stack: str) -> int:
    """Pull what the lock of the stack names, if it names one; the exit code."""
    return _run("pull", stack)


def _run(command: str, stack: str, *options: str) -> int:
    return run_in_foreground(
        [paths.PYTHON, "-m", "publish", command, "--stack", stack, *options],
        directory=paths.REPOSITORY,
    )
