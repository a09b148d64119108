"""What has to be there before a command can work on a stack, and one run at a time of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from typing import TYPE_CHECKING

from toolchain import (
    backend,
    base_image,
    containers,
    doctor,
    engine,
    engine_choice,
    facts,
    paths,
    pulumi_cli,
    virtual_environment,
)
from toolchain import stack as stacks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolchain.console import Console

_EXTERNAL_SECTION = re.compile(r"^( +)external:.*\n(?:(?:\1 +.*)?\n)*", re.MULTILINE)


@contextlib.contextmanager
def one_at_a_time(console: Console) -> Iterator[None]:
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
    here = _EXTERNAL_SECTION.sub("", f"{text}\n")
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


def findings(stack: str, *, probe_network: bool) -> list[doctor.Finding]:
    """What this machine lacks for a stack; see `doctor`.

    Args:
        stack: The stack's name.
        probe_network: Whether the package mirrors are asked as well.
    """
    return doctor.findings(
        _gather(stack, probe_network=probe_network),
        builds_images=not stacks.deploys_published_images(stack),
    )


def _tools(console: Console, *, development: bool = False) -> pulumi_cli.Cli:
    virtual_environment.prepare(console, development=development)
    return pulumi_cli.prepare(console)


def prepare(console: Console, stack: str, *, development: bool = False) -> stacks.Stack:
    """Everything that `pulumi up` needs, in the order in which it fails soonest."""
    with one_at_a_time(console):
        with console.step("This machine") as step:
            is_new = not (paths.BINARIES / "pulumi").exists()
            doctor.require(findings(stack, probe_network=is_new))
            step.note(f"{facts.memory_bytes() >> 30} GiB memory")
        engine.prepare(console)
        cli = _tools(console, development=development)
        where = backend.prepare(console)
        if not stacks.deploys_published_images(stack):
            base_image.prepare(console)
    return stacks.Stack(stack, cli, where)


def open_stack(console: Console, stack: str) -> stacks.Stack:
    """A stack whose tools are prepared, for a command that only reads or removes."""
    with one_at_a_time(console):
        return stacks.Stack(stack, _tools(console), backend.prepare(console))
