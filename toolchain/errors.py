"""The one kind of failure that the toolchain reports: what is wrong, and how to mend it."""

from __future__ import annotations


class ToolchainError(Exception):
    """A failure to show as one line: `plinth: what. how to mend`.

    Args:
        what: what is wrong, without a full stop.
        mend: how to mend it, a sentence.
        evidence: the last lines of the failing program, shown above the line.
        exit_code: the process's exit code.
    """

    def __init__(
        self, what: str, mend: str, *, evidence: tuple[str, ...] = (), exit_code: int = 1
    ) -> None:
        """Keep the parts, so that a test can look at each."""
        super().__init__(f"{what}. {mend}")
        self.what = what
        self.mend = mend
        self.evidence = evidence
        self.exit_code = exit_code


class InterruptedRunError(ToolchainError):
    """Ctrl-C or a termination signal ended the run; what is done stays done."""

    def __init__(self) -> None:
        """Say that the same command goes on from here."""
        super().__init__(
            "interrupted", "Run the same command again: it goes on from here.", exit_code=130
        )
