from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from policies.resource_types import CONTAINER
from policies.table import POLICIES, Policy
from tests.policy.conftest import FAILING, HARDENED, PASSING, Case, Resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi.runtime.proto.analyzer_pb2 import AnalyzeDiagnostic

    Analyze = Callable[[Case], list[AnalyzeDiagnostic]]
    AnalyzeAll = Callable[[Resource], list[AnalyzeDiagnostic]]

DOCUMENTATION = (Path(__file__).resolve().parents[2] / "docs" / "policies.md").read_text()


def section(policy: Policy) -> str:
    """What the page says about a policy."""
    found = re.search(
        rf"^## {policy.name}\n(.*?)(?=^## |\Z)", DOCUMENTATION, re.MULTILINE | re.DOTALL
    )
    assert found, f"docs/policies.md has no section {policy.name}"
    return found[1]


def test_a_sound_resource_passes(analyze: Analyze, passing: Case) -> None:
    assert [found.message for found in analyze(passing)] == []


def test_an_unsound_resource_is_found(analyze: Analyze, failing: Case) -> None:
    assert len(analyze(failing)) == 1


def test_a_violation_names_resource_and_property(analyze: Analyze, failing: Case) -> None:
    [found] = analyze(failing)
    assert f"{failing.at}: {failing.path} " in found.message


def test_a_violation_says_where_to_read_more(analyze: Analyze, failing: Case) -> None:
    [found] = analyze(failing)
    assert found.message.endswith(f". See docs/policies.md#{failing.policy}.")


@pytest.mark.parametrize("case", [case for case in FAILING if case.hidden], ids=str)
def test_a_violation_keeps_the_value_to_itself(analyze: Analyze, case: Case) -> None:
    assert case.hidden not in "".join(found.message for found in analyze(case))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_every_policy_has_a_passing_case(policy: Policy) -> None:
    assert any(case.policy == policy.name for case in PASSING)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_every_policy_has_a_failing_case(policy: Policy) -> None:
    assert any(case.policy == policy.name for case in FAILING)


@pytest.mark.parametrize(
    ("policy", "resource_type"),
    [(policy, resource_type) for policy in POLICIES for resource_type, _ in policy.checks],
    ids=lambda value: value.name if isinstance(value, Policy) else value.rsplit(":")[-1],
)
def test_every_check_has_a_failing_case(policy: Policy, resource_type: str) -> None:
    assert any(
        case.policy == policy.name and case.resources[0].type_name == resource_type
        for case in FAILING
    )


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
@pytest.mark.parametrize("part", ["Why: ", "Refused: ", "Mend: "])
def test_every_policy_is_documented(policy: Policy, part: str) -> None:
    assert part in section(policy)


@pytest.mark.parametrize(
    ("policy", "parameter"),
    [
        (policy, str(field.alias))
        for policy in POLICIES
        for field in policy.parameters.model_fields.values()
    ],
    ids=lambda value: value.name if isinstance(value, Policy) else value,
)
def test_every_parameter_is_documented(policy: Policy, parameter: str) -> None:
    assert f"`{parameter}`" in section(policy)


def test_no_section_is_left_of_a_policy_that_is_gone() -> None:
    headings = set(re.findall(r"^## ([a-z-]+)$", DOCUMENTATION, re.MULTILINE))
    assert headings == {policy.name for policy in POLICIES}


def test_the_hardened_container_pleases_every_policy(analyze_all: AnalyzeAll) -> None:
    container = Resource(CONTAINER, HARDENED)
    assert [found.message for found in analyze_all(container)] == []


def test_names_are_unique() -> None:
    assert len({policy.name for policy in POLICIES}) == len(POLICIES)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_a_policy_checks_resources_or_the_stack(policy: Policy) -> None:
    assert bool(policy.checks) != bool(policy.graph_check)
