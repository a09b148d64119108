"""The route table's own rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra.gateway.routes import (
    MEBIBYTE,
    ROUTES,
    Access,
    OpenApiAccess,
    PathRule,
    Route,
    enabled_routes,
)


@pytest.fixture
def route() -> Route:
    return ROUTES[0]


@pytest.mark.parametrize("prefix", ["auth/v1", "/auth/v1/", "/"])
def test_prefix_that_cannot_match_is_refused(route: Route, prefix: str) -> None:
    with pytest.raises(ValueError, match="must start with a slash"):
        replace(route, prefix=prefix)


@pytest.mark.parametrize("path", ["admin", "/admin/", ""])
def test_rule_that_cannot_match_is_refused(route: Route, path: str) -> None:
    with pytest.raises(ValueError, match="must start with a slash"):
        replace(route, rules=(PathRule(path, Access.DENIED),))


def test_large_body_that_would_be_held_is_refused(route: Route) -> None:
    with pytest.raises(ValueError, match="set streams_body"):
        replace(route, body_limit_bytes=MEBIBYTE + 1)


@pytest.mark.parametrize("attribute", ["name", "prefix"])
def test_routes_are_distinct(attribute: str) -> None:
    values = [getattr(route, attribute) for route in ROUTES]
    assert len(set(values)) == len(values)


def test_route_of_a_profile_that_is_off_is_left_out() -> None:
    assert enabled_routes({"storage"}, "service_role") == ()


@pytest.mark.parametrize(
    ("mode", "access"), [("service_role", Access.SERVICE_ROLE), ("disabled", Access.DENIED)]
)
def test_description_of_the_rest_interface(mode: OpenApiAccess, access: Access) -> None:
    (rest,) = [route for route in enabled_routes({"core"}, mode) if route.name == "rest"]
    assert [rule.access for rule in rest.rules if rule.path == "/"] == [access]
