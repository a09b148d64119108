"""Which containers a preview would have leave a port of the host to another one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toolchain.host_ports import handed_over
from toolchain.image_changes import CONTAINER_TYPE


def state(name: str, *ports: int) -> dict[str, Any]:
    published = [{"internal": 8000, "external": float(port)} for port in ports]
    return {"inputs": {"ports": published}, "outputs": {"name": name}}


def event(
    op: str,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    kind: str = CONTAINER_TYPE,
) -> str:
    metadata = {"op": op, "type": kind, "old": old, "new": new}
    return json.dumps({"resourcePreEvent": {"metadata": metadata}}) + "\n"


FIREWALL = state("plinth-dev-waf", 8000, 8080)
GOES = event("delete", FIREWALL)
STARTS = event("create-replacement", state("plinth-dev-gateway"), state("plinth-dev-gateway", 8000))


@pytest.mark.parametrize("events", [STARTS + GOES, GOES + STARTS], ids=["last", "first"])
def test_who_leaves_a_port_to_another_is_named(events: str) -> None:
    assert handed_over(events) == {"plinth-dev-waf"}


def test_a_name_that_the_program_gave_is_found() -> None:
    named = {"inputs": {**FIREWALL["inputs"], "name": "plinth-dev-waf"}}
    assert handed_over(event("delete", named) + STARTS) == {"plinth-dev-waf"}


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(GOES, id="nobody starts"),
        pytest.param(GOES + event("create", None, state("mail", 8025)), id="another port"),
        pytest.param(GOES + event("create", None, state("mail")), id="no port"),
        pytest.param(
            event("delete-replaced", FIREWALL) + event("create", None, FIREWALL), id="replaced"
        ),
        pytest.param(GOES + event("same", FIREWALL, FIREWALL), id="unchanged"),
        pytest.param(event("delete", FIREWALL, kind="other") + STARTS, id="no container"),
        pytest.param('{"summaryEvent": {}}\n', id="no step"),
    ],
)
def test_nobody_else_is(events: str) -> None:
    assert handed_over(events) == frozenset()
