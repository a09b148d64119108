from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from policies.table import POLICIES, Policy
from tests.policy.conftest import FAILING, PASSING, Case

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi.runtime.proto.analyzer_pb2 import AnalyzeDiagnostic

    Analyze = Callable[[Case], list[AnalyzeDiagnostic]]

DOCUMENTATION = Path(__file__).resolve().parents[2] / "docs" / "policies.md"


def test_a_sound_resource_passes(analyze: Analyze, passing: Case) -> None:
    assert [found.message for found in analyze(passing)] == []


def test_an_unsound_resource_is_found(analyze: Analyze, failing: Case) -> None:
    assert len(analyze(failing)) == 1


def test_a_violation_names_resource_and_property(analyze: Analyze, failing: Case) -> None:
    [found] = analyze(failing)
    assert f"some-resource: {failing.path} " in found.message


def test_a_violation_says_where_to_read_more(analyze: Analyze, failing: Case) -> None:
    [found] = analyze(failing)
    assert found.message.endswith(f". See docs/policies.md#{failing.policy}.")


@pytest.mark.parametrize("case", [case for case in FAILING if case.hidden], ids=str)
def test_a_violation_keeps_the_value_to_itself(analyze: Analyze, case: Case) -> None:
    assert case.hidden not in "".join(found.message for found in analyze(case))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_every_policy_has_a_passing_case(policy: Policy) -> None:
    assert any(case.policy == policy.name for case in PASSING)


@pytest.mark.parametrize(
    ("policy", "resource_type"),
    [(policy, resource_type) for policy in POLICIES for resource_type, _ in policy.checks],
    ids=lambda value: value.name if isinstance(value, Policy) else value.rsplit(":")[-1],
)
def test_every_check_has_a_failing_case(policy: Policy, resource_type: str) -> None:
    assert any(
        case.policy == policy.name and case.resource_type == resource_type for case in FAILING
    )


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_every_policy_is_documented(policy: Policy) -> None:
    assert f"\n## {policy.name}\n" in DOCUMENTATION.read_text()


def test_names_are_unique() -> None:
    assert len({policy.name for policy in POLICIES}) == len(POLICIES)
