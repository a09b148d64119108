"""Everything of a stack that other eyes may see: state, preview, outputs, containers, images, logs.

Read through the `pulumi` and `docker` commands, as whoever looks over the operator's shoulder
would.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from policies.listed_secrets import LABEL
from scan.search import Place, texts
from toolchain.containers import STACK_LABEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REPOSITORY: Final = Path(__file__).resolve().parent.parent
RUN_LOGS: Final = REPOSITORY / ".plinth" / "log"
_LONGEST_SECONDS: Final = 600


class ScanError(Exception):
    """Something could not be looked at; one line with the mend."""


def _run(command: list[str], mend: str) -> subprocess.CompletedProcess[str]:
    """Run a command.

    Raises:
        ScanError: It failed. Its own output is not repeated: it may hold what is looked for.
    """
    shown = " ".join(command[:3])
    try:
        ended = subprocess.run(  # noqa: S603  pulumi and docker with the words below
            command,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_LONGEST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ScanError(f"{shown} did not run: {type(error).__name__}. {mend}") from None
    if ended.returncode != 0:
        raise ScanError(f"{shown} ended with code {ended.returncode}. {mend}")
    return ended


def _json(command: list[str], mend: str) -> Any:  # noqa: ANN401  any JSON
    try:
        return json.loads(_run(command, mend).stdout)
    except ValueError:
        raise ScanError(f"{' '.join(command[:3])} printed no JSON. {mend}") from None


def _pulumi(stack: str, *arguments: str) -> Any:  # noqa: ANN401  any JSON
    mend = f"Bring the stack up first: make up STACK={stack}"
    return _json(["pulumi", *arguments, "--stack", stack, "--non-interactive"], mend)


def _docker(*arguments: str) -> str:
    return _run(["docker", *arguments], "Run make doctor").stdout


def decrypted_state(stack: str) -> Mapping[str, Any]:
    """The stack's state with its secrets in clear: to know them, never to print them."""
    state: Mapping[str, Any] = _pulumi(stack, "stack", "export", "--show-secrets")
    return state


def state(stack: str) -> Iterator[Place]:
    """The state as it is stored, handed around and exported."""
    exported = _pulumi(stack, "stack", "export")
    deployment = exported.pop("deployment", None) or {}
    for resource in deployment.pop("resources", None) or ():
        name = str(resource["urn"]).rsplit("::", maxsplit=1)[-1]
        yield from texts("state", resource, name)
    yield from texts("state", [exported, deployment])


def preview(stack: str) -> Iterator[Place]:
    """A preview in the form that a pull request's check reads."""
    yield from texts("preview", _pulumi(stack, "preview", "--json"))


def outputs(stack: str) -> Iterator[Place]:
    """The outputs as they are shown unasked."""
    yield from texts("outputs", _pulumi(stack, "stack", "output", "--json"))


def _labelled(stack: str, *listing: str) -> list[str]:
    return _docker(*listing, "--filter", f"label={STACK_LABEL}={stack}").split()


def container_places(inspected: Mapping[str, Any]) -> Iterator[Place]:
    """What the engine shows of a container, without the variables that may hold a secret.

    Args:
        inspected: What `docker container inspect` prints about it.
    """
    source = f"container {str(inspected['Name']).lstrip('/')}"
    settings = inspected["Config"]
    listed = set(((settings.get("Labels") or {}).get(LABEL) or "").split(","))
    for entry in settings.get("Env") or ():
        name, _, value = entry.partition("=")
        if name not in listed:
            yield Place(source, f"environment variable {name}", value)
    yield from texts(source, {**inspected, "Config": {**settings, "Env": []}})


def containers(stack: str) -> Iterator[Place]:
    """Every container of the stack, file carriers included."""
    for name in _labelled(stack, "ps", "--all", "--format", "{{.Names}}"):
        [inspected] = json.loads(_docker("container", "inspect", name))
        yield from container_places(inspected)


def logs(stack: str) -> Iterator[Place]:
    """Every line that a container of the stack wrote."""
    for name in _labelled(stack, "ps", "--all", "--format", "{{.Names}}"):
        ended = _run(["docker", "logs", name], "Run make doctor")
        for number, line in enumerate((ended.stdout + ended.stderr).splitlines(), start=1):
            yield Place(f"log of {name}", f"line {number}", line)


def images(stack: str) -> Iterator[Place]:
    """The settings and the history of every image that the stack runs."""
    used = set(_labelled(stack, "ps", "--all", "--format", "{{.Image}}"))
    for image in sorted(used):
        yield from texts(f"image {image}", json.loads(_docker("image", "inspect", image)))
        history = _docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
        yield Place(f"image {image}", "history", history)


def networks_and_volumes(stack: str) -> Iterator[Place]:
    """The labels and options of the stack's networks and volumes."""
    for kind in ("network", "volume"):
        for name in _labelled(stack, kind, "ls", "--format", "{{.Name}}"):
            yield from texts(f"{kind} {name}", json.loads(_docker(kind, "inspect", name)))


def run_logs(stack: str) -> Iterator[Place]:
    """What the Makefile's commands kept of their runs on the stack."""
    kept = [found for top in RUN_LOGS.glob(f"{stack}-*") for found in (top, *top.rglob("*"))]
    for file in sorted(found for found in kept if found.is_file()):
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, start=1):
            yield Place(f"file {file.relative_to(REPOSITORY)}", f"line {number}", line)


SOURCES: Final[Mapping[str, Callable[[str], Iterator[Place]]]] = {
    "state": state,
    "preview": preview,
    "outputs": outputs,
    "containers": containers,
    "networks and volumes": networks_and_volumes,
    "images": images,
    "container logs": logs,
    "run logs": run_logs,
}
"""What is looked at, by the name that the report uses."""
