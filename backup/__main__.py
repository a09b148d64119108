"""The command line: `python -m backup COMMAND --stack STACK …`; make calls it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from backup import bundle, passphrase, restore
from backup.stack import Stack
from toolchain.console import Console, exit_code_of

# What creates a bundle knows the program, whose SDK takes a second to load: restoring does without.


def _create(arguments: argparse.Namespace, console: Console) -> int:
    from backup import create  # noqa: PLC0415  (see above)

    stack = Stack.read(arguments.stack)
    secret = passphrase.read(ask=passphrase.terminal(), is_new=True)
    made = create.create(stack, arguments.to, secret, console, pause=arguments.pause)
    console.line(f"{made}")
    return 0


def _restore(arguments: argparse.Namespace, console: Console) -> int:
    if arguments.secrets:
        secret = passphrase.read(ask=passphrase.terminal(), is_new=False)
        with bundle.opened(arguments.bundle, secret) as opened:
            restore.restore_secrets(arguments.stack, opened, console)
        console.paragraph(
            f"Stack {arguments.stack} has the bundle's secrets. Go on with make up "
            f"STACK={arguments.stack}, then restore the data with make restore."
        )
        return 0
    stack = Stack.read(arguments.stack)
    secret = passphrase.read(ask=passphrase.terminal(), is_new=False)
    with bundle.opened(arguments.bundle, secret) as opened:
        restore.restore(stack, opened, console, force=arguments.force)
    console.line(f"Stack {arguments.stack} holds what {arguments.bundle} holds.")
    return 0


def _before_upgrade(arguments: argparse.Namespace, console: Console) -> int:
    from backup import before_upgrade  # noqa: PLC0415  (see above)

    before_upgrade.back_up(arguments.stack, arguments.components, console)
    return 0


def _parser() -> argparse.ArgumentParser:
    grammar = argparse.ArgumentParser(prog="python -m backup", description=__doc__)
    commands = grammar.add_subparsers(dest="command", required=True)
    creation = commands.add_parser("create", help="write a bundle")
    creation.add_argument("--to", type=Path, required=True, help="folder that takes the bundle")
    creation.add_argument("--pause", action="store_true", help="stop what writes meanwhile")
    restoration = commands.add_parser("restore", help="restore a bundle")
    restoration.add_argument("--bundle", type=Path, required=True, help="what create wrote")
    restoration.add_argument("--force", action="store_true", help="replace data that is there")
    restoration.add_argument("--secrets", action="store_true", help="the generated secrets alone")
    upgrade = commands.add_parser("before-upgrade", help="write one if the stack asks for it")
    upgrade.add_argument("components", nargs="+", help="those that get another image")
    for command in (creation, restoration, upgrade):
        command.add_argument("--stack", required=True, help="which environment")
    return grammar


def main(words: list[str]) -> int:
    """Run one command; a failure is printed as one line."""
    arguments = _parser().parse_args(words)
    commands = {"create": _create, "restore": _restore, "before-upgrade": _before_upgrade}
    command = commands[arguments.command]
    return exit_code_of(lambda: command(arguments, Console()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
