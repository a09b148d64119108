"""Resources as the engine sends them to a policy pack, and the SDK's own answer to them."""

from __future__ import annotations

from dataclasses import dataclass
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

from policies import table
from policies.sdk import keep_secretness, validation_policy

if TYPE_CHECKING:
    from collections.abc import Callable

TYPES = {
    "container": table.CONTAINER,
    "network": table.NETWORK,
    "volume": table.VOLUME,
    "image": table.IMAGE,
    "remote-image": table.REMOTE_IMAGE,
    "tag": table.TAG,
    "random-password": table.RANDOM_PASSWORD,
}


class _CaseLoader(yaml.SafeLoader):
    """YAML with !secret and !unknown, in the engine's own encoding."""


def _marked_secret(loader: yaml.SafeLoader, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.SequenceNode):
        value: Any = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.ScalarNode)
        value = loader.construct_scalar(node)
    return {SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "value": value}


_CaseLoader.add_constructor("!secret", _marked_secret)
_CaseLoader.add_constructor("!unknown", lambda _loader, _node: UNKNOWN_STRING_VALUE)


@dataclass(frozen=True)
class Case:
    policy: str
    name: str
    resource_type: str
    properties: dict[str, Any]
    path: str = ""
    hidden: str = ""

    def __str__(self) -> str:
        return f"{self.policy}: {self.name}"


def _cases() -> tuple[list[Case], list[Case]]:
    document = yaml.load(
        Path(__file__).with_name("cases.yaml").read_text(),
        Loader=_CaseLoader,  # noqa: S506  a SafeLoader with two tags
    )
    sorted_cases: dict[str, list[Case]] = {"passing": [], "failing": []}
    for policy, kinds in document["policies"].items():
        for kind, cases in kinds.items():
            for name, case in cases.items():
                resource_type = TYPES[case.pop("type", "container")]
                path, hidden = case.pop("path", ""), case.pop("hidden", "")
                base = document["hardened"] if resource_type == table.CONTAINER else {}
                properties = {k: v for k, v in {**base, **case}.items() if v is not None}
                sorted_cases[kind].append(
                    Case(policy, name, resource_type, properties, path, hidden)
                )
    return sorted_cases["passing"], sorted_cases["failing"]


PASSING, FAILING = _cases()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for argument, cases in (("passing", PASSING), ("failing", FAILING)):
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, cases, ids=str)


@pytest.fixture
def analyze(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Case], list[analyzer_pb2.AnalyzeDiagnostic]]:
    """Send a resource through the SDK's analyzer: its findings for the case's policy."""
    monkeypatch.setattr(policy_sdk, "deserialize_properties", deserialize_properties)  # restored
    keep_secretness()
    analyzer: Any = policy_sdk._PolicyAnalyzerServicer(  # noqa: SLF001  what PolicyPack serves
        "plinth",
        "0.0.1",
        [validation_policy(policy) for policy in table.POLICIES],
        EnforcementLevel.MANDATORY,
    )

    def run(case: Case) -> list[analyzer_pb2.AnalyzeDiagnostic]:
        request = analyzer_pb2.AnalyzeRequest(
            type=case.resource_type,
            name="some-resource",
            urn=f"urn:pulumi:test::plinth::{case.resource_type}::some-resource",
            properties=json_format.ParseDict(case.properties, struct_pb2.Struct()),
        )
        # The engine asks for remediations first; without any, the answer is empty.
        assert not analyzer.Remediate(request, None).remediations
        response = analyzer.Analyze(request, None)
        return [found for found in response.diagnostics if found.policyName == case.policy]

    return run
