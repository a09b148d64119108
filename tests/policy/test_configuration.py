"""The configuration of the pack: what the committed files say, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from pulumi.runtime.proto import analyzer_pb2

from infra.config.stack import StackConfig
from policies.sdk import problem_of_configuration
from policies.table import POLICIES

if TYPE_CHECKING:
    import grpc

FOLDER = Path(__file__).resolve().parents[2] / "policies" / "config"
FILES = sorted(FOLDER.iterdir())
ENVIRONMENTS = get_args(StackConfig.model_fields["environment"].annotation)


def level(file: Path, policy: str) -> str:
    """How strict a file makes a policy."""
    settings = json.loads(file.read_text())
    setting = settings.get(policy, settings.get("all", "mandatory"))
    if isinstance(setting, dict):
        setting = setting.get("enforcementLevel", settings.get("all", "mandatory"))
    return str(setting)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_has_a_file(environment: str) -> None:
    assert FOLDER / f"{environment}.json" in FILES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_committed_file_is_sound(file: Path) -> None:
    settings = {
        name: {key: value for key, value in setting.items() if key != "enforcementLevel"}
        if isinstance(setting, dict)
        else {}
        for name, setting in json.loads(file.read_text()).items()
    }
    assert problem_of_configuration(POLICIES, settings) is None


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_production_is_told_nothing_is_optional(policy: Any) -> None:
    assert level(FOLDER / "production.json", policy.name) == "mandatory"


@pytest.mark.parametrize("environment", ["development", "test"])
def test_elsewhere_two_policies_are_off(environment: str) -> None:
    file = FOLDER / f"{environment}.json"
    off = {policy.name for policy in POLICIES if level(file, policy.name) != "mandatory"}
    assert off == {"image-pinned-by-digest", "store-volume-protected"}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"cpu-share-set": {}}, "cpu-share-set: there is no such policy; did you mean cpu-shares-"),
        ({"zzz": {}}, "zzz: there is no such policy; docs/policies.md lists them"),
        (
            {"stop-grace-sufficient": {"storeSecond": 60}},
            "stop-grace-sufficient.storeSecond: no such parameter; known here: stores, seconds, ",
        ),
        ({"log-rotated": {"size": 1}}, "log-rotated.size: no such parameter; known here: none"),
        (
            {"stop-grace-sufficient": {"storeSeconds": 0}},
            "stop-grace-sufficient.storeSeconds: input should be greater than or equal to 1",
        ),
        (
            {"read-only-root": {"exceptions": {"auth": "because"}}},
            "read-only-root.exceptions.auth: string should have at least 10 characters",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_file_is_refused_in_one_line(given: dict[str, Any], problem: str) -> None:
    found = problem_of_configuration(POLICIES, given)
    assert found is not None
    assert found.startswith(problem)
    assert "\n" not in found


class Aborted(Exception):  # noqa: N818  what gRPC's own abort raises is no error of the program
    """Carries what the engine is told."""


class Context:
    """The part of gRPC's context that refuses a call."""

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Aborted(code, details)


def test_the_engine_is_told(pack: Any) -> None:
    request = analyzer_pb2.ConfigureAnalyzerRequest(
        policyConfig={"cpu-share-set": analyzer_pb2.PolicyConfig()}
    )
    with pytest.raises(Aborted, match="there is no such policy"):
        pack.Configure(request, Context())


def test_a_disabled_policy_says_nothing(pack: Any) -> None:
    pack.Configure(
        analyzer_pb2.ConfigureAnalyzerRequest(
            policyConfig={
                policy.name: analyzer_pb2.PolicyConfig(enforcementLevel=analyzer_pb2.DISABLED)
                for policy in POLICIES
            }
        ),
        Context(),
    )
    request = analyzer_pb2.AnalyzeRequest(type="docker:index/container:Container", name="a")
    assert list(pack.Analyze(request, Context()).diagnostics) == []


@pytest.mark.parametrize(
    "field",
    [
        field
        for policy in POLICIES
        for field in policy.parameters.model_json_schema().get("properties", {}).values()
    ],
    ids=lambda field: str(field["title"]),
)
def test_every_parameter_has_a_default(field: dict[str, Any]) -> None:
    assert "default" in field
