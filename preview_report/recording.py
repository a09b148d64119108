"""What Pulumi recorded of one preview, as frozen models.

Two files describe a preview. The digest (`pulumi preview --json --show-sames`) has every step with
the inputs before and after, in which the engine has put `[secret]` for secret values. The event log
(`--event-log`, one JSON object a line) has what the digest lacks: policy violations and how the
run ended. Source: pkg/backend/display/json.go and sdk/go/common/apitype/events.go of Pulumi 3.259.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from toolchain import engine_events

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DIGEST_FILE = "preview.json"
EVENTS_FILE = "events.jsonl"
ERRORS_FILE = "errors.txt"

_COLOUR_TAG = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")
_OWN_TYPES = ("pulumi:", "plinth:")
_LONGEST_ERROR = 600
_SAYS_NOTHING = frozenset({"", "preview failed"})
"""What the engine says besides the reason."""


class RecordingError(Exception):
    """The folder holds no recorded preview; one line with the mend."""


class _Recorded(BaseModel):
    """Pulumi's own JSON: fields that the report has no use for are skipped."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )


class State(_Recorded):
    """A resource before or after the step. Secret inputs read `[secret]`."""

    inputs: dict[str, Any] = {}
    protect: bool = False
    retain_on_delete: bool = False
    dependencies: tuple[str, ...] = ()


class Step(_Recorded):
    """One resource and what the engine would do with it."""

    operation: str = Field(alias="op")
    """`same`, `create`, `update`, `replace`, `delete`, `read`, `refresh`."""
    urn: str
    old: State | None = Field(default=None, alias="oldState")
    new: State | None = Field(default=None, alias="newState")
    changed: tuple[str, ...] = Field(default=(), alias="diffReasons")
    """Properties that differ, by name."""
    replacing: tuple[str, ...] = Field(default=(), alias="replaceReasons")
    """Those of them that force a replacement."""

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return name_of(self.urn)

    @property
    def type(self) -> str:
        """The resource's type, for example `docker:index/volume:Volume`."""
        return self.urn.split("::")[2].rsplit("$", 1)[-1]

    @property
    def is_logical(self) -> bool:
        """Whether it only groups others: a component, a provider, the stack itself."""
        return self.type.startswith(_OWN_TYPES)

    def inputs(self, *, before: bool = False) -> Mapping[str, Any]:
        """The inputs after the step, or before it; those of the other side where it has none."""
        first, second = (self.old, self.new) if before else (self.new, self.old)
        state = first or second
        return state.inputs if state else {}


class Diagnostic(_Recorded):
    """A message of the engine, the program or a provider."""

    urn: str = ""
    message: str = ""
    severity: str = ""


class Violation(_Recorded):
    """A finding of the policy pack."""

    policy: str = Field(alias="policyName")
    level: str = Field(alias="enforcementLevel")
    """`mandatory` stops the update, `advisory` warns."""
    urn: str = Field(default="", alias="resourceUrn")
    message: str = ""


class Preview(BaseModel):
    """A preview as it was recorded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: tuple[Step, ...] = ()
    """In the engine's order, which follows dependencies."""
    violations: tuple[Violation, ...] = ()
    policy_packs: tuple[str, ...] = ()
    error: str | None = None
    """Why the preview failed; None where it succeeded."""
    protected: tuple[str, ...] = ()
    """URNs of protected resources that the change would delete or replace. The engine refuses, and
    the preview fails."""

    @property
    def resources(self) -> tuple[Step, ...]:
        """The steps of what exists outside Pulumi: containers, volumes, images, secrets."""
        return tuple(step for step in self.steps if not step.is_logical)


def name_of(urn: str) -> str:
    """The last part of a URN: the resource's name."""
    return urn.rsplit("::", 1)[-1]


def plain(message: str) -> str:
    """A message without colour tags, and without the space around it."""
    return _COLOUR_TAG.sub("", message).strip()


def _digest(text: str) -> Mapping[str, Any]:
    # A warning of the CLI may stand before the document.
    start = text.find("{")
    try:
        found, _ = json.JSONDecoder().raw_decode(text[start:]) if start >= 0 else ({}, 0)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def parse(digest: str, log: str, errors: str) -> Preview:
    """Read one preview.

    Args:
        digest: Standard output of `pulumi preview --json --show-sames`.
        log: The event log.
        errors: Standard error.

    Raises:
        RecordingError: The digest is not what Pulumi writes.
    """
    events = list(engine_events.parse(log))
    ends: list[Mapping[str, Any]] = [
        each["summaryEvent"] for each in events if each.get("summaryEvent")
    ]
    summary = ends[-1] if ends else {}
    violations = [each["policyEvent"] for each in events if each.get("policyEvent")]
    document = _digest(digest)
    try:
        diagnostics = [
            Diagnostic.model_validate(each) for each in document.get("diagnostics") or ()
        ]
        steps = tuple(Step.model_validate(each) for each in document.get("steps") or ())
        found = tuple(
            Violation.model_validate({**each, "message": plain(each.get("message", ""))})
            for each in violations
        )
    except ValidationError as error:
        raise RecordingError(
            f"{DIGEST_FILE} is not a preview of Pulumi 3.259: {error.errors()[0]['loc']}; record "
            "it again with make report"
        ) from None
    succeeded = summary.get("result") == "succeeded"
    return Preview(
        steps=steps,
        violations=tuple(dict.fromkeys(found)),
        policy_packs=tuple(sorted(map(_pack_name, summary.get("PolicyPacks") or {}))),
        error=None if succeeded else _reason(diagnostics, found, errors),
        protected=_protected(diagnostics, steps),
    )


def _pack_name(recorded: str) -> str:
    # A pack of the checkout is recorded as `plinth|local|/folder/of/the/pack`.
    return recorded.split("|", 1)[0]


def _reason(diagnostics: list[Diagnostic], violations: tuple[Violation, ...], errors: str) -> str:
    told = [plain(each.message) for each in diagnostics if each.severity == "error"]
    told += [line for line in plain(errors).splitlines() if line.startswith("error: ")]
    messages = [message.removeprefix("error: ") for message in told]
    messages = [message for message in messages if message not in _SAYS_NOTHING]
    if messages:
        return messages[0][:_LONGEST_ERROR]
    mandatory = {violation.policy for violation in violations if violation.level == "mandatory"}
    if mandatory:
        return f"mandatory policies are violated: {', '.join(sorted(mandatory))}"
    last = plain(errors).splitlines()
    return last[-1][:_LONGEST_ERROR] if last else "Pulumi ended without saying why"


def _protected(diagnostics: list[Diagnostic], steps: tuple[Step, ...]) -> tuple[str, ...]:
    told = "\n".join(each.message for each in diagnostics if "protect" in each.message)
    blamed = {each.urn for each in diagnostics if each.urn and "protect" in each.message}
    named = {step.urn for step in steps if step.urn in told}
    return tuple(sorted(blamed | named | set(re.findall(r"urn:pulumi:[^\s\"'`]+", told))))


def read(folder: Path) -> Preview:
    """Read the preview that was recorded in a folder.

    Raises:
        RecordingError: There is none.
    """
    texts = []
    for name in (DIGEST_FILE, EVENTS_FILE, ERRORS_FILE):
        file = folder / name
        texts.append(file.read_text(encoding="utf-8") if file.exists() else "")
    if not any(texts):
        raise RecordingError(f"{folder} holds no recorded preview; record one with make report")
    return parse(*texts)
