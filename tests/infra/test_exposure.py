import ipaddress

import pytest

from tests.running_stack import SERVERS, RunningStack

pytestmark = [pytest.mark.engine, pytest.mark.stack]

INTERNAL_PORTS = {
    "auth": 9999,
    "gateway": 8000,
    "mail": 8025,
    "mongo": 27017,
    "object-store": 9000,
    "postgres": 5432,
    "redis": 6379,
    "rest": 3000,
    "waf": 8000,
}
REACHABLE_FROM_GATEWAY = {"auth", "rest"}


def _can_connect(stack: RunningStack, source: str, target: str, port: int) -> bool:
    code, _ = stack.execute(source, "timeout", "2", "bash", "-c", f"</dev/tcp/{target}/{port}")
    return code == 0


@pytest.mark.parametrize("name", SERVERS)
def test_only_the_entry_may_listen_beyond_loopback(stack: RunningStack, name: str) -> None:
    beyond = [
        port
        for port in stack.component(name)["ports"]
        if not ipaddress.ip_address(port["address"]).is_loopback
    ]
    assert name == "waf" or not beyond


@pytest.mark.parametrize("name", SERVERS)
def test_the_engine_publishes_nothing_else(stack: RunningStack, name: str) -> None:
    published = [
        int(binding["HostPort"])
        for bindings in stack.inspect(name)["NetworkSettings"]["Ports"].values()
        for binding in bindings or []
    ]
    assert published == [port["external"] for port in stack.component(name)["ports"]]


def test_the_data_network_has_no_way_out(stack: RunningStack) -> None:
    assert stack.engine.networks.get("plinth-ci-data").attrs["Internal"]


@pytest.mark.parametrize("name", ["edge", "backend"])
def test_the_other_networks_have(stack: RunningStack, name: str) -> None:
    assert not stack.engine.networks.get(f"plinth-ci-{name}").attrs["Internal"]


@pytest.mark.parametrize("target", ["postgres", "redis", "mongo", "object-store"])
def test_the_gateway_cannot_reach_the_data_network(stack: RunningStack, target: str) -> None:
    networks = stack.inspect(target)["NetworkSettings"]["Networks"]
    address = networks["plinth-ci-data"]["IPAddress"]
    assert not _can_connect(stack, "gateway", address, INTERNAL_PORTS[target])


@pytest.mark.parametrize("target", sorted(REACHABLE_FROM_GATEWAY))
def test_the_gateway_reaches_what_it_serves(stack: RunningStack, target: str) -> None:
    assert _can_connect(stack, "gateway", target, INTERNAL_PORTS[target])


@pytest.mark.parametrize("source", ["auth", "mail"])
def test_the_gateways_administration_is_its_own(stack: RunningStack, source: str) -> None:
    assert not _can_connect(stack, source, "gateway", 9901)
