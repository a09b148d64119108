import json
from pathlib import Path
from typing import Any

import pytest

from preview_report.recording import RecordingError, parse, read

URN = (
    "urn:pulumi:shop::plinth::plinth:container:ContainerService$docker:index/volume:Volume"
    "::redis-data-volume"
)
PACK = {"plinth|local|/srv/plinth/policies": "1"}
SUCCEEDED = json.dumps({"summaryEvent": {"result": "succeeded", "PolicyPacks": PACK}})
FAILED = json.dumps({"summaryEvent": {"result": "failed"}})


def digest(*diagnostics: dict[str, Any]) -> str:
    """A digest with one step."""
    step = {"op": "delete", "urn": URN, "oldState": {"inputs": {"name": "x"}, "protect": True}}
    return json.dumps({"steps": [step], "diagnostics": diagnostics})


def violation(level: str) -> str:
    """A line of the event log."""
    event = {
        "resourceUrn": URN,
        "policyName": "image-version-given",
        "enforcementLevel": level,
        "message": "<{%fg 1%}>redis: image has no tag<{%reset%}>",
    }
    return json.dumps({"policyEvent": event})


def test_a_step_knows_its_type_and_name() -> None:
    step = parse(digest(), SUCCEEDED, "").steps[0]
    assert (step.type, step.name) == ("docker:index/volume:Volume", "redis-data-volume")


def test_a_warning_before_the_digest_is_skipped() -> None:
    assert parse(f"warning: a new version\n{digest()}", SUCCEEDED, "").steps


def test_a_preview_that_ended_well_has_no_error() -> None:
    assert parse(digest(), SUCCEEDED, "").error is None


def test_the_policy_packs_are_known() -> None:
    assert parse(digest(), SUCCEEDED, "").policy_packs == ("plinth",)


def test_a_failed_preview_says_why() -> None:
    error = {"severity": "error", "message": "plinth:gateway.prot: no such setting\n"}
    assert parse(digest(error), FAILED, "").error == "plinth:gateway.prot: no such setting"


def test_a_violation_is_why_when_nothing_else_is() -> None:
    log = f"{violation('mandatory')}\n{FAILED}"
    error = {"severity": "error", "message": "error: preview failed\n"}
    assert parse(digest(error), log, "").error == (
        "mandatory policies are violated: image-version-given"
    )


def test_a_cli_that_never_began_says_why_on_standard_error() -> None:
    assert parse("", "", "error: no stack named 'shop' found\n").error == (
        "no stack named 'shop' found"
    )


def test_a_run_that_was_killed_failed() -> None:
    assert parse(digest(), '{"summaryEv', "").error == "Pulumi ended without saying why"


def test_a_violation_is_told_without_colours() -> None:
    found = parse(digest(), f"{violation('advisory')}\n{SUCCEEDED}", "").violations
    assert [each.message for each in found] == ["redis: image has no tag"]


def test_a_violation_is_told_once() -> None:
    log = "\n".join([violation("mandatory"), violation("mandatory"), FAILED])
    assert len(parse(digest(), log, "").violations) == 1


def test_a_refusal_names_the_protected_resource() -> None:
    error = {
        "urn": URN,
        "severity": "error",
        "message": "resource cannot be deleted because it is protected",
    }
    assert parse(digest(error), FAILED, "").protected == (URN,)


def test_logical_resources_are_not_told() -> None:
    step = {"op": "create", "urn": "urn:pulumi:shop::plinth::pulumi:pulumi:Stack::plinth-shop"}
    assert parse(json.dumps({"steps": [step]}), SUCCEEDED, "").resources == ()


def test_another_format_is_refused() -> None:
    with pytest.raises(RecordingError, match="record it again"):
        parse(json.dumps({"steps": [{"operation": "create"}]}), SUCCEEDED, "")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="make report"):
        read(tmp_path)
