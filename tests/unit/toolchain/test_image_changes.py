"""Which stores a preview would give another image."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toolchain.image_changes import CONTAINER_TYPE, ImageChange, of_stores

OLD, NEW = "plinth/postgres:17.11-0123456789ab", "plinth/postgres:17.12-ba9876543210"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
DATA = {"volumeName": "plinth-dev-postgres-data", "containerPath": "/data"}
FILES = {"volumeName": "plinth-dev-postgres-files-0", "containerPath": "/files", "readOnly": True}


def state(image: str | None, *mounts: dict[str, Any], role: str = "") -> dict[str, Any] | None:
    if image is None:
        return None
    labels = [{"label": "plinth.component", "value": "postgres"}]
    if role:
        labels.append({"label": "plinth.role", "value": role})
    return {"inputs": {"image": image, "labels": labels, "volumes": list(mounts or (DATA, FILES))}}


def event(
    op: str, old: dict[str, Any] | None, new: dict[str, Any] | None, kind: str = CONTAINER_TYPE
) -> str:
    urn = f"urn:pulumi:dev::plinth::{kind}::postgres"
    metadata = {"op": op, "urn": urn, "type": kind, "old": old, "new": new}
    return json.dumps({"resourcePreEvent": {"metadata": metadata}}) + "\n"


def test_a_store_that_gets_another_image_is_told() -> None:
    assert of_stores(event("replace", state(OLD), state(NEW))) == (
        ImageChange("postgres", OLD, NEW),
    )


def test_a_store_is_told_once() -> None:
    steps = [event(op, state(OLD), state(NEW)) for op in ("create-replacement", "replace")]
    assert len(of_stores("".join(steps))) == 1


def test_a_store_whose_container_is_gone_is_told() -> None:
    events = event("refresh", state(OLD), None) + event("create", None, state(NEW))
    assert [change.before for change in of_stores(events)] == [OLD]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(event("replace", state(OLD), state(OLD)), id="the same image"),
        pytest.param(event("create", None, state(NEW)), id="a new store"),
        pytest.param(event("delete", state(OLD), None), id="a store that goes"),
        pytest.param(
            event("refresh", state(OLD), None) + event("create", None, state(OLD)),
            id="a container that is gone, with its own image",
        ),
        pytest.param(
            event("refresh", state(OLD), state(NEW)) + event("replace", state(NEW), state(OLD)),
            id="a container that somebody gave another image",
        ),
        pytest.param(event("replace", state(OLD, FILES), state(NEW, FILES)), id="without data"),
        pytest.param(
            event("replace", state(OLD, DATA, role="files"), state(NEW, DATA, role="files")),
            id="what carries files",
        ),
        pytest.param(
            event("update", state(OLD), state(NEW), "docker:index/image:Image"), id="no container"
        ),
        pytest.param('{"summaryEvent": {}}\n', id="no step"),
    ],
)
def test_nothing_else_is_told(events: str) -> None:
    assert of_stores(events) == ()
