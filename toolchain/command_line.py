"""The command line's grammar: every command with its options, in one table."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain import commands, development
from toolchain import stack as stacks
from toolchain.console import Console, exit_code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Option:
    """What a command takes besides `--stack`; text, unless it says otherwise."""

    name: str
    help: str
    default: str | None = ""
    kind: type[str | int] = str
    is_flag: bool = False
    destination: str | None = None
    """Name among the parsed arguments, where the option's own is none of Python's."""

    def add_to(self, grammar: argparse.ArgumentParser) -> None:
        """Let a command's grammar take it."""
        if self.is_flag:
            grammar.add_argument(self.name, help=self.help, action="store_true")
        else:
            grammar.add_argument(
                self.name,
                help=self.help,
                default=self.default,
                type=self.kind,
                dest=self.destination,
            )


@dataclass(frozen=True)
class Command:
    """A function, which says in its first line what it does, and the options that it reads."""

    run: Callable[[argparse.Namespace, Console], int]
    options: tuple[Option, ...] = ()
    hands_on: bool = False
    """Whether it hands further arguments on, as `rest`."""

    @property
    def description(self) -> str:
        """What `--help` says of it."""
        return (self.run.__doc__ or "").splitlines()[0]


def _flag(name: str, meaning: str) -> Option:
    return Option(name, meaning, is_flag=True)


COMMANDS: Mapping[str, Command] = {
    "up": Command(commands.up),
    "preview": Command(commands.preview),
    "publish": Command(commands.publish, (Option("--registry", "host[:port]/path"),)),
    "report": Command(
        commands.report,
        (
            Option("--base", "revision to compare settings with", default="HEAD"),
            Option("--longest", "most characters of the report", default=None, kind=int),
        ),
    ),
    "drift": Command(
        commands.drift,
        (
            _flag("--fix", "put right what was found"),
            _flag("--no-database", "leave the database's catalogue out"),
        ),
    ),
    "outputs": Command(
        commands.outputs,
        (
            _flag("--show-secrets", "secret ones too"),
            Option("--name", "one output alone, without quotes"),
        ),
    ),
    "scan": Command(commands.scan),
    "down": Command(commands.down),
    "destroy": Command(commands.destroy),
    "logs": Command(commands.logs, (Option("--service", "the component, as in `make ps`"),)),
    "ps": Command(commands.ps),
    "seed": Command(commands.seed),
    "backup": Command(
        commands.backup,
        (
            Option("--to", "folder that takes the bundle"),
            _flag("--pause", "stop what writes meanwhile"),
        ),
    ),
    "restore": Command(
        commands.restore,
        (
            Option("--from", "what backup wrote", destination="bundle"),
            _flag("--force", "replace data that is there"),
            _flag("--state", "the secrets alone"),
        ),
    ),
    "upgrades": Command(commands.upgrades),
    "doctor": Command(commands.doctor),
    "check": Command(development.check),
    "test": Command(development.test, hands_on=True),
    "bench": Command(development.bench, hands_on=True),
    "lock": Command(development.lock),
    "env": Command(commands.env),
}


def parser() -> argparse.ArgumentParser:
    """What the command line may say."""
    grammar = argparse.ArgumentParser(
        prog="python3 -m toolchain",
        description="Prepares this machine and runs Plinth's stacks. make calls it.",
    )
    subparsers = grammar.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        subparser = subparsers.add_parser(
            name, help=command.description, description=command.description
        )
        subparser.add_argument("--stack", default="dev", help="which environment (default: dev)")
        for option in command.options:
            option.add_to(subparser)
        if command.hands_on:
            subparser.add_argument("rest", nargs="*", help="handed on")
    return grammar


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code; a failure is printed as one line."""
    parsed = parser().parse_args(arguments)

    def run() -> int:
        stacks.check_name(parsed.stack)
        return COMMANDS[parsed.command].run(parsed, Console())

    try:
        return exit_code_of(run)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
