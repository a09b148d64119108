"""Renders an assessment as Markdown for a comment on a pull or merge request.

The text is deterministic and bounded: GitHub takes 65,536 characters in a comment. Where that is
not enough, the lists at the end are cut first, each with a count of what was left out; what
touches data is never cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from preview_report.assessment import Risk
from preview_report.data import Danger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from preview_report.assessment import Assessment
    from preview_report.changes import Change, PropertyChange
    from preview_report.data import DataFinding
    from preview_report.images import ImageChange

LONGEST_REPORT: Final = 65_000
"""Characters; below GitHub's 65,536, so that a caller can add a line of its own."""

_ROOM_FOR_COUNT = 80
_LONGEST_MESSAGE = 500

_VERDICTS: Final[Mapping[Risk, str]] = {
    Risk.NONE: "nothing that runs is interrupted",
    Risk.FAILED: "the preview failed",
    Risk.RESTART: "components restart",
    Risk.DATA: "DATA AT RISK",
}
_OUTCOMES: Final = ("deleted", "replaced", "changed", "created")
_FAILED: Final = (
    "**The preview failed, and an update would be refused in the same way.** What follows is what "
    "was found until then."
)
_FROM_NOTHING: Final = (
    "This preview was made without the stack's state, so everything reads as created. It shows "
    "that the program runs and which policies are violated, not what would change."
)
_ESTIMATE: Final = (
    "*How long* is an estimate: the time to stop and start an idle container, then the first "
    "health check. *At most* is the stop grace and the time after which the update gives up. While "
    "a component is away the gateway answers 503 on its routes."
)


@dataclass(frozen=True)
class _Section:
    """A part of the report whose rows may be cut."""

    title: str
    head: tuple[str, ...]
    rows: tuple[str, ...]
    tail: tuple[str, ...] = ()
    noun: str = "rows"


def marker(stack: str) -> str:
    """The invisible first line by which a report is found again."""
    return f"<!-- plinth preview of stack {stack} -->"


def code(text: str) -> str:
    """Text as inline code that nothing inside it can end, fit for a table's cell."""
    flat = " ".join(text.split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", flat)), default=0)
    fence = "`" * (longest + 1)
    room = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{room}{flat}{room}{fence}" if flat else "``` ```"


def prose(text: str) -> str:
    """A message as one line of Markdown: nothing in it is markup, a mention or a tag."""
    flat = " ".join(text.split())
    shortened = flat if len(flat) <= _LONGEST_MESSAGE else f"{flat[: _LONGEST_MESSAGE - 1]}…"
    escaped = re.sub(r"([\\`*_\[\]<>|~#])", r"\\\1", shortened)
    # A zero-width space keeps a name from becoming a mention.
    return escaped.replace("@", "@\u200b")


def render(assessment: Assessment, longest: int = LONGEST_REPORT) -> str:
    """The report.

    Args:
        assessment: What it says.
        longest: Most characters, ending line break included.
    """
    text = "\n".join(_summary(assessment)) + "\n"
    data = _data(assessment.data)
    if data:
        text += "\n" + "\n".join(data) + "\n"
    for section in _sections(assessment):
        text += _fitting(section, longest - len(text))
    return text


def _summary(assessment: Assessment) -> list[str]:
    counts = assessment.counts
    is_blind = assessment.from_nothing and assessment.error is None
    verdict = "made without a state" if is_blind else _VERDICTS[assessment.risk]
    lines = [marker(assessment.stack), f"## Preview of stack `{assessment.stack}`: {verdict}", ""]
    if assessment.error is not None:
        lines += [_FAILED, "", f"> {prose(assessment.error)}", ""]
    if assessment.from_nothing:
        lines += [_FROM_NOTHING, ""]
    told = [f"{counts[outcome]} {outcome}" for outcome in (*_OUTCOMES, "unchanged")]
    lines.append(f"Resources: {', '.join(told)}.")
    if assessment.error is None and not assessment.violations:
        packs = ", ".join(map(code, assessment.policy_packs))
        lines.append(f"Policies: no violation of {packs}." if packs else "Policies: none ran.")
    return lines


def _data(findings: tuple[DataFinding, ...]) -> list[str]:
    if not findings:
        return []
    lines = ["### Data", ""]
    for finding in findings:
        where = f"{code(finding.component)} ({code(finding.resource)})"
        mend = f" {prose(finding.mend)}." if finding.mend else ""
        what = prose(finding.what)
        match finding.danger:
            case Danger.LOST:
                lines.append(f"- **DATA LOSS: {where}: {what}.**{mend}")
            case Danger.REFUSED:
                lines.append(f"- **REFUSED: {where} {what}.**{mend}")
            case Danger.AT_RISK:
                lines.append(f"- **AT RISK: {where}: {what}.**{mend}")
            case Danger.TOUCHED:
                lines.append(f"- {where}: {what}.")
    return lines


def _sections(assessment: Assessment) -> Iterable[_Section]:
    """The parts after the data, the most important first: the last are cut first."""
    yield _policies(assessment)
    yield _restarts(assessment)
    yield _secrets(assessment)
    yield _images(assessment)
    yield _configuration(assessment)
    for outcome in _OUTCOMES:
        yield _resources(assessment, outcome)


def _fitting(section: _Section, room: int) -> str:
    """A section with as many of its rows as fit, and a count of the others."""
    if not (section.rows or section.tail):
        return ""
    opening = "\n".join(["", f"### {section.title}", "", *section.head, ""])
    closing = "".join(f"{line}\n" for line in section.tail)
    room -= len(opening) + len(closing) + _ROOM_FOR_COUNT
    kept = []
    for row in section.rows:
        room -= len(row) + 1
        if room < 0:
            break
        kept.append(row)
    left_out = len(section.rows) - len(kept)
    if room < -len(opening) and not kept:
        return ""
    # A list item, so that it does not become a row of the table above.
    count = f"\n… and {left_out} more {section.noun}, left out for length.\n" if left_out else ""
    return opening + "".join(f"{row}\n" for row in kept) + count + closing


def _table(*columns: str) -> tuple[str, ...]:
    return (f"| {' | '.join(columns)} |", "|" + "---|" * len(columns))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _policies(assessment: Assessment) -> _Section:
    return _Section(
        "Policies",
        _table("level", "policy", "finding"),
        tuple(
            _row(
                f"**{rule.level}**" if rule.level == "mandatory" else rule.level,
                code(rule.policy),
                prose(rule.message),
            )
            for rule in assessment.violations
        ),
        noun="violations",
    )


def _restarts(assessment: Assessment) -> _Section:
    movement = assessment.movement
    rows = tuple(
        _row(
            code(each.component),
            f"about {each.likely_seconds} s",
            f"{each.longest_seconds} s",
            ", ".join(map(code, each.felt_by)) or "nobody",
        )
        for each in movement.restarts
    )
    others = (
        (movement.hands_over, "Hands over without a gap"),
        (movement.runs, "Runs once"),
        (movement.starts, "Starts for the first time"),
        (movement.ends, "Is removed"),
    )
    tail = [f"{title}: {', '.join(map(code, names))}." for names, title in others if names]
    if rows:
        return _Section(
            "Restarts",
            _table("component", "how long", "at most", "felt by"),
            rows,
            ("", *(line for text in tail for line in (text, "")), _ESTIMATE),
            noun="components",
        )
    return _Section("Restarts", (), (), tuple(tail))


def _secrets(assessment: Assessment) -> _Section:
    return _Section(
        "Secrets that rotate",
        _table("secret", "what it is", "generations before", "after"),
        tuple(
            _row(
                code(each.secret),
                each.meaning + (" (generated anew)" if each.regenerated else ""),
                ", ".join(map(str, each.before)) or "none",
                ", ".join(map(str, each.after)) or "none",
            )
            for each in assessment.rotations
        ),
        noun="secrets",
    )


def _images(assessment: Assessment) -> _Section:
    return _Section(
        "Images",
        _table("component", "before", "after", "note"),
        tuple(
            _row(
                code(each.component),
                code(each.before),
                code(each.after),
                _note(each) if each.is_other_version else "same version, built anew",
            )
            for each in assessment.images
        ),
        noun="images",
    )


def _note(change: ImageChange) -> str:
    links = ", ".join(f"[{prose(name)}]({url})" for name, url in change.release_notes.items())
    return f"{prose(change.note)} Release notes: {links}." if links else prose(change.note)


def _configuration(assessment: Assessment) -> _Section:
    comparison = assessment.configuration
    if comparison.problem:
        return _Section("Configuration", (), (), (f"Not compared: {prose(comparison.problem)}.",))
    return _Section(
        f"Configuration, compared with {code(comparison.base)}",
        _table("setting", "before", "after"),
        tuple(
            _row(code(each.path), code(each.before), code(each.after))
            for each in comparison.settings
        ),
        noun="settings",
    )


def _resources(assessment: Assessment, outcome: str) -> _Section:
    """Resources of one outcome, a line for each component."""
    chosen = [change for change in assessment.changes if change.outcome == outcome]
    rows = []
    for component, changes in groupby(chosen, key=lambda change: change.component):
        rows.append(f"- {code(component)}: {'; '.join(map(_described, changes))}")
    return _Section(f"{outcome.capitalize()} ({len(chosen)})", (), tuple(rows), noun="components")


def _described(change: Change) -> str:
    text = f"{change.kind} {code(change.name)}"
    if not change.properties:
        return text
    return f"{text} ({', '.join(map(_difference, change.properties))})"


def _difference(change: PropertyChange) -> str:
    if change.before == change.after:
        return f"{code(change.name)} {code(change.after)}"
    return f"{code(change.name)} {code(change.before)} → {code(change.after)}"
