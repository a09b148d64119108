"""The command: `python -m preview_report FOLDER --stack STACK [--base REVISION]`.

Prints the report of the preview that was recorded in FOLDER. `python3 -m toolchain report` records
one and calls this. The exit code says how much there is to think about: 0 nothing is interrupted,
3 components restart, 4 data is at risk; 1 the preview failed, 2 the command was called wrongly.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from preview_report.assessment import assess
from preview_report.configuration import Comparison, ConfigurationFileError, compare
from preview_report.markdown import LONGEST_REPORT, render
from preview_report.recording import RecordingError, read

ROOT = Path(__file__).resolve().parent.parent


class RevisionError(Exception):
    """A base revision cannot be read; one line with the mend."""


def file_at(revision: str, name: str, repository: Path = ROOT) -> str | None:
    """A file's text at a git revision; None where it did not exist.

    Raises:
        RevisionError: This is no git checkout, or it does not hold the revision.
    """

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  (a fixed program, no shell)
            ["git", *arguments],  # noqa: S607  (found on PATH)
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
        )

    try:
        known = git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    except OSError as error:
        raise RevisionError(f"git cannot be run: {error.strerror}") from None
    if known.returncode != 0:
        raise RevisionError(
            f"revision {revision} is not in this checkout; fetch it: git fetch origin {revision}"
        )
    found = git("show", f"{known.stdout.strip()}:{name}")
    return found.stdout if found.returncode == 0 else None


def comparison(stack: str, base: str, repository: Path = ROOT) -> Comparison:
    """Compare the stack's file with a base revision of it; a problem becomes part of the report."""
    name = f"Pulumi.{stack}.yaml"
    try:
        before = file_at(base, name, repository)
        return compare(base, before, (repository / name).read_text(encoding="utf-8"))
    except (RevisionError, ConfigurationFileError) as error:
        return Comparison(base, problem=str(error))


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    grammar = argparse.ArgumentParser(
        prog="python -m preview_report", description="Reports what a recorded preview means."
    )
    grammar.add_argument("folder", type=Path, help="what `python3 -m toolchain report` recorded")
    grammar.add_argument("--stack", required=True, help="its stack")
    grammar.add_argument("--base", default="HEAD", help="git revision to compare settings with")
    grammar.add_argument("--longest", type=int, default=LONGEST_REPORT, help="most characters")
    grammar.add_argument(
        "--from-nothing", action="store_true", help="the preview was made without a state"
    )
    return grammar


def main(arguments: list[str]) -> int:
    """Print the report and return the risk."""
    parsed = parser().parse_args(arguments)
    try:
        preview = read(parsed.folder)
    except RecordingError as error:
        print(f"preview_report: {error}", file=sys.stderr)  # noqa: T201  (this module is a command)
        return 2
    assessment = assess(
        parsed.stack,
        preview,
        comparison(parsed.stack, parsed.base),
        from_nothing=parsed.from_nothing,
    )
    sys.stdout.write(render(assessment, parsed.longest))
    return int(assessment.risk)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
