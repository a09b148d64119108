"""Commands on a stack, each a function from parsed arguments to an exit code."""

from __future__ import annotations

import io
import json
import os
import shlex
import sys
from typing import TYPE_CHECKING

from toolchain import (
    base_image,
    containers,
    engine,
    engine_choice,
    paths,
    published_images,
    summary,
    virtual_environment,
)
from toolchain import doctor as doctors
from toolchain import report as reports
from toolchain import stack as stacks
from toolchain.console import Console
from toolchain.errors import InterruptedRunError, ToolchainError
from toolchain.preparation import findings, one_at_a_time, open_stack, prepare
from toolchain.processes import run_in_foreground, run_quietly

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SEED = paths.REPOSITORY / "database" / "seed" / "todos.sql"
SCAN_COULD_NOT_LOOK = 2


def up(arguments: argparse.Namespace, console: Console) -> int:
    """Prepare everything and bring the stack up."""
    stack = prepare(console, arguments.stack)
    if stacks.deploys_published_images(stack.name):
        code = published_images.pull(stack.name)
        if code != 0:
            return code
    stacks.prepare(stack, console)
    code = stacks.up(stack, lambda stores: _in_backup(stack, "before-upgrade", *stores))
    if code != 0:
        return code
    for line in summary.lines(stack.name, stacks.outputs(stack)):
        console.line(line)
    return 0


def preview(arguments: argparse.Namespace, console: Console) -> int:
    """Show what up would change."""
    stack = prepare(console, arguments.stack)
    stacks.prepare(stack, console)
    stacks.preview(stack)
    return 0


def publish(arguments: argparse.Namespace, console: Console) -> int:
    """Push a stack's own images and lock their digests."""
    address = published_images.check_address(arguments.registry)
    with one_at_a_time(console):
        engine.prepare(console)
        virtual_environment.prepare(console)
        base_image.prepare(console)
    return published_images.push(arguments.stack, address)


def report(arguments: argparse.Namespace, _console: Console) -> int:
    """Say what up would change, for a reviewer, as Markdown."""
    progress = Console(sys.stderr)
    stack = open_stack(progress, arguments.stack)
    return reports.run(stack, progress, base=arguments.base, longest=arguments.longest)


def drift(arguments: argparse.Namespace, _console: Console) -> int:
    """Say where what runs is not what was declared; exit code 3 if so."""
    engine_choice.adopt(arguments.stack)
    # Quiet where nobody watches: what a scheduler mails is drift, or a failure.
    watched = sys.stderr.isatty()
    stack = open_stack(Console(sys.stderr if watched else io.StringIO()), arguments.stack)
    options = [
        *(["--fix"] if arguments.fix else []),
        *(["--no-database"] if arguments.no_database else []),
    ]
    return run_in_foreground(
        [paths.PYTHON, "-m", "drift", stack.name, *options],
        environment=stack.environment(),
        directory=paths.REPOSITORY,
    )


def upgrades(_arguments: argparse.Namespace, _console: Console) -> int:
    """List newer versions of what is pinned; exit code 3 if any."""
    console = Console(sys.stderr)
    with one_at_a_time(console):
        virtual_environment.prepare(console)
    engine.adopt_context()
    return run_in_foreground([paths.PYTHON, "-m", "upgrades"], directory=paths.REPOSITORY)


def outputs(arguments: argparse.Namespace, console: Console) -> int:
    """Print the stack's outputs as JSON."""
    stack = open_stack(Console(sys.stderr), arguments.stack)
    found = stacks.outputs(stack, show_secrets=arguments.show_secrets)
    if arguments.name and arguments.name not in found:
        raise ToolchainError(
            f"stack {stack.name} has no output {arguments.name}",
            f"It has {', '.join(sorted(found)) or 'none; make up creates them'}.",
        )
    value = found[arguments.name] if arguments.name else found
    console.line(value if isinstance(value, str) else json.dumps(value, indent=2))
    return 0


def scan(arguments: argparse.Namespace, _console: Console) -> int:
    """Look for the stack's secrets in clear; exit code 1 if some are, 2 if it could not look."""
    try:
        engine_choice.adopt(arguments.stack)
        stack = open_stack(Console(sys.stderr), arguments.stack)
        with stacks.keeping_stack_file(stack):
            return run_in_foreground(
                [paths.PYTHON, "-m", "scan", "--stack", stack.name],
                environment=stack.environment(),
                directory=paths.REPOSITORY,
            )
    except ToolchainError as error:
        # An interrupt keeps its own code.
        code = error.exit_code if isinstance(error, InterruptedRunError) else SCAN_COULD_NOT_LOOK
        raise ToolchainError(
            error.what, error.mend, evidence=error.evidence, exit_code=code
        ) from error


def down(arguments: argparse.Namespace, console: Console) -> int:
    """Stop the stack; its data is kept."""
    engine_choice.adopt(arguments.stack)
    stacks.down(arguments.stack, console)
    return 0


def _confirm(stack: str) -> None:
    if os.environ.get("YES") == "1":
        return
    question = f"This removes stack {stack} and all its data. Type its name to go on: "
    try:
        answer = input(question) if sys.stdin.isatty() else ""
    except EOFError:
        answer = ""
    if answer.strip() != stack:
        raise ToolchainError(
            f"not confirmed, nothing of stack {stack} was removed",
            "Type the stack's name when asked; YES=1 answers where nobody can.",
        )


def destroy(arguments: argparse.Namespace, console: Console) -> int:
    """Remove the stack and its data; asks first."""
    _confirm(arguments.stack)
    engine_choice.adopt(arguments.stack)
    stack = open_stack(console, arguments.stack)
    if stacks.exported(stack) is None:
        console.line(f"There is no stack {stack.name}.")
        return 0
    deployment = stacks.prepare(stack, console)
    stacks.destroy(stack, deployment, console)
    return 0


def logs(arguments: argparse.Namespace, _console: Console) -> int:
    """Print a container's log."""
    engine_choice.adopt(arguments.stack)
    present = containers.of_stack(arguments.stack)
    known = {found.component: found.name for found in present if not found.holds_files}
    if arguments.service not in known:
        listed = ", ".join(sorted(known)) or f"none; make up STACK={arguments.stack} starts them"
        what = (
            f"stack {arguments.stack} has no container {arguments.service}"
            if arguments.service
            else "SERVICE= is not set"
        )
        raise ToolchainError(what, f"Its containers: {listed}.")
    follow = ["--follow"] if sys.stdout.isatty() else []
    name = known[arguments.service]
    return run_in_foreground(["docker", "logs", "--tail", "200", *follow, name])


def ps(arguments: argparse.Namespace, console: Console) -> int:
    """List the stack's containers."""
    engine_choice.adopt(arguments.stack)
    found = [each for each in containers.of_stack(arguments.stack) if not each.holds_files]
    if not found:
        console.line(f"Stack {arguments.stack} has no containers. `make up` starts them.")
        return 0
    console.line(f"{'COMPONENT':<18}{'STATE':<22}PORTS")
    for container in found:
        state = container.health or container.status
        if container.status == "exited":
            state = f"ended with code {container.exit_code}"
        ports = ", ".join(container.ports)
        console.line(f"{container.component:<18}{state:<22}{ports}".rstrip())
    return 0


def doctor(arguments: argparse.Namespace, console: Console) -> int:
    """Say what this machine lacks, and the mend."""
    doctors.report(console, findings(arguments.stack, probe_network=True))
    return 0


def seed(arguments: argparse.Namespace, console: Console) -> int:
    """Apply the example data."""
    engine_choice.adopt(arguments.stack)
    name = f"plinth-{arguments.stack}-postgres"
    script = (
        'PGPASSWORD="$POSTGRES_PASSWORD" exec psql --no-psqlrc --quiet --single-transaction '
        '--set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "${POSTGRES_DB:-postgres}"'
    )
    with console.step("Example data") as step:
        running = {
            found.name
            for found in containers.of_stack(arguments.stack)
            if found.status == "running"
        }
        if name not in running:
            raise ToolchainError(
                f"stack {arguments.stack} has no running database",
                f"Start it first: make up STACK={arguments.stack}. One that runs elsewhere takes "
                f"{SEED.relative_to(paths.REPOSITORY)} through psql.",
            )
        # Through a shell for the redirection alone; every word is quoted.
        pipe = f"exec docker exec -i {shlex.quote(name)} sh -c {shlex.quote(script)}"
        run_quietly(
            ["sh", "-c", f"{pipe} < {shlex.quote(str(SEED))}"],
            log=paths.LOGS / "seed.log",
            failure=ToolchainError(
                "the example data could not be applied; the database is as it was",
                f"Mend {SEED.relative_to(paths.REPOSITORY)}, then run this again.",
            ),
        )
        step.note(f"{SEED.relative_to(paths.REPOSITORY)} applied to stack {arguments.stack}")
    return 0


def _in_backup(stack: stacks.Stack, *arguments: str) -> int:
    """Run the package `backup` on a stack, from the folder that the user is in."""
    with stacks.keeping_stack_file(stack):
        return run_in_foreground(
            [paths.PYTHON, "-m", "backup", *arguments, "--stack", stack.name],
            environment={**stack.environment(), "PYTHONPATH": str(paths.REPOSITORY)},
        )


def backup(arguments: argparse.Namespace, console: Console) -> int:
    """Write an encrypted bundle of the stores and secrets."""
    if not arguments.to:
        raise ToolchainError("TO= is not set", "Name the folder that takes the bundle: TO=folder.")
    engine_choice.adopt(arguments.stack)
    pause = ["--pause"] if arguments.pause else []
    return _in_backup(open_stack(console, arguments.stack), "create", "--to", arguments.to, *pause)


def restore(arguments: argparse.Namespace, console: Console) -> int:
    """Restore a bundle into a running stack."""
    if not arguments.bundle:
        raise ToolchainError("FROM= is not set", "Name the bundle: FROM=file.")
    engine_choice.adopt(arguments.stack)
    chosen = {"--force": arguments.force, "--secrets": arguments.state}
    options = [name for name, is_chosen in chosen.items() if is_chosen]
    stack = open_stack(console, arguments.stack)
    return _in_backup(stack, "restore", "--bundle", arguments.bundle, *options)


def shell_exports(environment: Mapping[str, str], current: Mapping[str, str]) -> list[str]:
    """`export` lines for what differs from the current environment."""
    lines: list[str] = []
    for name, value in sorted(environment.items()):
        before = current.get(name)
        if value == before:
            continue
        if before and value.endswith(os.pathsep + before):
            added = shlex.quote(value.removesuffix(before))
            lines.append(f'export {name}={added}"${name}"')
        else:
            lines.append(f"export {name}={shlex.quote(value)}")
    return lines


def env(arguments: argparse.Namespace, console: Console) -> int:
    """Print exports for plain pulumi commands."""
    stack = open_stack(Console(sys.stderr), arguments.stack)
    variables = stack.environment() | engine_choice.choose(stack.name).variables()
    for line in shell_exports(variables, os.environ):
        console.line(line)
    return 0
