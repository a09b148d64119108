"""Records a preview of a stack for `preview_report`, which judges it.

Nothing is changed, in the engine or in the state, and the engine is not asked what it runs: the
report is about the change of the program and its configuration against the stack's state. Drift is
another question.
"""

from __future__ import annotations

import secrets
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain import paths
from toolchain import stack as stacks
from toolchain.backend import Backend
from toolchain.errors import ToolchainError
from toolchain.processes import run_in_foreground

if TYPE_CHECKING:
    from toolchain.console import Console
    from toolchain.stack import Stack

LONGEST_PREVIEW_SECONDS = 900
DIGEST, EVENTS, ERRORS = "preview.json", "events.jsonl", "errors.txt"


def record(stack: Stack, folder: Path) -> None:
    """Run a preview under the policies and write what Pulumi said into a folder.

    A preview that fails is recorded like any other.

    Raises:
        ToolchainError: Pulumi did not end in time.
    """
    paths.make_private(folder)
    for name in (DIGEST, EVENTS, ERRORS):
        (folder / name).unlink(missing_ok=True)
    with (
        stacks.keeping_stack_file(stack),
        (folder / DIGEST).open("wb") as digest,
        (folder / ERRORS).open("wb") as errors,
    ):
        try:
            subprocess.run(
                stacks.recorded_preview(stack, folder / EVENTS),
                stdin=subprocess.DEVNULL,
                stdout=digest,
                stderr=errors,
                env={**stack.environment(), "PULUMI_DEBUG_COMMANDS": "true"},
                cwd=paths.REPOSITORY,
                timeout=LONGEST_PREVIEW_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ToolchainError(
                f"the preview of stack {stack.name} did not end in {LONGEST_PREVIEW_SECONDS} s",
                "Check that the engine answers (make doctor), then run this again.",
            ) from None


def without_state(stack: Stack, folder: Path) -> Stack:
    """The same stack with an empty state of its own in a folder, for a preview from nothing."""
    variables = {
        "PULUMI_BACKEND_URL": folder.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(32),
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
    }
    return stacks.Stack(stack.name, stack.cli, Backend("empty", is_local=True, variables=variables))


def run(stack: Stack, console: Console, *, base: str, longest: int | None) -> int:
    """Record a preview and print its report.

    Where the stack does not exist yet, the preview starts from an empty state that is thrown away.

    Returns:
        The report's exit code: 0 nothing is interrupted, 3 components restart, 4 data is at risk,
        1 the preview failed.
    """
    folder = paths.LOGS / f"{stack.name}-report"
    has_state = stacks.exported(stack) is not None
    with tempfile.TemporaryDirectory(prefix="plinth-report-") as scratch:
        recorded = stack if has_state else without_state(stack, Path(scratch))
        if not has_state:
            stacks.prepare(recorded, console)
        with console.step("Preview") as step:
            step.note("against the stack's state" if has_state else "without a state")
            record(recorded, folder)
    command = [str(paths.PYTHON), "-m", "preview_report", str(folder)]
    command += ["--stack", stack.name, "--base", base]
    if longest is not None:
        command += ["--longest", str(longest)]
    if not has_state:
        command.append("--from-nothing")
    return run_in_foreground(command, directory=paths.REPOSITORY)
