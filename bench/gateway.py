"""The gateway against PostgREST directly and against a bare Envoy proxy before it.

One signed-in user reads one row of `todos`. The gateway checks the API key, verifies the token and
counts the request; the bare proxy, the same image with a route and nothing else, only passes it
on. The load generator (wrk) runs on the host and speaks to the containers' own addresses, so no
port forwarding stands between. Targets take turns, and ratios are made within a turn: what else
the machine does then touches all of them alike.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from bench import load
from bench.environment import NAME, MeasurementError
from infra.gateway.component import PORT as GATEWAY_PORT
from infra.services.rest import PORT as REST_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.environment import Environment

TURNS = 20
SECONDS = 1
CONNECTIONS = (1, 16)
QUERY = "?select=id,title"
OK = 200
READY_SECONDS = 10
BARE_PROXY = f"plinth-{NAME}-bare-proxy"
_HTTP = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


@dataclass(frozen=True)
class Target:
    """Something that answers the read, and the headers that it wants."""

    name: str
    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Comparison:
    """Figures of one target; ratios are to PostgREST and to the bare proxy in the same turn."""

    name: str
    median_milliseconds: float
    """At 1 connection."""
    added_milliseconds: float
    """To PostgREST's own median."""
    per_second: float
    """At 16 connections."""
    of_direct: float
    of_bare: float


def bare_proxy_configuration(upstream: str) -> str:
    """Envoy with one listener, one route and one cluster."""
    router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
    everything = {"match": {"prefix": "/"}, "route": {"cluster": "rest"}}
    manager: dict[str, Any] = {
        "@type": f"type.googleapis.com/{_HTTP}",
        "stat_prefix": "bare",
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": router}}],
        "route_config": {
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [everything]}]
        },
    }
    listener = {
        "address": _socket("0.0.0.0", GATEWAY_PORT),  # noqa: S104  (inside the container)
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
    }
    endpoint = {"endpoint": {"address": _socket(upstream, REST_PORT)}}
    cluster = {
        "name": "rest",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "rest",
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}})


def _socket(address: str, port: int) -> dict[str, object]:
    return {"socket_address": {"address": address, "port_value": port}}


@contextlib.contextmanager
def _bare_proxy(environment: Environment) -> Iterator[str]:
    """Run the bare proxy beside the gateway, with the gateway's image; its address."""
    gateway = environment.containers()["gateway"]
    network = f"plinth-{NAME}-backend"
    container = environment.engine.containers.run(
        gateway.attrs["Config"]["Image"],
        entrypoint="envoy",
        command=[
            *("--config-yaml", bare_proxy_configuration(environment.address("rest"))),
            *("--log-level", "warning", "--disable-hot-restart"),
        ],
        name=BARE_PROXY,
        network=network,
        detach=True,
    )
    try:
        container.reload()
        yield str(container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"])
    finally:
        container.remove(force=True)


def _sign_up_with_a_row(gateway: str, key: str) -> str:
    """A new user's token; the user owns one row."""
    credentials = {
        "email": f"{secrets.token_hex(8)}@example.com",
        "password": secrets.token_urlsafe(16),
    }
    with httpx.Client(base_url=gateway, headers={"apikey": key}) as client:
        session = client.post("/auth/v1/signup", json=credentials).raise_for_status().json()
        token = str(session["access_token"])
        row = client.post(
            "/rest/v1/todos",
            json={"title": "water the plants"},
            headers={"Authorization": f"Bearer {token}"},
        )
        row.raise_for_status()
    return token


def _check(target: Target) -> None:
    """Wait until a target answers, and see that its answer is the one row.

    Raises:
        MeasurementError: It answers something else.
    """
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            answer = httpx.get(target.url, headers=dict(target.headers))
            break
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise MeasurementError(f"{target.name} does not answer") from None
            time.sleep(0.1)
    if answer.status_code != OK or len(answer.json()) != 1:
        raise MeasurementError(f"{target.name} answered {answer.status_code}: {answer.text}")


def _load(target: Target, connections: int) -> load.Load:
    return load.measure(
        target.name,
        target.url,
        connections=connections,
        seconds=SECONDS,
        headers=target.headers,
    )


def measure(environment: Environment) -> list[Comparison]:
    """Compare PostgREST alone, behind the bare proxy, and behind the gateway.

    Every other turn has them the other way round: what changes steadily favours none.
    """
    outputs = environment.outputs()
    key = outputs["publishable_key"]
    token = _sign_up_with_a_row(outputs["gateway_url"], key)
    bearer = {"Authorization": f"Bearer {token}"}
    with _bare_proxy(environment) as bare:
        rest, gateway = environment.address("rest"), environment.address("gateway")
        targets = (
            Target("PostgREST", f"http://{rest}:{REST_PORT}/todos{QUERY}", bearer),
            Target("bare proxy", f"http://{bare}:{GATEWAY_PORT}/todos{QUERY}", bearer),
            Target(
                "gateway",
                f"http://{gateway}:{GATEWAY_PORT}/rest/v1/todos{QUERY}",
                {**bearer, "apikey": key},
            ),
        )
        for target in targets:
            _check(target)
            _load(target, 16)  # warm: connections, plans, the token's signature
        turns = [_turn(targets, -1 if number % 2 else 1) for number in range(TURNS)]
    return [_compare(position, target.name, turns) for position, target in enumerate(targets)]


def _turn(targets: Sequence[Target], step: int) -> dict[int, list[load.Load]]:
    """Loads by connections, each in the targets' order; `step` is -1 to take them from the last."""
    return {
        connections: [_load(target, connections) for target in targets[::step]][::step]
        for connections in CONNECTIONS
    }


def _compare(position: int, name: str, turns: list[dict[int, list[load.Load]]]) -> Comparison:
    single = [(turn[1][position], turn[1][0]) for turn in turns]
    loaded = [(turn[16][position], turn[16][0], turn[16][1]) for turn in turns]
    return Comparison(
        name=name,
        median_milliseconds=statistics.median(own.median_milliseconds for own, _ in single),
        added_milliseconds=statistics.median(
            own.median_milliseconds - direct.median_milliseconds for own, direct in single
        ),
        per_second=statistics.median(own.per_second for own, _, _ in loaded),
        of_direct=statistics.median(
            own.per_second / direct.per_second for own, direct, _ in loaded
        ),
        of_bare=statistics.median(own.per_second / bare.per_second for own, _, bare in loaded),
    )
