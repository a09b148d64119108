"""The monitor of the running stack, through the API that it publishes."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.running_stack import NAME, SERVERS, RunningStack, pulumi

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.engine, pytest.mark.stack]

WAIT_SECONDS = 60
MONITOR = {"blackbox", "prometheus"}


@pytest.fixture(scope="module")
def prometheus(stack: RunningStack) -> Iterator[httpx.Client]:
    """A client of Prometheus."""
    with httpx.Client(base_url=stack.outputs["prometheus_url"], timeout=15) as client:
        yield client


def ask(prometheus: httpx.Client, expression: str) -> dict[str, float]:
    """The value of an expression now, by component."""
    answer = prometheus.get("/api/v1/query", params={"query": expression}).raise_for_status()
    return {
        each["metric"].get("component", ""): float(each["value"][1])
        for each in answer.json()["data"]["result"]
    }


@pytest.fixture(scope="module")
def seen(prometheus: httpx.Client) -> dict[str, float]:
    """What Prometheus says of each component, once it has asked every one of them."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = ask(prometheus, "component:up")
        if len(found) == len(SERVERS) and all(found.values()):
            break
        time.sleep(1)
    return found


@pytest.mark.parametrize("component", SERVERS)
def test_every_component_is_seen_to_be_up(seen: dict[str, float], component: str) -> None:
    assert seen.get(component) == 1


@pytest.mark.usefixtures("seen")
def test_every_target_answers(prometheus: httpx.Client) -> None:
    targets = prometheus.get("/api/v1/targets").raise_for_status().json()["data"]["activeTargets"]
    assert {each["labels"]["component"]: each["lastError"] for each in targets} == dict.fromkeys(
        SERVERS, ""
    )


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize(
    ("component", "metric"),
    [
        ("auth", "plinth_http_requests_total"),
        ("gateway", 'envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix="public"}'),
        ("gateway", "envoy_server_days_until_first_cert_expiring"),
        ("mail", "mailpit_messages"),
    ],
)
def test_a_component_tells_about_its_work(
    prometheus: httpx.Client, component: str, metric: str
) -> None:
    assert component in ask(prometheus, metric)


@pytest.mark.usefixtures("seen")
def test_the_rules_are_evaluated_without_error(prometheus: httpx.Client) -> None:
    groups = prometheus.get("/api/v1/rules").raise_for_status().json()["data"]["groups"]
    assert {rule["name"]: rule["health"] for group in groups for rule in group["rules"]} == (
        dict.fromkeys(
            ("component:up", "ComponentDown", "GatewayErrors", "CertificateExpires"), "ok"
        )
    )


def test_it_is_not_reached_from_beyond_loopback(stack: RunningStack) -> None:
    # The host's own address on a network of the stack: another than loopback, as others see it.
    host = stack.engine.networks.get(f"plinth-{NAME}-edge").attrs["IPAM"]["Config"][0]["Gateway"]
    port = urlsplit(stack.outputs["prometheus_url"]).port
    assert port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, port), timeout=5)


def test_nothing_waits_for_the_monitor() -> None:
    exported: dict[str, Any] = json.loads(pulumi("stack", "export"))
    of_monitor = {
        resource["urn"]
        for resource in exported["deployment"]["resources"]
        if resource["urn"].rpartition("::")[2] in MONITOR
    }
    waiting = {
        resource["urn"]
        for resource in exported["deployment"]["resources"]
        if of_monitor & set(resource.get("dependencies") or ())
    }
    assert len(of_monitor) == 2 * len(MONITOR)
    assert waiting == set()
