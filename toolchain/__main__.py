"""The command line: `python3 -m toolchain COMMAND [--stack STACK]`."""

from __future__ import annotations

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this is where an older Python is told
    found = ".".join(str(part) for part in sys.version_info[:3])
    sys.exit(
        f"plinth: Python {found} is too old, 3.11 or newer is needed. "
        "Run make with a newer one: make PYTHON=python3.13 up"
    )

# Every program that Pulumi starts here takes half as long from compiled modules, so they are kept
# even where the shell asks Python not to.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

from toolchain.command_line import main  # noqa: E402 - what is above is for its modules too

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
