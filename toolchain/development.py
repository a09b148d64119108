"""Commands for who works on Plinth: check, test, bench, lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain import paths, virtual_environment
from toolchain.errors import ToolchainError
from toolchain.preparation import one_at_a_time, prepare
from toolchain.processes import last_lines, run_in_foreground, run_quietly

if TYPE_CHECKING:
    import argparse

    from toolchain.console import Console

LOCKS = ("requirements", "requirements-dev", "services/requirements")
# More than there are processors: the tests mostly wait for containers.
TEST_WORKERS = ("--numprocesses=4", "--dist=loadscope", "--no-loadscope-reorder")
OFFLINE = "not engine and not stack and not cli"
CHECK_LOG_LINES = 200


def _check_step(console: Console, title: str, *command: str) -> bool:
    """Run one check and print all it said when it fails."""
    log = paths.LOGS / f"check-{title.split(maxsplit=1)[0]}.log"
    try:
        with console.step(title) as step:
            run_quietly(
                [paths.PYTHON, "-m", *command],
                log=log,
                failure=ToolchainError(
                    f"{title} found something",
                    "Mend it, then run this again.",
                ),
                directory=paths.REPOSITORY,
            )
            said = last_lines(log.read_text(encoding="utf-8", errors="replace"), 1)
            step.note(said[0].strip("= ") if said else "clean")
    except ToolchainError:
        for line in last_lines(log.read_text(encoding="utf-8", errors="replace"), CHECK_LOG_LINES):
            console.line(f"  {line}")
        return False
    return True


def _read_code(console: Console) -> bool:
    """Check style and types; whether both found nothing."""
    return all(
        [
            _check_step(console, "ruff check", "ruff", "check", "."),
            _check_step(console, "ruff format", "ruff", "format", "--check", "."),
            _check_step(console, "mypy", "mypy", "."),
        ]
    )


def check(_arguments: argparse.Namespace, console: Console) -> int:
    """Lint, types, unit and policy tests."""
    with one_at_a_time(console):
        virtual_environment.prepare(console, development=True)
    code_is_fine = _read_code(console)
    tests_pass = _check_step(console, "pytest", "pytest", "-q", "-n", "auto", "-m", OFFLINE)
    return 0 if code_is_fine and tests_pass else 1


def test(arguments: argparse.Namespace, console: Console) -> int:
    """Run every test, on the stack ci too."""
    stack = prepare(console, "ci", development=True)
    if not _read_code(console):
        return 1
    # Once, before several workers want the same one.
    with console.step("Images") as step:
        run_quietly(
            [paths.PYTHON, "-m", "infra.image_build"],
            log=paths.LOGS / "images.log",
            failure=ToolchainError("an image could not be built", "Mend it, then run this again."),
            directory=paths.REPOSITORY,
        )
        step.note("built")
    # The tests type commands as a reader of the pages does, which is not inside another make:
    # there, make would print its folder around every answer.
    environment = {
        name: value
        for name, value in stack.environment().items()
        if name not in {"MAKELEVEL", "MAKEFLAGS", "MFLAGS"}
    } | {"PYTHONUNBUFFERED": "1"}
    return run_in_foreground(
        [paths.PYTHON, "-m", "pytest", *TEST_WORKERS, *(arguments.rest or ["tests"])],
        environment=environment,
        directory=paths.REPOSITORY,
    )


def bench(arguments: argparse.Namespace, console: Console) -> int:
    """Measure start, memory and the gateway."""
    stack = prepare(console, arguments.stack, development=True)
    return run_in_foreground(
        [paths.PYTHON, "-m", "bench", *arguments.rest],
        environment=stack.environment(),
        directory=paths.REPOSITORY,
    )


def lock(_arguments: argparse.Namespace, console: Console) -> int:
    """Compile the requirements files."""
    with one_at_a_time(console):
        virtual_environment.prepare(console, development=True)
    options = [
        "--universal",
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-annotate",
        "--no-header",
        "--quiet",
        "--python-version=3.11",
    ]
    for name in LOCKS:
        with console.step(f"{name}.txt"):
            run_quietly(
                [
                    paths.ENVIRONMENT / "bin" / "uv",
                    "pip",
                    "compile",
                    *options,
                    f"{name}.in",
                    "--output-file",
                    f"{name}.txt",
                ],
                log=paths.LOGS / "lock.log",
                failure=ToolchainError(
                    f"{name}.in could not be compiled", f"Mend {name}.in, then run this again."
                ),
                directory=paths.REPOSITORY,
            )
    return 0
