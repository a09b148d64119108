"""The commands of the Makefile, each a function from parsed arguments to an exit code."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import io
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping

from toolchain import (
    backend,
    base_image,
    containers,
    doctor,
    engine,
    engine_choice,
    facts,
    paths,
    published_images,
    pulumi_cli,
    report,
    summary,
    virtual_environment,
)
from toolchain import stack as stacks
from toolchain.console import Console, exit_code_of
from toolchain.errors import InterruptedRunError, ToolchainError
from toolchain.processes import last_lines, run_in_foreground, run_quietly

SEED = paths.REPOSITORY / "database" / "seed" / "todos.sql"
LOCKS = ("requirements", "requirements-dev", "services/requirements")
# More than there are processors: the tests mostly wait for containers.
TEST_WORKERS = ("--numprocesses=4", "--dist=loadscope", "--no-loadscope-reorder")
OFFLINE = "not engine and not stack and not cli"
CHECK_LOG_LINES = 200
SCAN_COULD_NOT_LOOK = 2
EXTERNAL_SECTION = re.compile(r"^( +)external:.*\n(?:(?:\1 +.*)?\n)*", re.MULTILINE)


@contextlib.contextmanager
def _one_at_a_time(console: Console) -> Iterator[None]:
    """Keep two runs from preparing the same checkout at once; the second waits for the first."""
    lock = paths.make_private(paths.LOCAL) / "prepare.lock"
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with console.step("Another run") as step:
                step.note("waiting until it has prepared this checkout")
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def stack_ports(text: str) -> tuple[int, ...]:
    """The ports that a stack file sets on the host, not those of stores that run elsewhere."""
    here = EXTERNAL_SECTION.sub("", f"{text}\n")
    return tuple(
        sorted({int(port) for port in re.findall(r"^\s+port:\s*(\d+)", here, re.MULTILINE)})
    )


def _gather(stack: str, *, probe_network: bool) -> facts.Facts:
    engine_choice.adopt(stack)
    answering = engine.version()
    ports = stack_ports((paths.REPOSITORY / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    if engine_choice.is_elsewhere():
        ports = ()  # they are taken there
    elif answering is not None:
        own = " ".join(port for found in containers.of_stack(stack) for port in found.ports)
        ports = tuple(port for port in ports if f":{port}->" not in own)
    reason = "" if answering else engine.problem()
    return facts.gather(answering, reason, ports, os.environ, probe_network=probe_network)


def _findings(stack: str, *, probe_network: bool) -> list[doctor.Finding]:
    return doctor.findings(
        _gather(stack, probe_network=probe_network),
        builds_images=not stacks.deploys_published_images(stack),
    )


def _prepare_tools(console: Console, *, development: bool = False) -> pulumi_cli.Cli:
    virtual_environment.prepare(console, development=development)
    return pulumi_cli.prepare(console)


def _prepare(console: Console, stack: str, *, development: bool = False) -> stacks.Stack:
    """Everything that `pulumi up` needs, in the order in which it fails soonest."""
    with _one_at_a_time(console):
        with console.step("This machine") as step:
            is_new = not (paths.BINARIES / "pulumi").exists()
            doctor.require(_findings(stack, probe_network=is_new))
            step.note(f"{facts.memory_bytes() >> 30} GiB memory")
        engine.prepare(console)
        cli = _prepare_tools(console, development=development)
        where = backend.prepare(console)
        if not stacks.deploys_published_images(stack):
            base_image.prepare(console)
    return stacks.Stack(stack, cli, where)


def _open(console: Console, stack: str) -> stacks.Stack:
    """A stack whose tools are prepared, for a command that only reads or removes."""
    with _one_at_a_time(console):
        return stacks.Stack(stack, _prepare_tools(console), backend.prepare(console))


def _up(arguments: argparse.Namespace, console: Console) -> int:
    stack = _prepare(console, arguments.stack)
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


def _preview(arguments: argparse.Namespace, console: Console) -> int:
    stack = _prepare(console, arguments.stack)
    stacks.prepare(stack, console)
    stacks.preview(stack)
    return 0


def _publish(arguments: argparse.Namespace, console: Console) -> int:
    address = published_images.check_address(arguments.registry)
    with _one_at_a_time(console):
        engine.prepare(console)
        virtual_environment.prepare(console)
        base_image.prepare(console)
    return published_images.push(arguments.stack, address)


def _report(arguments: argparse.Namespace, _console: Console) -> int:
    progress = Console(sys.stderr)
    stack = _open(progress, arguments.stack)
    return report.run(stack, progress, base=arguments.base, longest=arguments.longest)


def _drift(arguments: argparse.Namespace, _console: Console) -> int:
    engine_choice.adopt(arguments.stack)
    # Quiet where nobody watches: what a scheduler mails is drift, or a failure.
    watched = sys.stderr.isatty()
    stack = _open(Console(sys.stderr if watched else io.StringIO()), arguments.stack)
    options = [
        *(["--fix"] if arguments.fix else []),
        *([] if arguments.database else ["--no-database"]),
    ]
    return run_in_foreground(
        [paths.PYTHON, "-m", "drift", stack.name, *options],
        environment=stack.environment(),
        directory=paths.REPOSITORY,
    )


def _upgrades(_arguments: argparse.Namespace, _console: Console) -> int:
    console = Console(sys.stderr)
    with _one_at_a_time(console):
        virtual_environment.prepare(console)
    engine.adopt_context()
    return run_in_foreground([paths.PYTHON, "-m", "upgrades"], directory=paths.REPOSITORY)


def _outputs(arguments: argparse.Namespace, console: Console) -> int:
    stack = _open(Console(sys.stderr), arguments.stack)
    found = stacks.outputs(stack, show_secrets=arguments.show_secrets)
    if arguments.name and arguments.name not in found:
        raise ToolchainError(
            f"stack {stack.name} has no output {arguments.name}",
            f"It has {', '.join(sorted(found)) or 'none; make up creates them'}.",
        )
    value = found[arguments.name] if arguments.name else found
    console.line(value if isinstance(value, str) else json.dumps(value, indent=2))
    return 0


def _scan(arguments: argparse.Namespace, _console: Console) -> int:
    """0: no secret stands in clear; 1: some do; 2: could not look."""
    try:
        engine_choice.adopt(arguments.stack)
        stack = _open(Console(sys.stderr), arguments.stack)
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


def _down(arguments: argparse.Namespace, console: Console) -> int:
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


def _destroy(arguments: argparse.Namespace, console: Console) -> int:
    _confirm(arguments.stack)
    engine_choice.adopt(arguments.stack)
    stack = _open(console, arguments.stack)
    if stacks.exported(stack) is None:
        console.line(f"There is no stack {stack.name}.")
        return 0
    deployment = stacks.prepare(stack, console)
    stacks.destroy(stack, deployment, console)
    return 0


def _logs(arguments: argparse.Namespace, _console: Console) -> int:
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


def _ps(arguments: argparse.Namespace, console: Console) -> int:
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


def _doctor(arguments: argparse.Namespace, console: Console) -> int:
    doctor.report(console, _findings(arguments.stack, probe_network=True))
    return 0


def _seed(arguments: argparse.Namespace, console: Console) -> int:
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


def _backup(arguments: argparse.Namespace, console: Console) -> int:
    if not arguments.to:
        raise ToolchainError("TO= is not set", "Name the folder that takes the bundle: TO=folder.")
    engine_choice.adopt(arguments.stack)
    pause = ["--pause"] if arguments.pause else []
    return _in_backup(_open(console, arguments.stack), "create", "--to", arguments.to, *pause)


def _restore(arguments: argparse.Namespace, console: Console) -> int:
    if not arguments.bundle:
        raise ToolchainError("FROM= is not set", "Name the bundle: FROM=file.")
    engine_choice.adopt(arguments.stack)
    chosen = {"--force": arguments.force, "--secrets": arguments.state}
    options = [name for name, is_chosen in chosen.items() if is_chosen]
    stack = _open(console, arguments.stack)
    return _in_backup(stack, "restore", "--bundle", arguments.bundle, *options)


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


def _check(_arguments: argparse.Namespace, console: Console) -> int:
    with _one_at_a_time(console):
        virtual_environment.prepare(console, development=True)
    code_is_fine = _read_code(console)
    tests_pass = _check_step(console, "pytest", "pytest", "-q", "-n", "auto", "-m", OFFLINE)
    return 0 if code_is_fine and tests_pass else 1


def _test(arguments: argparse.Namespace, console: Console) -> int:
    stack = _prepare(console, "ci", development=True)
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


def _bench(arguments: argparse.Namespace, console: Console) -> int:
    stack = _prepare(console, arguments.stack, development=True)
    return run_in_foreground(
        [paths.PYTHON, "-m", "bench", *arguments.rest],
        environment=stack.environment(),
        directory=paths.REPOSITORY,
    )


def _lock(_arguments: argparse.Namespace, console: Console) -> int:
    with _one_at_a_time(console):
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


def _env(arguments: argparse.Namespace, console: Console) -> int:
    stack = _open(Console(sys.stderr), arguments.stack)
    variables = stack.environment() | engine_choice.choose(stack.name).variables()
    for line in shell_exports(variables, os.environ):
        console.line(line)
    return 0


Command = Callable[[argparse.Namespace, Console], int]
COMMANDS: Mapping[str, tuple[Command, str]] = {
    "up": (_up, "prepare everything and bring the stack up"),
    "preview": (_preview, "show what up would change"),
    "publish": (_publish, "push a stack's own images and lock their digests"),
    "report": (_report, "say what up would change, for a reviewer, as Markdown"),
    "drift": (_drift, "say where what runs is not what was declared; exit code 3 if so"),
    "outputs": (_outputs, "print the stack's outputs as JSON"),
    "scan": (_scan, "look for the stack's secrets in clear"),
    "down": (_down, "stop the stack; its data is kept"),
    "destroy": (_destroy, "remove the stack and its data; asks first"),
    "logs": (_logs, "print a container's log"),
    "ps": (_ps, "list the stack's containers"),
    "seed": (_seed, "apply the example data"),
    "backup": (_backup, "write an encrypted bundle of the stores and secrets"),
    "restore": (_restore, "restore a bundle into a running stack"),
    "upgrades": (_upgrades, "list newer versions of what is pinned; exit code 3 if any"),
    "doctor": (_doctor, "say what this machine lacks and the mend"),
    "check": (_check, "lint, types, unit and policy tests"),
    "test": (_test, "run every test, on the stack ci too"),
    "bench": (_bench, "measure start, memory and the gateway"),
    "lock": (_lock, "compile the requirements files"),
    "env": (_env, "print exports for plain pulumi commands"),
}


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    grammar = argparse.ArgumentParser(
        prog="python3 -m toolchain",
        description="Prepares this machine and runs Plinth's stacks. make calls it.",
    )
    commands = grammar.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_command, description) in COMMANDS.items():
        command = commands.add_parser(name, help=description, description=description)
        command.add_argument("--stack", default="dev", help="which environment (default: dev)")
        if name == "report":
            command.add_argument("--base", default="HEAD", help="revision to compare settings with")
            command.add_argument("--longest", type=int, help="most characters of the report")
        if name == "drift":
            command.add_argument("--fix", action="store_true", help="put right what was found")
            command.add_argument(
                "--no-database",
                dest="database",
                action="store_false",
                help="leave the database's catalogue out",
            )
        if name == "publish":
            command.add_argument("--registry", default="", help="host[:port]/path")
        if name == "logs":
            command.add_argument("--service", default="", help="the component, as in `make ps`")
        if name == "outputs":
            command.add_argument("--show-secrets", action="store_true", help="secret ones too")
            command.add_argument("--name", default="", help="one output alone, without quotes")
        if name == "backup":
            command.add_argument("--to", default="", help="folder that takes the bundle")
            command.add_argument("--pause", action="store_true", help="stop what writes meanwhile")
        if name == "restore":
            command.add_argument("--from", dest="bundle", default="", help="what backup wrote")
            command.add_argument("--force", action="store_true", help="replace data that is there")
            command.add_argument("--state", action="store_true", help="the secrets alone")
        if name in {"test", "bench"}:
            command.add_argument("rest", nargs="*", help="handed on")
    return grammar


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code; a failure is printed as one line."""
    parsed = parser().parse_args(arguments)

    def run() -> int:
        stacks.check_name(parsed.stack)
        return COMMANDS[parsed.command][0](parsed, Console())

    try:
        return exit_code_of(run)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
