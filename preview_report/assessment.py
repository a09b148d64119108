"""What a preview means for whoever approves it: data, restarts, secrets, rules, and the risk."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from preview_report import data, images, restarts, rotations
from preview_report.changes import OPERATIONS, change_of
from preview_report.disclosure import hidden_in_text
from preview_report.recording import name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from preview_report.changes import Change
    from preview_report.configuration import Comparison
    from preview_report.data import DataFinding
    from preview_report.images import ImageChange
    from preview_report.recording import Preview
    from preview_report.restarts import Movement
    from preview_report.rotations import Rotation


class Risk(IntEnum):
    """How much there is to think about; the number is the command's exit code."""

    NONE = 0
    """Nothing that runs is interrupted."""
    FAILED = 1
    """The preview failed, so what it would do is not known."""
    RESTART = 3
    """Something that runs is restarted or removed; no data is in danger."""
    DATA = 4
    """Data would be lost, or its store may not find, open or protect it."""


@dataclass(frozen=True)
class RuleResult:
    """A violation of a policy."""

    level: str
    policy: str
    resource: str
    message: str


@dataclass(frozen=True)
class Assessment:
    """Everything that the report says."""

    stack: str
    error: str | None
    from_nothing: bool
    """Whether the preview was made without the stack's state: everything reads as created."""
    data: tuple[DataFinding, ...]
    movement: Movement
    rotations: tuple[Rotation, ...]
    images: tuple[ImageChange, ...]
    policy_packs: tuple[str, ...]
    violations: tuple[RuleResult, ...]
    configuration: Comparison
    changes: tuple[Change, ...]
    counts: Mapping[str, int]
    """Resources by outcome, `unchanged` included."""

    @property
    def risk(self) -> Risk:
        """The highest risk that applies; a failed preview outranks them."""
        if self.error is not None:
            return Risk.FAILED
        if any(finding.danger > data.Danger.TOUCHED for finding in self.data):
            return Risk.DATA
        if self.movement.restarts or self.movement.ends:
            return Risk.RESTART
        return Risk.NONE


def assess(
    stack: str, preview: Preview, configuration: Comparison, *, from_nothing: bool = False
) -> Assessment:
    """Judge a preview.

    Args:
        stack: The stack's name.
        preview: What Pulumi recorded.
        configuration: The stack's file against its base.
        from_nothing: Whether the preview was made without the stack's state.
    """
    steps = preview.resources
    changes = [change for step in steps if (change := change_of(step)) is not None]
    return Assessment(
        stack=stack,
        error=None if preview.error is None else hidden_in_text(preview.error),
        from_nothing=from_nothing,
        data=data.findings(preview),
        movement=restarts.movement(steps),
        rotations=() if from_nothing else rotations.rotations(steps),
        images=images.image_changes(steps),
        policy_packs=preview.policy_packs,
        violations=tuple(
            sorted(
                {
                    RuleResult(
                        each.level, each.policy, name_of(each.urn), hidden_in_text(each.message)
                    )
                    for each in preview.violations
                },
                key=_mandatory_first,
            )
        ),
        configuration=configuration,
        changes=tuple(
            sorted(changes, key=lambda change: (change.component, change.kind, change.name))
        ),
        counts=_counts(step.operation for step in steps),
    )


def _mandatory_first(rule: RuleResult) -> tuple[bool, str, str, str]:
    return rule.level != "mandatory", rule.policy, rule.resource, rule.message


def _counts(operations: Iterable[str]) -> dict[str, int]:
    found = Counter(OPERATIONS[each] for each in operations if each in OPERATIONS)
    return {outcome: found[outcome] for outcome in OPERATIONS.values()}
