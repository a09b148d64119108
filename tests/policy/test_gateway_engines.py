"""The policies on the gateway that the program declares, with each program that it may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from policies import resource_types
from tests.policy.conftest import Resource
from tests.unit.infra.conftest import run_program

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("engine", ["envoy", "kong"])
def test_gateway_passes_every_policy(
    analyze_all: Callable[[Resource], list[Any]], engine: str
) -> None:
    configuration = {
        "plinth:environment": "development",
        "plinth:auth": {"autoconfirm": True},
        "plinth:gateway": {"engine": engine, "trusted_proxies": 1},
    }
    declared = run_program("dev", configuration).resources[resource_types.CONTAINER]["gateway"]
    found = analyze_all(Resource(resource_types.CONTAINER, declared, "gateway"))
    assert [diagnostic.message for diagnostic in found] == []
