"""Why a Pulumi run failed: the errors it reported, the logs of failed containers, and the mend.

The errors come from the engine's event log, a file of JSON events in which the engine has blanked
secrets already (https://www.pulumi.com/docs/iac/concepts/diagnostics/).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain import containers, engine_events
from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from pathlib import Path

LOG_LINES = 15
COLOUR_TAG = re.compile(r"<\{%[^%]*%\}>")
SENTENCES: tuple[tuple[str, str], ...] = (
    (
        r"port is already allocated|address already in use",
        "Another program or stack holds that port: stop it, or change Pulumi.{stack}.yaml.",
    ),
    (
        r"no space left on device|disk quota exceeded",
        "The engine's disk is full: free space (docker image prune), then run this again.",
    ),
    (
        r"incorrect passphrase|passphrase must be set",
        "The state was encrypted with another passphrase: put the right .plinth/passphrase back.",
    ),
    (
        r"currently locked by",
        "Another run works on this stack: wait for it (a dead one: pulumi cancel -s {stack}).",
    ),
    (
        r"No such image|manifest unknown|pull access denied|repository does not exist",
        "An image is missing: set `source: packages` under plinth:images in Pulumi.{stack}.yaml.",
    ),
    (
        r"protected|retainOnDelete",
        "The stack protects its data: pulumi state unprotect URN -s {stack} releases one resource.",
    ),
    (
        r"[Cc]annot connect to the Docker daemon|connection refused.*docker\.sock|docker\.sock",
        "The Docker engine stopped answering: run make doctor, then this again.",
    ),
    (
        r"policy violation|\[mandatory\]|mandatory",
        "Mend what the policy names, then run this again.",
    ),
)
DEFAULT_SENTENCE = "Mend what the error above names, then run this again: it goes on from here."


@dataclass(frozen=True)
class Problem:
    """One error that the engine reported: the resource's name (may be empty) and the message."""

    resource: str
    message: str


def problems(events: str) -> list[Problem]:
    """The errors in an event log, in order and without repetition."""
    found: list[Problem] = []
    for event in engine_events.parse(events):
        diagnostic = event.get("diagnosticEvent")
        violation = event.get("policyEvent")
        if diagnostic and diagnostic.get("severity") == "error":
            source = diagnostic
        elif violation and violation.get("enforcementLevel") == "mandatory":
            source = {**violation, "message": f"policy violation: {violation.get('message', '')}"}
        else:
            continue
        name = (source.get("resourceUrn") or source.get("urn") or "").rsplit("::", 1)[-1]
        problem = Problem(name, COLOUR_TAG.sub("", source.get("message", "")).strip())
        if problem.message and problem not in found:
            found.append(problem)
    return found


def sentence_for(text: str, stack: str) -> str:
    """One sentence on what to do about an error."""
    for pattern, sentence in SENTENCES:
        if re.search(pattern, text):
            return sentence.format(stack=stack)
    return DEFAULT_SENTENCE


def explain(operation: str, stack: str, event_log: Path) -> ToolchainError:
    """Turn a failed run into one error: container logs as evidence, the cause, and the mend.

    The error of a container carries its last log lines already; the evidence is of the others.
    """
    events = event_log.read_text(encoding="utf-8", errors="replace") if event_log.exists() else ""
    reported = problems(events)
    text = "\n".join(problem.message for problem in reported)
    evidence: list[str] = []
    try:
        failed = [
            container
            for container in containers.of_stack(stack)
            if container.has_failed and container.name not in text
        ]
    except ToolchainError:
        failed = []
    for container in failed[:3]:
        condition = container.health or f"{container.status} (code {container.exit_code})"
        evidence.append(f"{container.component} is {condition}; its last log lines:")
        evidence += [f"  {line}" for line in containers.log_tail(container, LOG_LINES)]
    names = [problem.resource for problem in reported if problem.resource]
    where = f" at {names[0]}" if names and not names[0].startswith("plinth-") else ""
    return ToolchainError(
        f"{operation} of stack {stack} failed{where}",
        sentence_for(text, stack),
        evidence=tuple(evidence),
    )
