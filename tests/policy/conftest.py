"""Resources and stacks as the engine sends them to a policy pack, and the SDK's answer to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi_policy.policy as policy_sdk
import pytest
import yaml
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel
from pulumi_policy.deserialize import SPECIAL_SECRET_SIG, SPECIAL_SIG_KEY, deserialize_properties
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from policies import resource_types
from policies.sdk import StackFacts, analyzer, keep_secretness, sdk_policy
from policies.table import POLICIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policies.table import Policy

TYPES = {
    "component": resource_types.CONTAINER_SERVICE,
    "container": resource_types.CONTAINER,
    "image": resource_types.IMAGE,
    "network": resource_types.NETWORK,
    "random-bytes": resource_types.RANDOM_BYTES,
    "random-id": resource_types.RANDOM_ID,
    "random-password": resource_types.RANDOM_PASSWORD,
    "random-string": resource_types.RANDOM_STRING,
    "random-uuid": resource_types.RANDOM_UUID,
    "remote-image": resource_types.REMOTE_IMAGE,
    "stack": resource_types.STACK,
    "tag": resource_types.TAG,
    "volume": resource_types.VOLUME,
}


class _CaseLoader(yaml.SafeLoader):
    """YAML with !secret and !unknown, in the engine's own encoding."""


def _marked_secret(loader: yaml.SafeLoader, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.SequenceNode):
        value: Any = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        assert isinstance(node, yaml.ScalarNode)
        value = loader.construct_scalar(node)
    return {SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "value": value}


_CaseLoader.add_constructor("!secret", _marked_secret)
_CaseLoader.add_constructor("!unknown", lambda _loader, _node: UNKNOWN_STRING_VALUE)


@dataclass(frozen=True)
class Resource:
    """A resource of a case."""

    type_name: str
    properties: dict[str, Any]
    name: str = "some-resource"
    protect: bool = False
    parent: str = ""

    @property
    def urn(self) -> str:
        """Its identity within the stack."""
        return f"urn:pulumi:test::plinth::{self.type_name}::{self.name}"

    @property
    def struct(self) -> struct_pb2.Struct:
        """Its properties in the engine's encoding."""
        return json_format.ParseDict(self.properties, struct_pb2.Struct())


@dataclass(frozen=True)
class Case:
    """What is sent, and what is expected of one policy.

    `path` is the property that a violation names, `at` the resource, `hidden` what it never shows.
    """

    policy: str
    name: str
    resources: tuple[Resource, ...]
    whole_stack: bool = False
    at: str = "some-resource"
    path: str = ""
    hidden: str = ""
    configuration: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.policy}: {self.name}"


def _resource(description: dict[str, Any], hardened: dict[str, Any], **names: str) -> Resource:
    type_name = TYPES[description.pop("type", "container")]
    base = hardened if type_name == resource_types.CONTAINER else {}
    named = description.pop("resource", "some-resource")
    protect, parent = description.pop("protect", False), description.pop("parent", "")
    properties = {k: v for k, v in {**base, **description}.items() if v is not None}
    return Resource(type_name, properties, names.get("name", named), protect, parent)


def _case(policy: str, name: str, case: dict[str, Any], hardened: dict[str, Any]) -> Case:
    texts = {key: case.pop(key) for key in ("at", "path", "hidden") if key in case}
    settings = {key: case.pop(key, {}) for key in ("configuration", "parameters")}
    if (stack := case.pop("resources", None)) is None:
        return Case(policy, name, (_resource(case, hardened),), **texts, **settings)
    members = tuple(_resource(each, hardened, name=key) for key, each in stack.items())
    return Case(policy, name, members, whole_stack=True, **texts, **settings)


_DOCUMENT = yaml.load(
    Path(__file__).with_name("cases.yaml").read_text(),
    Loader=_CaseLoader,  # noqa: S506  a SafeLoader with two tags
)
HARDENED: dict[str, Any] = _DOCUMENT["hardened"]
"""A container that every policy is content with."""


def _cases(kind: str) -> list[Case]:
    return [
        _case(policy, name, case, HARDENED)
        for policy, kinds in _DOCUMENT["policies"].items()
        for name, case in kinds[kind].items()
    ]


PASSING, FAILING = _cases("passing"), _cases("failing")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for argument, cases in (("passing", PASSING), ("failing", FAILING)):
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, cases, ids=str)


def _analyze(pack: Any, resource: Resource) -> analyzer_pb2.AnalyzeResponse:
    request = analyzer_pb2.AnalyzeRequest(
        type=resource.type_name,
        name=resource.name,
        urn=resource.urn,
        properties=resource.struct,
        options=analyzer_pb2.AnalyzerResourceOptions(protect=resource.protect),
    )
    # The engine asks for remediations first; without any, the answer is empty.
    assert not pack.Remediate(request, None).remediations
    response: analyzer_pb2.AnalyzeResponse = pack.Analyze(request, None)
    return response


def _analyze_stack(pack: Any, resources: tuple[Resource, ...]) -> analyzer_pb2.AnalyzeResponse:
    urns = {resource.name: resource.urn for resource in resources}
    response: analyzer_pb2.AnalyzeResponse = pack.AnalyzeStack(
        analyzer_pb2.AnalyzeStackRequest(
            resources=[
                analyzer_pb2.AnalyzerResource(
                    type=resource.type_name,
                    name=resource.name,
                    urn=resource.urn,
                    properties=resource.struct,
                    parent=urns.get(resource.parent, ""),
                )
                for resource in resources
            ]
        ),
        None,
    )
    return response


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[Policy[Any]]], Any]:
    """Make what the pack serves to the engine, of some policies."""
    monkeypatch.setattr(policy_sdk, "deserialize_properties", deserialize_properties)  # restored
    keep_secretness()

    def make(policies: Sequence[Policy[Any]]) -> Any:
        stack = StackFacts()
        served = [sdk_policy(policy, stack) for policy in policies]
        pack = analyzer(policies, stack)
        return pack("plinth", "0.0.1", served, EnforcementLevel.MANDATORY)

    return make


@pytest.fixture
def pack(serve: Callable[[Sequence[Policy[Any]]], Any]) -> Any:
    """What the pack serves to the engine."""
    return serve(POLICIES)


@pytest.fixture
def analyze(
    serve: Callable[[Sequence[Policy[Any]]], Any],
) -> Callable[[Case], list[analyzer_pb2.AnalyzeDiagnostic]]:
    """Send a case through the SDK's analyzer: what the case's policy finds."""

    def run(case: Case) -> list[analyzer_pb2.AnalyzeDiagnostic]:
        pack = serve([policy for policy in POLICIES if policy.name == case.policy])
        pack.ConfigureStack(
            analyzer_pb2.AnalyzerStackConfigureRequest(config=case.configuration), None
        )
        configured = analyzer_pb2.PolicyConfig(enforcementLevel=analyzer_pb2.MANDATORY)
        configured.properties.update(case.parameters)
        pack.Configure(
            analyzer_pb2.ConfigureAnalyzerRequest(policyConfig={case.policy: configured}), None
        )
        if case.whole_stack:
            response = _analyze_stack(pack, case.resources)
        else:
            response = _analyze(pack, case.resources[0])
        return list(response.diagnostics)

    return run


@pytest.fixture
def analyze_all(pack: Any) -> Callable[[Resource], list[analyzer_pb2.AnalyzeDiagnostic]]:
    """Send a resource through the SDK's analyzer: what any policy finds."""
    return lambda resource: list(_analyze(pack, resource).diagnostics)
