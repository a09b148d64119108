"""The terms of a path, as the renderings have them: Envoy's configuration, and Kong's file.

Nothing here looks at the route table. Envoy's terms are read from its routes and filters; Kong's
entities are read too, and what only its scripts decide is tried.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.gateway.envoy import filters

from .kong.stand_in import Kong

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = Any


@dataclass(frozen=True)
class Terms:
    """On which terms a path is let through."""

    access: str
    """`public`, `api_key` or `service_role`; or the status that the gateway itself answers with."""
    upstream: str = ""
    upstream_path: str = ""
    requests_per_minute: int | None = None
    body_limit_bytes: int = 0
    timeout_seconds: float | None = None
    upgrades: bool = False
    key_in_query: bool = False


@dataclass(frozen=True)
class ApiKeys:
    """Keys that a rendering knows."""

    publishable: str
    secret: str


def of_envoy(bootstrap: Json, path: str) -> Terms:
    """Terms of a normalised path in Envoy's configuration."""
    manager = _connection_manager(bootstrap)
    (host,) = manager["route_config"]["virtual_hosts"]
    found = [route for route in host["routes"] if _envoy_matches(route["match"], path)]
    # Those of methods and hosts hold for every path.
    found = [route for route in found if not _asks_pseudo_header(route["match"])]
    route = next(route for route in found if "headers" not in route["match"])
    if "direct_response" in route:
        return Terms(str(route["direct_response"]["status"]))
    action = route["route"]
    overrides = route["typed_per_filter_config"]
    script = overrides.get(filters.API_KEY, {}).get("source_code", {}).get("inline_string", "")
    same = [other for other in found if other.get("route") == action]
    return Terms(
        access=_envoy_access(overrides, script),
        upstream=_envoy_address(bootstrap, action["cluster"]),
        upstream_path=_envoy_rewritten(route, path),
        requests_per_minute=_envoy_rate(manager, route),
        body_limit_bytes=max(_envoy_body_limits(same)),
        timeout_seconds=float(action["timeout"].removesuffix("s")) or None,
        upgrades=bool(action.get("upgrade_configs")),
        key_in_query="KEY_IN_QUERY = true" in script,
    )


def _connection_manager(bootstrap: Json) -> Json:
    listener = bootstrap["static_resources"]["listeners"][0]
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


def envoy_filter(bootstrap: Json, name: str) -> Json:
    """Configuration of a filter."""
    chain = _connection_manager(bootstrap)["http_filters"]
    return next(it["typed_config"] for it in chain if it["name"] == name)


def _envoy_matches(match: Json, path: str) -> bool:
    return path == match["path"] if "path" in match else path.startswith(match["prefix"])


def _asks_pseudo_header(match: Json) -> bool:
    return any(header["name"].startswith(":") for header in match.get("headers", []))


def _envoy_access(overrides: Json, script: str) -> str:
    if "KEY_REQUIRED = false" in script:
        assert overrides[filters.TOKEN]["requirement_name"] == filters.TOKEN_OPTIONAL
        return "public"
    if filters.ROLE not in overrides:
        return "api_key"
    principals = overrides[filters.ROLE]["rbac"]["rules"]["policies"]["role"]["principals"]
    (matcher,) = (it["sourced_metadata"]["metadata_matcher"] for it in principals)
    return str(matcher["value"]["string_match"]["exact"])


def _envoy_address(bootstrap: Json, cluster: str) -> str:
    clusters = {it["name"]: it for it in bootstrap["static_resources"]["clusters"]}
    (endpoints,) = clusters[cluster]["load_assignment"]["endpoints"]
    (endpoint,) = endpoints["lb_endpoints"]
    address = endpoint["endpoint"]["address"]["socket_address"]
    return f"{address['address']}:{address['port_value']}"


def _envoy_rewritten(route: Json, path: str) -> str:
    match = route["match"]
    matched = match.get("path") or match["prefix"]
    return str(route["route"]["prefix_rewrite"]) + path.removeprefix(matched)


def _envoy_rate(manager: Json, route: Json) -> int | None:
    (name,) = (it["route"] for it in route["metadata"]["filter_metadata"].values())
    for it in manager["http_filters"]:
        if it["name"] == filters.RATE_LIMIT:
            for descriptor in it["typed_config"]["descriptors"]:
                if descriptor["entries"][0]["value"] == name:
                    return int(descriptor["token_bucket"]["tokens_per_fill"])
    return None


def _envoy_body_limits(routes: list[Json]) -> Iterator[int]:
    for route in routes:
        for header in route["match"].get("headers", []):
            if header["name"] == "content-length" and "range_match" in header:
                yield header["range_match"]["end"] - 1
        held = route["typed_per_filter_config"][filters.BODY]
        if "buffer" in held:
            yield held["buffer"]["max_request_bytes"]


class KongTerms:
    """Terms in a declarative file."""

    def __init__(self, declaration: Json, keys: ApiKeys) -> None:
        self._declaration = copy.deepcopy(declaration)
        self._kong = Kong(self._declaration)
        self._keys = keys

    def of(self, path: str) -> Terms:
        """Terms of a normalised path."""
        secret = [("apikey", self._keys.secret)]
        answer = self._kong.send(path, secret)
        name = self._kong.route_name
        services = self._declaration["services"]
        found = [it for it in services if name in {route["name"] for route in it["routes"]}]
        if not found or not answer.component:
            return Terms(str(answer.status))
        (service,) = found
        plugins = {plugin["name"]: plugin["config"] for plugin in service["plugins"]}
        size = plugins["request-size-limiting"]
        assert size["size_unit"] == "bytes"
        milliseconds = service["read_timeout"]
        upgrade = [*secret, ("Connection", "Upgrade"), ("Upgrade", "websocket")]
        with_key = self._kong.send(f"{path}?apikey={self._keys.secret}")
        return Terms(
            access=self._access(path),
            upstream=self._address(service),
            upstream_path=answer.component["path"],
            requests_per_minute=plugins.get("rate-limiting", {}).get("minute"),
            body_limit_bytes=size["allowed_payload_size"],
            timeout_seconds=milliseconds / 1000 if milliseconds < 2**31 - 2 else None,
            upgrades=self._kong.send(path, upgrade).component is not None,
            key_in_query=with_key.log.get("role") == "service_role",
        )

    def _access(self, path: str) -> str:
        if self._kong.send(path).component:
            return "public"
        passes = self._kong.send(path, [("apikey", self._keys.publishable)]).component
        return "api_key" if passes else "service_role"

    def _address(self, service: Json) -> str:
        upstreams = {it["name"]: it for it in self._declaration["upstreams"]}
        (target,) = upstreams[service["host"]]["targets"]
        return str(target["target"])
