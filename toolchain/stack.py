"""One stack and what can be done with it through Pulumi: up, preview, outputs, down, destroy."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolchain import containers, engine_events, failure, host_ports, image_changes, paths
from toolchain.errors import InterruptedRunError, ToolchainError
from toolchain.processes import capture, last_lines, run_in_foreground

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from toolchain.backend import Backend
    from toolchain.console import Console
    from toolchain.image_changes import ImageChange
    from toolchain.pulumi_cli import Cli

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
NETWORK_TYPE = "docker:index/network:Network"
ENVIRONMENT_LINE = re.compile(r"^(?!\s*#).*\bplinth:environment:\s*[\"']?([a-z]+)", re.MULTILINE)
LOCK_LINE = re.compile(r"^(?!\s*#).*\block:\s*(?!null\b|~)[\"']?[\w./-]", re.MULTILINE)
SALT_LINE = re.compile(r"^encryptionsalt:.*\n?", re.MULTILINE)


@dataclass(frozen=True)
class Stack:
    """A stack of this checkout and the Pulumi that serves it."""

    name: str
    cli: Cli
    backend: Backend

    def environment(self) -> dict[str, str]:
        """The variables under which Pulumi works on this stack."""
        return self.cli.environment({**os.environ, **self.backend.variables})

    @property
    def file(self) -> Path:
        """The stack's configuration."""
        return paths.REPOSITORY / f"Pulumi.{self.name}.yaml"


def check_name(name: str, repository: Path = paths.REPOSITORY) -> str:
    """Return the name of a stack that can be used.

    Raises:
        ToolchainError: it is no stack name, or has no configuration file.
    """
    if not NAME.fullmatch(name):
        raise ToolchainError(
            f"STACK={name!r} is no stack name",
            "Use lower-case letters, digits and hyphens, at most 31, such as STACK=dev.",
        )
    if not (repository / f"Pulumi.{name}.yaml").exists():
        known = sorted(path.name.split(".")[1] for path in repository.glob("Pulumi.*.yaml"))
        listed = f"Use one of {', '.join(known)}, or copy" if known else "Write"
        raise ToolchainError(
            f"stack {name} has no configuration", f"{listed} a file to Pulumi.{name}.yaml."
        )
    return name


def without_salt(text: str) -> str:
    """A stack file without the salt that Pulumi adds, nor spaces and quotes, to compare it.

    Pulumi writes `1` and `true` as strings when it saves the file.
    """
    return re.sub(r"[\s\"']+", " ", SALT_LINE.sub("", text)).strip()


@contextlib.contextmanager
def keeping_stack_file(stack: Stack) -> Iterator[None]:
    """Leave `Pulumi.<stack>.yaml` as it was when all that Pulumi added is the salt.

    With the local backend the salt is in the state, and another checkout with another passphrase
    could not use a committed one. A salt that encrypted values in the file need is kept.
    """
    before = stack.file.read_text(encoding="utf-8") if stack.file.exists() else None
    try:
        yield
    finally:
        if before is not None and stack.backend.is_local and "encryptionsalt:" not in before:
            after = stack.file.read_text(encoding="utf-8") if stack.file.exists() else ""
            if after != before and without_salt(after) == without_salt(before):
                stack.file.write_text(before, encoding="utf-8")


def _pulumi(stack: Stack, *arguments: str) -> list[str]:
    return [str(stack.cli.executable), *arguments, "--stack", stack.name]


def exported(stack: Stack) -> dict[str, Any] | None:
    """The stack's deployment with its secrets encrypted, or None where the stack does not exist.

    Raises:
        ToolchainError: Pulumi could not read it.
    """
    done = capture(_pulumi(stack, "stack", "export"), environment=stack.environment())
    if done.returncode == 0:
        deployment: dict[str, Any] = json.loads(done.stdout).get("deployment") or {}
        return deployment
    if "no stack named" in done.stderr:
        return None
    raise ToolchainError(
        f"the state of stack {stack.name} could not be read",
        failure.sentence_for(done.stderr, stack.name),
        evidence=last_lines(done.stderr, 5),
    )


def pending_creations(deployment: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Resources whose creation was under way when a run was cut off."""
    return [
        operation["resource"]
        for operation in deployment.get("pending_operations") or ()
        if operation.get("type") == "creating"
    ]


def _remove_half_made(stack: Stack, resource: Mapping[str, Any]) -> None:
    """Remove what a cut-off run may have left in the engine under a name that is needed again.

    Only a container or network that carries this stack's label; volumes hold data and are taken
    over by name.
    """
    kinds = {image_changes.CONTAINER_TYPE: "container", NETWORK_TYPE: "network"}
    kind = kinds.get(str(resource.get("type")))
    name = (resource.get("inputs") or {}).get("name")
    if kind is None or not isinstance(name, str):
        return
    if f"{kind} {name}" in containers.leftovers(stack.name):
        force = ["--force"] if kind == "container" else []
        capture(["docker", kind, "rm", *force, name])


def prepare(stack: Stack, console: Console) -> dict[str, Any]:
    """Create the stack if it is new, and mend what an interrupted run left.

    Returns:
        The stack's deployment.

    Raises:
        ToolchainError: the stack cannot be read or created.
    """
    with console.step(f"Stack {stack.name}") as step, keeping_stack_file(stack):
        deployment = exported(stack)
        if deployment is None:
            done = capture(
                [str(stack.cli.executable), "stack", "init", stack.name, "--no-select"],
                environment=stack.environment(),
            )
            if done.returncode != 0:
                raise ToolchainError(
                    f"stack {stack.name} could not be created",
                    failure.sentence_for(done.stderr, stack.name),
                    evidence=last_lines(done.stderr, 5),
                )
            step.note("created")
            return {}
        unfinished = pending_creations(deployment)
        if deployment.get("pending_operations"):
            step.note("mending an interrupted run")
            for resource in unfinished:
                _remove_half_made(stack, resource)
            done = capture(
                [
                    *_pulumi(
                        stack, "refresh", "--yes", "--skip-preview", "--clear-pending-creates"
                    ),
                    "--non-interactive",
                    "--suppress-outputs",
                ],
                environment=stack.environment(),
                timeout_seconds=600,
            )
            if done.returncode != 0:
                raise ToolchainError(
                    f"what an interrupted run left of stack {stack.name} could not be mended",
                    failure.sentence_for(done.stdout + done.stderr, stack.name),
                    evidence=last_lines(done.stdout + done.stderr),
                )
            step.note("an interrupted run was mended")
            return deployment
        step.note(f"{len(deployment.get('resources') or ())} resources")
        return deployment


def _run(stack: Stack, operation: str, *arguments: str) -> Path:
    """Run Pulumi in the foreground; the file with the engine's events.

    Raises:
        ToolchainError: it failed.
    """
    event_log = paths.make_private(paths.LOGS) / f"{stack.name}-{operation}.events.json"
    event_log.unlink(missing_ok=True)
    command = _pulumi(stack, operation, *arguments)
    command += ["--event-log", str(event_log)]
    if not sys.stdout.isatty() or not sys.stdin.isatty():
        command.append("--non-interactive")
    environment = {**stack.environment(), "PULUMI_DEBUG_COMMANDS": "true"}
    with keeping_stack_file(stack):
        code = run_in_foreground(command, environment=environment, directory=paths.REPOSITORY)
    if code < 0:
        raise ToolchainError(
            f"pulumi {operation} of stack {stack.name} was killed by signal {-code}",
            "Run this again: it mends what was cut off and goes on from there.",
        )
    if code != 0:
        raise failure.explain(f"pulumi {operation}", stack.name, event_log)
    return event_log


def has_changes(events: str) -> bool:
    """Whether the run that an event log tells of changed something, or would have.

    Args:
        events: one JSON object a line. Without a summary the answer is yes.
    """
    for event in reversed(list(engine_events.parse(events))):
        summary = event.get("summaryEvent")
        if summary is not None:
            return bool(set(summary.get("resourceChanges") or ()) - {"same"})
    return True


def environment_of(stack: Stack) -> str:
    """What the stack is for; `production` where its file does not say, as for the program."""
    text = stack.file.read_text(encoding="utf-8") if stack.file.exists() else ""
    found = ENVIRONMENT_LINE.search(text)
    return found[1] if found else "production"


def deploys_published_images(name: str, repository: Path = paths.REPOSITORY) -> bool:
    """Whether a stack's file names a lock (`images.lock`): it then builds no image."""
    text = (repository / f"Pulumi.{name}.yaml").read_text(encoding="utf-8")
    return LOCK_LINE.search(text) is not None


def policy_options(stack: Stack) -> tuple[str, ...]:
    """The options by which Pulumi runs the policies, as strict as the stack's environment asks.

    An environment that has no file gets production's: the program then refuses its name.
    """
    file = paths.POLICIES / "config" / f"{environment_of(stack)}.json"
    if not file.exists():
        file = file.with_name("production.json")
    return ("--policy-pack", str(paths.POLICIES), "--policy-pack-config", str(file))


def up(stack: Stack, before_upgrade: Callable[[Sequence[str]], int] | None = None) -> int:
    """Bring the stack to what the program declares, under the policies.

    It previews first, and stops there when nothing changes: a policy over the whole stack speaks
    at the end of a run, and a violation that ends a preview leaves everything untouched. It
    refreshes: what was stopped or removed outside is started again. A one-shot that failed is
    removed before, so that it runs again even where none of its inputs changed: what it fell over
    may have been mended in the database. So is what goes for good and holds a port of the host that
    another container is started on.

    Args:
        stack: The stack.
        before_upgrade: Called with the components that keep data and get another image, before
            anything is changed; the update goes on when it returns 0.

    Returns:
        0, or what `before_upgrade` returned.

    Raises:
        ToolchainError: the preview or the update failed.
    """
    for container in containers.of_stack(stack.name):
        if container.is_failed_one_shot:
            containers.stop_and_remove(container)
    events = preview(stack).read_text(encoding="utf-8")
    if not has_changes(events):
        return 0
    upgraded = image_changes.of_stores(events)
    if upgraded and before_upgrade:
        code = before_upgrade([change.component for change in upgraded])
        if code != 0:
            return code
    going = host_ports.handed_over(events)
    for container in containers.of_stack(stack.name) if going else ():
        if container.name in going:
            containers.stop_and_remove(container)
    try:
        update(stack)
    except ToolchainError as error:
        raise _with_way_back(error, upgraded) from error
    return 0


def update(stack: Stack) -> None:
    """Update the stack under the policies, without a preview of it.

    Raises:
        ToolchainError: it failed.
    """
    options = ("--refresh", "--suppress-outputs", *policy_options(stack))
    _run(stack, "up", "--yes", "--skip-preview", *options)


def _with_way_back(error: ToolchainError, upgraded: Sequence[ImageChange]) -> ToolchainError:
    """The error of a failed update; where it changed a store's image, with the way back."""
    if not upgraded or isinstance(error, InterruptedRunError):
        return error
    former = ", ".join(f"{change.component} {change.before}" for change in upgraded)
    return ToolchainError(
        error.what,
        f"{error.mend} No volume was removed; the way back is the former pin ({former}), then this "
        "again.",
        evidence=error.evidence,
        exit_code=error.exit_code,
    )


def preview(stack: Stack) -> Path:
    """Show what `up` would change; the file with the engine's events."""
    return _run(stack, "preview", "--refresh", "--suppress-outputs", *policy_options(stack))


def recorded_preview(stack: Stack, event_log: Path) -> list[str]:
    """The command that says as JSON what `up` would change; the event log has the policy results.

    It does not ask the engine what became of the stack: unchanged resources are told as well.
    """
    reading = ("--json", "--show-sames", "--suppress-outputs", "--non-interactive")
    return [
        *_pulumi(stack, "preview", *reading),
        "--event-log",
        str(event_log),
        *policy_options(stack),
    ]


def outputs(stack: Stack, *, show_secrets: bool = False) -> dict[str, Any]:
    """The stack's outputs; a secret one reads `[secret]` unless asked for.

    Raises:
        ToolchainError: there are none to read.
    """
    arguments = ["stack", "output", "--json"] + (["--show-secrets"] if show_secrets else [])
    done = capture(_pulumi(stack, *arguments), environment=stack.environment())
    if done.returncode != 0:
        raise ToolchainError(
            f"stack {stack.name} has no outputs to read",
            f"Bring it up first: make up STACK={stack.name}",
            evidence=last_lines(done.stderr, 3),
        )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def down(stack_name: str, console: Console) -> None:
    """Stop and remove the containers that run, newest first; volumes and state stay.

    Raises:
        ToolchainError: the engine refused.
    """
    running = [found for found in containers.of_stack(stack_name) if found.keeps_running]
    if not running:
        console.line(f"Nothing of stack {stack_name} runs. Its data is kept.")
        return
    for container in reversed(running):
        with console.step(f"Stopping {container.component}"):
            containers.stop_and_remove(container)
    console.paragraph(
        f"Stack {stack_name} is down and its data is kept. `make up STACK={stack_name}` (or "
        f"pulumi up --refresh -s {stack_name}) starts it again."
    )


def destroy(stack: Stack, deployment: Mapping[str, Any], console: Console) -> None:
    """Remove everything of the stack, its data included, and the stack itself where it is local.

    Raises:
        ToolchainError: a resource is protected, or Pulumi failed.
    """
    protected = [
        str(resource["urn"]).rsplit("::", 1)[-1]
        for resource in deployment.get("resources") or ()
        if resource.get("protect")
    ]
    if protected:
        raise ToolchainError(
            f"stack {stack.name} protects {', '.join(protected)}; nothing was removed",
            f"To remove its data for good: pulumi state unprotect --all --yes -s {stack.name}, "
            "then this again.",
        )
    _run(stack, "destroy", "--yes", "--skip-preview", "--refresh")
    if stack.backend.is_local:
        capture(
            [str(stack.cli.executable), "stack", "rm", stack.name, "--yes", "--preserve-config"],
            environment=stack.environment(),
        )
    left = containers.leftovers(stack.name)
    if left:
        raise ToolchainError(
            f"left behind: {', '.join(left)}", "Remove them with docker rm, network rm, volume rm."
        )
    console.line(f"Stack {stack.name} is gone, data included.")
