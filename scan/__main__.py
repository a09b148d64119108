"""`python -m scan --stack STACK`: looks for the stack's secrets where they must not stand.

Exit code 0: none found; 1: some found; 2: could not look.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from scan.known import secrets_of
from scan.places import SOURCES, ScanError, decrypted_state
from scan.search import find

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scan.search import Finding

CLEAN, FOUND, COULD_NOT_LOOK = 0, 1, 2


def table(findings: Sequence[Finding]) -> list[str]:
    """The findings as lines: where, and whose secret; never the secret."""
    rows = [("WHERE", "AT", "SECRET OF")]
    rows += [(finding.source, finding.path, finding.owner) for finding in findings]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return [
        f"{where:<{widths[0]}}  {path:<{widths[1]}}  {owner}".rstrip()
        for where, path, owner in rows
    ]


def scan(stack: str) -> tuple[list[Finding], str]:
    """What was found in a stack, and a sentence on what was looked at.

    Raises:
        ScanError: Something could not be looked at, or the stack has no secret to look for.
    """
    secrets = secrets_of(decrypted_state(stack))
    if not secrets:
        raise ScanError(f"stack {stack} holds no secret. Bring it up first: make up STACK={stack}")
    findings: list[Finding] = []
    counts = []
    for name, source in SOURCES.items():
        places = list(source(stack))
        findings += find(places, secrets)
        counts.append(f"{name} {len(places)}")
    return findings, f"{len(secrets)} secrets, texts looked at: {', '.join(counts)}"


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m scan", description=__doc__)
    parser.add_argument("--stack", required=True)
    stack = parser.parse_args(arguments).stack
    try:
        findings, looked_at = scan(stack)
    except ScanError as error:
        print(f"plinth: {error}", file=sys.stderr)  # noqa: T201  a command
        return COULD_NOT_LOOK
    print(looked_at)  # noqa: T201  a command
    if not findings:
        print(f"No secret of stack {stack} stands in clear.")  # noqa: T201  a command
        return CLEAN
    print("\n".join(table(findings)))  # noqa: T201  a command
    print(  # noqa: T201  a command
        f"plinth: secrets of stack {stack} stand in clear at {len(findings)} places. Take them out "
        "there, then give out new ones: docs/operations.md#rotate-keys-and-passwords",
        file=sys.stderr,
    )
    return FOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
