"""A copy of the checkout with stacks of its own, `baka` and `bakb`, and their make targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests import checkout

if TYPE_CHECKING:
    import subprocess

    from tests.checkout import Run

PASSPHRASE = "correct horse battery staple"


def error(run: Run) -> str:
    """The line that says what is wrong and how to mend it; empty where none does."""
    lines = [line for line in run.printed.splitlines() if line.startswith("plinth: ")]
    assert len(lines) <= 1, run.printed
    return lines[0] if lines else ""


class Checkout(checkout.Checkout):
    """The copy; what runs in it finds the passphrase of bundles."""

    def target(
        self, target: str, stack: str, *, passphrase: str = PASSPHRASE, **variables: str
    ) -> Run:
        """Run a make target on a stack."""
        words = [f"{name}={value}" for name, value in variables.items()]
        environment = {"PLINTH_BACKUP_PASSPHRASE": passphrase}
        return self.make(stack, target, *words, environment=environment)

    def done(self, target: str, stack: str, **variables: str) -> str:
        """The same for a target that must end well: what it printed."""
        run = self.target(target, stack, **variables)
        assert run.code == 0, run.printed
        return run.printed

    def began(self, *command: str) -> subprocess.Popen[str]:
        """Start a command that a test will interrupt."""
        return self.start(*command, environment={"PLINTH_BACKUP_PASSPHRASE": PASSPHRASE})
