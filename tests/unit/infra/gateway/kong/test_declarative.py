"""The rendered file: what Kong's own schema and the plugins' fields say of it, and its entities."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from jsonschema import Draft4Validator
from pydantic import ValidationError

from infra.gateway.kong.declarative import render
from infra.gateway.kong.plugins import ALL, Cors, RateLimiting, RequestTermination
from infra.gateway.settings import GatewaySettings, Upstream
from tests.gateway.conftest import TEST_ROUTES, default_settings

from . import declarative_schema

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="session")
def schema() -> Draft4Validator:
    return Draft4Validator(declarative_schema.read())


@pytest.fixture
def changed(declaration: dict[str, Any]) -> dict[str, Any]:
    """The file, to be changed."""
    return copy.deepcopy(declaration)


@pytest.fixture(scope="session")
def service_of(declaration: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    """A service by its name."""
    services = {service["name"]: service for service in declaration["services"]}
    return lambda name: services[name]


def plugins_of(declaration: dict[str, Any]) -> list[dict[str, Any]]:
    entities = [declaration, *declaration["services"], *declaration["routes"]]
    return [plugin for entity in entities for plugin in entity.get("plugins", [])]


def test_file_fits_kong_s_schema(schema: Draft4Validator, declaration: dict[str, Any]) -> None:
    assert [error.message for error in schema.iter_errors(declaration)] == []


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.update(_format="3.0"),
        lambda file: file["services"][0].update(timeout=5),
        lambda file: file["services"][0]["routes"][0].update(paths="/auth"),
        lambda file: file["routes"][0].update(access="public"),
        lambda file: file["upstreams"][0]["targets"][0].update(port=1),
        lambda file: file["plugins"][0].update(settings={}),
    ],
    ids=["file", "service", "route's type", "route", "target", "plugin"],
)
def test_schema_sees_what_kong_does_not_know(
    schema: Draft4Validator, changed: dict[str, Any], change: Change
) -> None:
    change(changed)
    assert list(schema.iter_errors(changed))


def test_every_plugin_has_the_fields_that_its_own_schema_has(declaration: dict[str, Any]) -> None:
    models = {model.plugin: model for model in ALL}
    used = plugins_of(declaration)
    assert [models[plugin["name"]](**plugin["config"]).entity() for plugin in used] == used


def test_every_plugin_that_is_loaded_is_used(declaration: dict[str, Any]) -> None:
    used = {plugin["name"] for plugin in plugins_of(declaration)}
    assert used == {model.plugin for model in ALL}


@pytest.mark.parametrize(
    ("model", "config"),
    [
        (RateLimiting, {"minute": 0, "policy": "local", "limit_by": "ip"}),
        (RateLimiting, {"minute": 1, "policy": "cluster", "limit_by": "ip"}),
        (RateLimiting, {"minute": 1, "policy": "local", "limit_by": "header"}),
        (RateLimiting, {"minutes": 1, "minute": 1, "policy": "local", "limit_by": "ip"}),
        (RequestTermination, {"status_code": 404, "message": "a", "body": "b"}),
        (RequestTermination, {"status_code": 404, "content_type": "text/plain"}),
        (Cors, {"origins": []}),
    ],
)
def test_fields_that_kong_refuses_are_refused(model: type[Any], config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model(**config)


def test_names_of_routes_differ(declaration: dict[str, Any]) -> None:
    served = [route for service in declaration["services"] for route in service["routes"]]
    names = [route["name"] for route in (*served, *declaration["routes"])]
    assert len(names) == len(set(names))


def test_large_bodies_are_passed_on_while_they_arrive(
    service_of: Callable[[str], dict[str, Any]],
) -> None:
    buffered = {
        name: service_of(name)["routes"][0]["request_buffering"] for name in ("rest", "upload")
    }
    assert buffered == {"rest": True, "upload": False}


def test_events_are_passed_on_while_they_arrive(
    service_of: Callable[[str], dict[str, Any]],
) -> None:
    buffered = {
        name: service_of(name)["routes"][0]["response_buffering"] for name in ("rest", "socket")
    }
    assert buffered == {"rest": True, "socket": False}


def test_component_is_asked_for_its_health_where_it_serves(declaration: dict[str, Any]) -> None:
    checks = {it["name"]: it["healthchecks"]["active"] for it in declaration["upstreams"]}
    assert checks["auth.upstream"]["http_path"] == "/health/ready"


def test_component_whose_health_is_elsewhere_is_connected_to(
    kong_settings: GatewaySettings,
) -> None:
    elsewhere = {"rest": Upstream(host="rest", port=3000, health_port=3001)}
    settings = kong_settings.model_copy(update={"upstreams": elsewhere})
    upstreams = yaml.safe_load(render(settings, TEST_ROUTES))["upstreams"]
    checks = {it["name"]: it["healthchecks"]["active"]["type"] for it in upstreams}
    assert checks["rest.upstream"] == "tcp"


def test_without_origins_none_is_allowed() -> None:
    settings = GatewaySettings(**{**default_settings(), "cors_origins": ()})
    services = yaml.safe_load(render(settings))["services"]
    assert [it["plugins"][0]["config"]["origins"] for it in services] == [["(?!)"]] * 2


def test_rate_limits_may_be_off() -> None:
    settings = GatewaySettings(**{**default_settings(), "rate_limits": False})
    services = yaml.safe_load(render(settings))["services"]
    names = {plugin["name"] for service in services for plugin in service["plugins"]}
    assert "rate-limiting" not in names


def test_the_same_settings_give_the_same_text(kong_settings: GatewaySettings) -> None:
    assert render(kong_settings) == render(kong_settings)
