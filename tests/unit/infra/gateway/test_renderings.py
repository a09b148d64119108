"""Both renderings of the gateway let the same requests through, on the same terms."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest

from infra.gateway.envoy import filters
from infra.gateway.envoy.bootstrap import bootstrap
from infra.gateway.kong.declarative import declaration
from infra.gateway.kong.refusals import REFUSALS
from infra.gateway.routes import ROUTES, Route
from infra.gateway.settings import GatewaySettings
from tests.gateway.conftest import TEST_ROUTES, default_settings

from .kong.stand_in import ComponentAnswer, Kong
from .rendered_terms import ApiKeys, KongTerms, envoy_filter, of_envoy

Json = Any
Change = Callable[[Json], object]

METHODS = (
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
    "TRACE", "CONNECT", "PROPFIND", "get",
)  # fmt: skip


def around(route: Route) -> set[str]:
    """Paths at, below and beside a route and its rules."""
    bases = {route.prefix, *(f"{route.prefix}{rule.path}".rstrip("/") for rule in route.rules)}
    return {base + end for base in bases for end in ("", "/", "/x", "/x/y", "x", ".")}


PATHS = sorted(
    {"/", "/nowhere", "/health/live", "/health/live/x", "/health"}.union(*map(around, TEST_ROUTES))
)


@pytest.fixture(scope="module")
def settings() -> GatewaySettings:
    return GatewaySettings(**default_settings())


@pytest.fixture(scope="module")
def keys(settings: GatewaySettings) -> ApiKeys:
    publishable, secret = (key.value.get_secret_value() for key in settings.api_keys[:2])
    return ApiKeys(publishable, secret)


@pytest.fixture(scope="module")
def envoy(settings: GatewaySettings) -> Json:
    return bootstrap(settings, TEST_ROUTES)


@pytest.fixture(scope="module")
def kong_file(settings: GatewaySettings) -> Json:
    return declaration(settings, TEST_ROUTES)


@pytest.fixture(scope="module")
def kong_terms(kong_file: Json, keys: ApiKeys) -> KongTerms:
    return KongTerms(kong_file, keys)


@pytest.fixture(scope="module")
def scripts(kong_file: Json) -> Kong:
    return Kong(kong_file)


@pytest.mark.parametrize("path", PATHS)
def test_path_has_the_same_terms(envoy: Json, kong_terms: KongTerms, path: str) -> None:
    assert kong_terms.of(path) == of_envoy(envoy, path)


@pytest.mark.parametrize(
    "changes",
    [
        {"rest_openapi": "disabled"},
        {"rate_limit_per_minute": {"rest": 7}},
        {"rate_limits": False},
        {"profiles": frozenset()},
    ],
    ids=["no description", "another rate", "no rates", "no profile"],
)
def test_settings_change_the_same_terms(keys: ApiKeys, changes: dict[str, Any]) -> None:
    settings = GatewaySettings(**{**default_settings(), **changes})
    kong = KongTerms(declaration(settings), keys)
    envoy = bootstrap(settings)
    paths = sorted(set().union(*map(around, ROUTES)))
    assert {path: kong.of(path) for path in paths} == {
        path: of_envoy(envoy, path) for path in paths
    }


def _service(file: Json, name: str) -> Json:
    return next(service for service in file["services"] if service["name"] == name)


def _plugin(file: Json, name: str) -> Json:
    return next(it["config"] for it in _service(file, "rest")["plugins"] if it["name"] == name)


@pytest.mark.parametrize(
    "change",
    [
        lambda file: _service(file, "rest").update(read_timeout=1),
        lambda file: _service(file, "rest").update(host="auth.upstream"),
        lambda file: _service(file, "rest")["routes"].pop(),
        lambda file: _plugin(file, "rate-limiting").update(minute=1),
        lambda file: _plugin(file, "request-size-limiting").update(allowed_payload_size=1),
        lambda file: file["plugins"][-1]["config"].update(
            access=[file["plugins"][-1]["config"]["access"][0].replace("api_key", "public")]
        ),
    ],
    ids=["time limit", "component", "route", "rate", "body", "access"],
)
def test_a_difference_would_be_seen(
    envoy: Json, kong_file: Json, keys: ApiKeys, change: Change
) -> None:
    changed = copy.deepcopy(kong_file)
    change(changed)
    path = "/rest/v1/todos"
    assert KongTerms(changed, keys).of(path) != of_envoy(envoy, path)


@pytest.mark.parametrize("method", METHODS)
def test_method_is_taken_by_both_or_by_none(
    envoy: Json, scripts: Kong, keys: ApiKeys, method: str
) -> None:
    manager = envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    routes = manager["typed_config"]["route_config"]["virtual_hosts"][0]["routes"]
    (header,) = next(it["match"]["headers"] for it in routes if it["name"] == "method")
    taken = re.fullmatch(header["string_match"]["safe_regex"]["regex"], method) is not None
    answer = scripts.send("/rest/v1/todos", [("apikey", keys.secret)], method=method)
    assert (answer.component is not None) == taken


@pytest.mark.parametrize("trusted_proxies", [0, 1])
def test_same_headers_are_taken_off_requests(keys: ApiKeys, trusted_proxies: int) -> None:
    settings = GatewaySettings(**{**default_settings(), "trusted_proxies": trusted_proxies})
    mutations = envoy_filter(bootstrap(settings), filters.HEADERS)["mutations"]
    removed = {it["remove"] for it in mutations["request_mutations"] if "remove" in it} | {
        it["remove_on_match"]["key_matcher"]["prefix"] + "x"
        for it in mutations["request_mutations"]
        if "remove_on_match" in it
    }
    # The router's own, which Kong has none of.
    removed.remove("x-envoy-x")
    kept = {"accept", "prefer", "x-client-info", "x-forwarded-host", "x-userx"} - removed
    headers = [(name, "given") for name in sorted(removed | kept)]
    answer = Kong(declaration(settings)).send("/rest/v1/todos", [("apikey", keys.secret), *headers])
    assert answer.component
    seen = {name for name, value in answer.component["headers"].items() if value == "given"}
    assert seen == kept


def test_same_headers_are_on_answers(envoy: Json, scripts: Kong, keys: ApiKeys) -> None:
    mutations = envoy_filter(envoy, filters.HEADERS)["mutations"]["response_mutations"]
    set_by_envoy = {
        it["append"]["header"]["key"].lower(): it["append"]["header"]["value"]
        for it in mutations
        if "append" in it
    }
    answer = scripts.send("/rest/v1/todos", [("apikey", keys.secret)], component=ComponentAnswer())
    own = {"content-length", "x-request-id"}
    assert {k: v for k, v in answer.headers.items() if k not in own} == set_by_envoy


def test_same_origins_methods_and_headers_are_allowed(envoy: Json, kong_file: Json) -> None:
    manager = envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    (host,) = manager["typed_config"]["route_config"]["virtual_hosts"]
    policy = host["typed_per_filter_config"][filters.CORS]
    config = _plugin(kong_file, "cors")
    assert (
        [
            re.fullmatch(it, origin["exact"]) is not None
            for it, origin in zip(
                config["origins"], policy["allow_origin_string_match"], strict=True
            )
        ],
        ", ".join(config["methods"]),
        ", ".join(config["headers"]),
        ", ".join(config["exposed_headers"]),
        str(int(config["max_age"])),
        config["credentials"],
    ) == (
        [True],
        policy["allow_methods"],
        policy["allow_headers"],
        policy["expose_headers"],
        policy["max_age"],
        policy["allow_credentials"],
    )


def test_same_refusals_are_given(envoy: Json) -> None:
    manager = envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    mappers = manager["typed_config"]["local_reply_config"]["mappers"]
    given = {tuple(it["body_format_override"]["json_format"]["error"].values()) for it in mappers}
    tables: list[Any] = [refusal.table() for refusal in REFUSALS.values()]
    assert {(table["code"], table["message"]) for table in tables} == given
