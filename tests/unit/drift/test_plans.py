import json

import pytest

from drift import plans
from drift.finding import Remedy
from drift.plans import Change

URN = "urn:pulumi:ci::plinth::docker:index/container:Container::rest"


def event(name: str = "resourcePreEvent", **metadata: object) -> str:
    return json.dumps({name: {"metadata": {"urn": URN, **metadata}}})


def test_names_of_properties_are_kept_without_their_values() -> None:
    log = event(op="update", detailedDiff={"envs[3]": {"kind": "update"}, "memory": {}})
    assert plans.changes(log) == [Change("rest", "update", ("envs", "memory"))]


def test_an_older_engine_lists_properties_without_detail() -> None:
    assert plans.changes(event(op="replace", diffs=["image"])) == [
        Change("rest", "replace", ("image",))
    ]


@pytest.mark.parametrize("operation", ["same", "read", "refresh"])
def test_what_stays_is_no_change(operation: str) -> None:
    assert plans.changes(event(op=operation)) == []


def test_an_address_that_a_start_changes_is_no_change() -> None:
    log = event("resOutputsEvent", op="update", detailedDiff={"networkDatas[0].ipAddress": {}})
    assert plans.changes(log) == []


def test_what_is_gone_is_a_change_without_properties() -> None:
    assert plans.changes(event("resOutputsEvent", op="delete")) == [Change("rest", "delete", ())]


def test_a_resource_is_told_once() -> None:
    log = "\n".join([event(op="update", diffs=["memory"]), event(op="update", diffs=["memory"])])
    assert len(plans.changes(log)) == 1


def test_a_refresh_tells_nothing_of_what_was_reported() -> None:
    found = [Change("rest", "update", ("memory",)), Change("redis-image", "delete", ())]
    reported = plans.refresh_findings(found, ["rest"])
    assert [(each.component, each.found) for each in reported] == [("redis-image", "delete")]


def test_what_was_never_applied_is_applied_first() -> None:
    findings = plans.unapplied_findings([Change("rest", "replace", ("envs",))])
    assert [(each.declared, each.remedy) for each in findings] == [
        ("replace: envs", Remedy.APPLY_FIRST)
    ]
