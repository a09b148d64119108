"""The rendered Envoy configuration: its order, and what must not be missing from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from infra.gateway.envoy import filters
from infra.gateway.envoy.bootstrap import render
from infra.gateway.routes import MEBIBYTE, ROUTES
from infra.gateway.settings import GatewaySettings, Tls, Upstream

CHAIN = [
    filters.CORS,
    filters.HEADERS,
    filters.RATE_LIMIT,
    filters.API_KEY,
    filters.TOKEN,
    filters.ROLE,
    filters.BODY,
    filters.ROUTER,
]


def test_same_settings_give_the_same_text(fields: dict[str, Any]) -> None:
    assert render(GatewaySettings(**fields)) == render(GatewaySettings(**fields))


def test_filters_stand_in_order(connection_manager: dict[str, Any]) -> None:
    assert [entry["name"] for entry in connection_manager["http_filters"]] == CHAIN


def test_rate_limit_can_be_off(fields: dict[str, Any]) -> None:
    assert filters.RATE_LIMIT not in render(GatewaySettings(**fields, rate_limits=False))


def test_admin_listens_on_loopback_only(configuration: dict[str, Any]) -> None:
    assert configuration["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("normalize_path", True),
        ("merge_slashes", True),
        ("path_with_escaped_slashes_action", "REJECT_REQUEST"),
        ("use_remote_address", True),
        ("always_set_request_id_in_response", True),
        ("server_header_transformation", "PASS_THROUGH"),
    ],
)
def test_connection_manager(
    connection_manager: dict[str, Any], setting: str, value: object
) -> None:
    assert connection_manager[setting] == value


def test_trusted_proxies(fields: dict[str, Any]) -> None:
    assert "xff_num_trusted_hops: 2\n" in render(GatewaySettings(**fields, trusted_proxies=2))


def test_component_is_reached_by_its_name(configuration: dict[str, Any]) -> None:
    addresses = {
        cluster["name"]: cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"][
            "address"
        ]["socket_address"]
        for cluster in configuration["static_resources"]["clusters"]
    }
    assert (
        addresses.items()
        >= {
            route.component: {"address": route.component, "port_value": route.port}
            for route in ROUTES
        }.items()
    )


def test_component_can_be_elsewhere(fields: dict[str, Any]) -> None:
    upstreams = {"rest": Upstream(host="rest.internal", port=3333)}
    text = render(GatewaySettings(**fields, upstreams=upstreams))
    assert "address: rest.internal\n" in text


def test_every_route_has_its_limit(connection_manager: dict[str, Any]) -> None:
    limiter = connection_manager["http_filters"][CHAIN.index(filters.RATE_LIMIT)]["typed_config"]
    limits = {
        descriptor["entries"][0]["value"]: descriptor["token_bucket"]["max_tokens"]
        for descriptor in limiter["descriptors"]
    }
    assert limits == {route.name: route.requests_per_minute for route in ROUTES}


def test_limit_can_be_set(fields: dict[str, Any]) -> None:
    text = render(GatewaySettings(**fields, rate_limit_per_minute={"rest": 4321}))
    assert "max_tokens: 4321\n" in text


def test_what_no_route_matches_ends_at_the_gateway(connection_manager: dict[str, Any]) -> None:
    last = connection_manager["route_config"]["virtual_hosts"][0]["routes"][-1]
    assert (last["match"], last["direct_response"]["status"]) == ({"prefix": "/"}, 404)


def test_guarded_paths_come_before_the_paths_around_them(
    connection_manager: dict[str, Any],
) -> None:
    matches = [
        next(iter(route["match"].values()))
        for route in connection_manager["route_config"]["virtual_hosts"][0]["routes"]
    ]
    assert matches.index("/auth/v1/admin/") < matches.index("/auth/v1/")


def test_token_is_read_from_the_header_alone(connection_manager: dict[str, Any]) -> None:
    provider = connection_manager["http_filters"][CHAIN.index(filters.TOKEN)]["typed_config"][
        "providers"
    ]["platform"]
    assert provider["from_headers"] == [{"name": "Authorization", "value_prefix": "Bearer "}]


def test_largest_body_decides_how_long_a_request_may_take_to_arrive(fields: dict[str, Any]) -> None:
    upload = replace(ROUTES[1], body_limit_bytes=160 * MEBIBYTE, streams_body=True)
    text = render(GatewaySettings(**fields), (upload,))
    assert "request_timeout: 10240s\n" in text


@pytest.mark.parametrize("setting", ["timeout", "idle_timeout"])
def test_route_without_a_time_limit(fields: dict[str, Any], setting: str) -> None:
    endless = replace(ROUTES[1], timeout_seconds=0, rules=())
    text = render(GatewaySettings(**fields), (endless,))
    assert text.count(f" {setting}: 0s\n") == text.count("cluster: rest\n")


@pytest.mark.parametrize("threshold", ["max_connections", "max_pending_requests"])
def test_component_takes_as_many_requests_as_its_first_route_says(
    fields: dict[str, Any], threshold: str
) -> None:
    text = render(GatewaySettings(**fields), (replace(ROUTES[1], concurrency=77),))
    assert f"{threshold}: 77\n" in text


def test_disabled_profile_has_no_route(fields: dict[str, Any]) -> None:
    text = render(GatewaySettings(**fields, profiles=frozenset()))
    assert "/rest/v1" not in text


@pytest.mark.parametrize("challenges", [True, False])
def test_certificates_are_a_cluster_only_where_a_directory_asks(
    fields: dict[str, Any], *, challenges: bool
) -> None:
    tls = Tls(public_host="api.example.com", public_port=443, challenges=challenges)
    resources = yaml.safe_load(render(GatewaySettings(**fields, tls=tls)))["static_resources"]
    names = [cluster["name"] for cluster in resources["clusters"]]
    assert ("certificates" in names) is challenges


def test_challenges_are_looked_for_before_the_redirect(fields: dict[str, Any]) -> None:
    tls = Tls(public_host="api.example.com", public_port=443, challenges=True)
    redirect = yaml.safe_load(render(GatewaySettings(**fields, tls=tls)))["static_resources"][
        "listeners"
    ][-1]
    manager = redirect["filter_chains"][0]["filters"][0]["typed_config"]
    routes = manager["route_config"]["virtual_hosts"][0]["routes"]
    assert [next(iter(route["match"])) for route in routes] == ["safe_regex", "prefix"]
