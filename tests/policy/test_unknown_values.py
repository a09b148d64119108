"""A preview does not know every value yet: no policy fails on one, and none holds it against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pulumi_policy.deserialize import SPECIAL_SIG_KEY
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from airgap.docker_provider import inputs
from airgap.random_provider.resources import RESOURCES
from policies import resource_types
from policies.table import POLICIES, Policy
from tests.policy.conftest import HARDENED, PASSING, Case, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pulumi.runtime.proto.analyzer_pb2 import AnalyzeDiagnostic
    from pydantic import BaseModel

    Analyze = Callable[[Case], list[AnalyzeDiagnostic]]
    AnalyzeAll = Callable[[Resource], list[AnalyzeDiagnostic]]

_DOCKER: Mapping[str, type[BaseModel]] = {
    resource_types.CONTAINER: inputs.ContainerInputs,
    resource_types.IMAGE: inputs.ImageInputs,
    resource_types.NETWORK: inputs.NetworkInputs,
    resource_types.REMOTE_IMAGE: inputs.RemoteImageInputs,
    resource_types.TAG: inputs.TagInputs,
    resource_types.VOLUME: inputs.VolumeInputs,
}
PROPERTIES: dict[str, list[str]] = {
    **{
        type_name: [str(field.alias) for field in model.model_fields.values()]
        for type_name, model in _DOCKER.items()
    },
    **{
        f"random:index/{name[0].lower()}{name[1:]}:{name}": [*resource.properties, "result"]
        for name, resource in RESOURCES.items()
    },
    resource_types.STACK: ["secret_key", "database", "components"],
    resource_types.CONTAINER_SERVICE: ["container"],
}
"""Every property of every resource type, as the official providers take them."""

_NOT_JUDGED_BY_PROPERTIES = {
    # What these say comes from the options and the type: no value can make up for it.
    ("secret-generator-suitable", resource_types.RANDOM_BYTES),
}
RESOURCE_CHECKS = [
    (policy, type_name)
    for policy in POLICIES
    for type_name, _ in policy.checks
    if (policy.name, type_name) not in _NOT_JUDGED_BY_PROPERTIES
]
GRAPH_POLICIES = [policy for policy in POLICIES if policy.graph_check]


def _name(value: object) -> str:
    return value.name if isinstance(value, Policy) else str(value).rsplit(":", maxsplit=1)[-1]


def _unknown(type_name: str, name: str = "some-resource", parent: str = "") -> Resource:
    properties = dict.fromkeys(PROPERTIES[type_name], UNKNOWN_STRING_VALUE)
    return Resource(type_name, properties, name, parent=parent)


def _with_unknown_leaves(value: Any) -> Any:
    """The value with everything inside its lists and mappings unknown."""
    if isinstance(value, dict):
        return {
            key: part if key == SPECIAL_SIG_KEY else _with_unknown_leaves(part)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [_with_unknown_leaves(part) for part in value]
    return UNKNOWN_STRING_VALUE


@pytest.mark.parametrize(("policy", "type_name"), RESOURCE_CHECKS, ids=_name)
def test_a_resource_of_which_nothing_is_known_passes(
    analyze: Analyze, policy: Policy[Any], type_name: str
) -> None:
    assert analyze(Case(policy.name, "unknown", (_unknown(type_name),))) == []


@pytest.mark.parametrize("policy", GRAPH_POLICIES, ids=_name)
def test_a_stack_of_which_nothing_is_known_passes(analyze: Analyze, policy: Policy[Any]) -> None:
    types = [name for name in PROPERTIES if name != resource_types.CONTAINER]
    resources = [_unknown(type_name, type_name) for type_name in types]
    resources.append(
        _unknown(resource_types.CONTAINER, "container", resource_types.CONTAINER_SERVICE)
    )
    case = Case(policy.name, "unknown", tuple(resources), whole_stack=True)
    assert [found.message for found in analyze(case)] == []


@pytest.mark.parametrize("name", PROPERTIES[resource_types.CONTAINER])
def test_one_unknown_property_is_held_against_a_container_by_no_policy(
    analyze_all: AnalyzeAll, name: str
) -> None:
    container = Resource(
        resource_types.CONTAINER, {**HARDENED, name: UNKNOWN_STRING_VALUE}, "some-resource"
    )
    assert [found.message for found in analyze_all(container)] == []


@pytest.mark.parametrize(
    "case",
    [case for case in PASSING if not case.whole_stack and not case.parameters],
    ids=str,
)
def test_unknown_parts_of_a_sound_resource_are_not_held_against_it(
    analyze: Analyze, case: Case
) -> None:
    [resource] = case.resources
    properties = {
        name: _with_unknown_leaves(value) if isinstance(value, dict | list) else value
        for name, value in resource.properties.items()
    }
    blurred = Resource(resource.type_name, properties, resource.name, protect=resource.protect)
    assert [found.message for found in analyze(Case(case.policy, case.name, (blurred,)))] == []
