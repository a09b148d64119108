"""The command line: `python -m publish push|pull --stack STACK …`; make calls it."""

from __future__ import annotations

import argparse
import sys

import docker
from docker.errors import DockerException

from infra import image_lock, stack_file
from infra.config.section import ConfigurationError
from publish.pull import pull
from publish.push import push
from publish.registry import Registry
from toolchain.console import Console, exit_code_of
from toolchain.errors import ToolchainError

ENGINE_SECONDS = 600


def _parser() -> argparse.ArgumentParser:
    grammar = argparse.ArgumentParser(prog="python -m publish", description=__doc__)
    commands = grammar.add_subparsers(dest="command", required=True)
    pushing = commands.add_parser("push", help="push images and write their digests into the lock")
    pushing.add_argument("--registry", required=True, help="host[:port]/path")
    pulling = commands.add_parser("pull", help="pull the images that the lock names")
    for command in (pushing, pulling):
        command.add_argument("--stack", required=True, help="which environment")
    return grammar


def _push(arguments: argparse.Namespace, console: Console) -> int:
    config = stack_file.read(arguments.stack)
    lock = config.images.lock or image_lock.FILE
    is_changed = push(config, arguments.registry, _registry(), stack_file.ROOT, console)
    console.line(f"{lock} has the digests: commit it." if is_changed else f"{lock} is as it was.")
    if config.images.lock is None:
        console.paragraph(
            f"Stack {arguments.stack} builds its images until Pulumi.{arguments.stack}.yaml has "
            f"lock: {lock} under plinth:images."
        )
    return 0


def _pull(arguments: argparse.Namespace, console: Console) -> int:
    try:
        config = stack_file.read(arguments.stack)
    except ConfigurationError:
        return 0  # the program says so, as it does where nothing is pulled
    if config.images.lock:
        pull(config, _registry(), stack_file.ROOT, console)
    return 0


def _registry() -> Registry:
    return Registry(docker.from_env(timeout=ENGINE_SECONDS))


def _run(arguments: argparse.Namespace, console: Console) -> int:
    try:
        return {"push": _push, "pull": _pull}[arguments.command](arguments, console)
    except ConfigurationError as error:
        raise ToolchainError(str(error), "Nothing was changed.") from error
    except DockerException as error:
        raise ToolchainError(f"the Docker engine failed: {error}", "Run make doctor.") from error


def main(words: list[str]) -> int:
    """Run one command; a failure is printed as one line."""
    arguments = _parser().parse_args(words)
    return exit_code_of(lambda: _run(arguments, Console()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
