"""Reports of real previews, recorded from a stack by Pulumi 3.259 and trimmed by trim.py."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from policies.secret_detection import secret_format, secret_in_pair
from preview_report.assessment import Risk
from preview_report.data import Danger
from preview_report.markdown import render
from tests.running_stack import ROOT
from tests.unit.preview_report.golden import CASES, RECORDINGS, REPORTS, assessment

PLANTED_IN, PLANTED = "policy-violation", "letmein-for-the-test"
"""A password in plain text, which the policy refuses and the report must hide."""

RISKS = {
    "component-removed": Risk.RESTART,
    "database-restarts": Risk.RESTART,
    "environment-of-one-component": Risk.RESTART,
    "first-creation": Risk.NONE,
    "image-changes": Risk.DATA,
    "keys-rotate": Risk.RESTART,
    "no-change": Risk.NONE,
    "passwords-rotate": Risk.RESTART,
    "policy-violation": Risk.FAILED,
    "protected-volume": Risk.FAILED,
    "protection-lifted": Risk.DATA,
    "published-image-changes": Risk.RESTART,
    "volume-deleted": Risk.DATA,
    "volume-replaced": Risk.DATA,
    "wrong-setting": Risk.FAILED,
}


@pytest.mark.parametrize("case", CASES)
def test_a_recorded_preview_gives_its_report(case: str) -> None:
    assert render(assessment(case)) == (REPORTS / f"{case}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("case", "risk"), RISKS.items())
def test_a_recorded_preview_has_its_risk(case: str, risk: Risk) -> None:
    assert assessment(case).risk is risk


def test_every_recording_has_a_risk_to_compare() -> None:
    assert set(CASES) == set(RISKS)


@pytest.mark.parametrize(
    ("case", "danger"),
    [
        ("volume-deleted", Danger.LOST),
        ("volume-replaced", Danger.LOST),
        ("protected-volume", Danger.REFUSED),
        ("image-changes", Danger.AT_RISK),
        ("protection-lifted", Danger.AT_RISK),
        ("passwords-rotate", Danger.TOUCHED),
    ],
)
def test_the_worst_for_the_data_is_told_first(case: str, danger: Danger) -> None:
    assert assessment(case).data[0].danger is danger


def strings(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON document, with the key it stands under."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from strings(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part, name)
    elif isinstance(value, str):
        yield name, value


@pytest.mark.parametrize("case", sorted(set(CASES) - {PLANTED_IN}))
def test_a_recording_holds_no_secret(case: str) -> None:
    recorded = json.loads((RECORDINGS / case / "preview.json").read_text(encoding="utf-8"))
    found = [
        name
        for name, text in strings(recorded)
        if text != "[secret]" and (secret_format(text) or secret_in_pair(name, text))
    ]
    assert found == []


def test_a_password_that_pulumi_does_not_know_of_is_hidden() -> None:
    recorded = (RECORDINGS / PLANTED_IN / "preview.json").read_text(encoding="utf-8")
    assert (PLANTED in recorded, PLANTED in render(assessment(PLANTED_IN))) == (True, False)


def test_the_readme_shows_a_report_as_it_is() -> None:
    example = (REPORTS / "volume-deleted.md").read_text(encoding="utf-8")
    assert f"```markdown\n{example}```" in (ROOT / "README.md").read_text(encoding="utf-8")
