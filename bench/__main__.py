"""Measure a stack of its own and print one table: start, memory, gateway, sign-in.

Takes about seven minutes with warm images. Needs wrk on the machine (`apt-get install wrk`) and
nothing else busy: the load average at the end of the table tells.
"""

from __future__ import annotations

import shutil
import sys

from bench import environment, gateway, memory, report, sign_in, start
from toolchain.console import Console
from toolchain.errors import ToolchainError


def measure() -> list[str]:
    """Take every measurement; the table's lines.

    Raises:
        MeasurementError: One could not be taken.
        ToolchainError: The toolchain could not be prepared.
    """
    console = Console(sys.stderr)
    with environment.running() as running:
        with console.step("Start"):
            started = start.measure(running)
        with console.step("Unchanged"):
            unchanged = running.up("--expect-no-changes")
            made = running.make_up()
        with console.step("Memory at rest"):
            held = memory.measure(running)
        with console.step("Gateway"):
            compared = gateway.measure(running)
        with console.step("Sign-in"):
            crowd = sign_in.measure(running)
    return [
        *report.start(started, unchanged, made),
        *report.memory(held),
        *report.gateway(compared),
        *report.sign_in(crowd),
        "",
        *report.machine(),
    ]


def main() -> int:
    """Print the table; 1 with one line of reason when there is none."""
    if shutil.which("wrk") is None:
        print("plinth: wrk is not installed. Install it: apt-get install wrk", file=sys.stderr)
        return 1
    try:
        lines = measure()
    except (environment.MeasurementError, ToolchainError) as error:
        print(f"plinth: no table: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
