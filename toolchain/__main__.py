"""The command line: `python3 -m toolchain COMMAND [--stack STACK]`."""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this is where an older Python is told
    found = ".".join(str(part) for part in sys.version_info[:3])
    sys.exit(
        f"plinth: Python {found} is too old, 3.11 or newer is needed. "
        "Run make with a newer one: make PYTHON=python3.13 up"
    )

from toolchain.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
