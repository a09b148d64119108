"""`python -m drift STACK [--fix] [--no-database]`, which `make drift` calls.

Exit codes: 0 what runs is what was declared; 3 it is not, and the table on stdout says where; 1 it
could not be told, and one line on stderr says why; 2 wrong arguments; 130 it was interrupted.
"""

from __future__ import annotations

import argparse
import io
import sys

import docker
from docker.errors import DockerException

from drift import repair, report
from drift.check import Check, Outcome
from drift.declaration import UnreadableStateError
from drift.finding import Finding, Remedy
from toolchain import backend, pulumi_cli
from toolchain import stack as stacks
from toolchain.console import Console
from toolchain.errors import ToolchainError

NONE, FAILED, FOUND, INTERRUPTED = 0, 1, 3, 130
ENGINE_SECONDS = 300
MOST_REPAIRS = 2
"""The second one puts right what could not be read before the first, such as a stopped database."""


def grammar() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m drift", description=__doc__)
    parser.add_argument("stack", help="which environment")
    parser.add_argument("--fix", action="store_true", help="put right what was found")
    parser.add_argument(
        "--no-database",
        dest="database",
        action="store_false",
        help="leave the database's catalogue out",
    )
    return parser


def _print(outcome: Outcome, stream: Console) -> None:
    for line in report.table(outcome.findings, outcome.declaration.secrets):
        stream.line(line)


def _advice(findings: tuple[Finding, ...], stack: str) -> list[str]:
    """What can be done about the findings, one line for each remedy."""
    lines = []
    for remedy in Remedy:
        about = sum(finding.remedy is remedy for finding in findings)
        if about:
            lines.append(f"{about} x {remedy.value}")
    if any(finding.remedy in repair.REPAIRED for finding in findings):
        lines.append(f"make drift FIX=1 STACK={stack} does what can be done by itself.")
    return lines


def _require_applied(findings: tuple[Finding, ...], stack: str) -> None:
    """Refuse to repair by an update that would apply more than what was declared before.

    Raises:
        ToolchainError: this checkout declares something that was never applied.
    """
    waiting = sorted({each.component for each in findings if each.remedy is Remedy.APPLY_FIRST})
    if waiting:
        raise ToolchainError(
            f"this checkout declares changes that were never applied ({', '.join(waiting)}), and "
            "putting drift right would apply them too; nothing was changed",
            f"Look at make preview STACK={stack}, run make up STACK={stack}, then this again.",
        )


def _repair(
    check: Check, outcome: Outcome, client: docker.DockerClient, stack: stacks.Stack
) -> Outcome:
    """Put right what was found, and look again."""
    console = Console(sys.stdout)
    for _ in range(MOST_REPAIRS):
        _require_applied(outcome.findings, stack.name)
        if not any(finding.remedy in repair.REPAIRED for finding in outcome.findings):
            break
        console.line("Putting right:")
        check.repair_database(outcome)
        planned = repair.plan(outcome.findings, outcome.declaration)
        grace = {each.name: each.inputs.stop_timeout for each in outcome.declaration.containers}
        repair.carry_out(planned, client, grace, console.line)
        if planned.needs_update:
            # Not previewed: that this checkout declares nothing new was seen by the look before.
            stacks.update(stack)
        before, outcome = outcome, check.run_again()
        if outcome.findings == before.findings:
            break
    return outcome


def run(arguments: argparse.Namespace) -> int:
    """Look, repair where asked, and return the exit code.

    Raises:
        ToolchainError: it could not be told, or not be put right.
    """
    output, steps = Console(sys.stdout), Console(io.StringIO())
    stack = stacks.Stack(arguments.stack, pulumi_cli.prepare(steps), backend.prepare(steps))
    client = docker.from_env(timeout=ENGINE_SECONDS)
    try:
        check = Check(stack, client, with_database=arguments.database)
        outcome = check.run()
        _print(outcome, output)
        if arguments.fix and outcome.findings:
            outcome = _repair(check, outcome, client, stack)
            output.line("Left to you:" if outcome.findings else "Everything is as declared.")
            _print(outcome, output)
    finally:
        client.close()
    advice = [] if arguments.fix else _advice(outcome.findings, stack.name)
    for line in (*outcome.notes, *advice):
        Console(sys.stderr).line(line)
    return FOUND if outcome.findings else NONE


def main(arguments: list[str]) -> int:
    """Run the command; a failure is one line on stderr."""
    parsed = grammar().parse_args(arguments)
    errors = Console(sys.stderr)
    try:
        return run(parsed)
    except ToolchainError as error:
        errors.error(error)
    except UnreadableStateError as error:
        errors.error(ToolchainError(str(error), f"make up STACK={parsed.stack}, then this again."))
    except DockerException as error:
        errors.error(ToolchainError(f"the Docker engine failed: {error}", "Run make doctor."))
    except KeyboardInterrupt:
        return INTERRUPTED  # the toolchain says so
    return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
