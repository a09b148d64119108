"""The monitor in the whole program: what it watches, and what nobody waits for."""

from typing import Any

import pytest
import yaml

from infra import observability
from infra.watch import Watch
from policies import monitoring
from policies.resource_types import CONTAINER
from policies.subject import Graph, Member
from tests.unit.infra.conftest import Recorder, run_program, run_program_again

MAIL = {"enabled": True}
SETTINGS = {"enabled": True, "port": 19091, "retention_days": 3}
DEVELOPMENT: dict[str, Any] = {
    "plinth:environment": "development",
    "plinth:auth": {"autoconfirm": True},
    "plinth:mail": MAIL,
}
ENABLED = DEVELOPMENT | {"plinth:observability": SETTINGS}
MONITOR = {"blackbox", "prometheus"}
PASSWORD = "typed by a person, not generated"
ELSEWHERE: dict[str, dict[str, Any]] = {
    "plinth:database": {"host": "db.example.com", "tls": "require", "password": PASSWORD},
    "plinth:mongo": {"host": "mongo.example.com", "user": "plinth", "password": PASSWORD},
    "plinth:redis": {"host": "10.1.2.3", "port": 6380, "password": PASSWORD},
    "plinth:object_store": {
        "endpoint": "https://s3.example.com",
        "bucket": "files",
        "access_key_id": "plinth",
        "secret_access_key": PASSWORD,
    },
}


@pytest.fixture(scope="module")
def program() -> Recorder:
    return run_program("dev", ENABLED)


@pytest.fixture(scope="module")
def with_stores_elsewhere() -> Recorder:
    external = {section: {"external": store} for section, store in ELSEWHERE.items()}
    return run_program("dev", ENABLED | external, list(ELSEWHERE))


def containers(program: Recorder) -> dict[str, dict[str, Any]]:
    return program.resources[CONTAINER]


def servers(program: Recorder) -> set[str]:
    """Components that stay up."""
    return {name for name, inputs in containers(program).items() if inputs["mustRun"]}


def targets(program: Recorder) -> dict[str, str]:
    """What Prometheus asks, by component."""
    uploads = containers(program)["prometheus-files"]["uploads"]
    [content] = [
        upload["content"] for upload in uploads if upload["file"].endswith("prometheus.yaml")
    ]
    return {
        each["labels"]["component"]: target
        for job in yaml.safe_load(content)["scrape_configs"]
        for each in job["static_configs"]
        for target in each["targets"]
    }


def networks(program: Recorder, component: str) -> list[str]:
    return [
        each["name"].removeprefix("plinth-dev-")
        for each in containers(program)[component]["networksAdvanced"]
    ]


def unwatched(program: Recorder) -> list[str]:
    """What the policy `components-monitored` finds in the program's own resources."""
    members = [
        Member(name, CONTAINER, urn=name, parent="", properties=inputs)
        for name, inputs in containers(program).items()
    ]
    found = monitoring.components(Graph(members, monitoring.Monitoring()))
    return [member.name for member, _ in found]


def test_without_it_nothing_is_declared() -> None:
    assert not MONITOR & set(containers(run_program("dev", DEVELOPMENT)))


def test_every_server_is_watched(program: Recorder) -> None:
    assert set(targets(program)) == servers(program)


def test_the_policy_finds_nothing_unwatched(program: Recorder) -> None:
    assert unwatched(program) == []


@pytest.mark.parametrize("forgotten", ["auth", "redis", "prometheus"])
def test_the_policy_finds_what_the_program_forgets(
    forgotten: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = observability.watched

    def forgetful(components: Any) -> dict[str, Watch]:
        return {name: how for name, how in watched(components).items() if name != forgotten}

    monkeypatch.setattr(observability, "watched", forgetful)
    assert unwatched(run_program_again("dev", ENABLED)) == [forgotten]


def test_stores_elsewhere_are_asked_where_they_are(with_stores_elsewhere: Recorder) -> None:
    asked = targets(with_stores_elsewhere)
    assert [asked[store] for store in ("postgres", "mongo", "redis", "object-store")] == [
        "db.example.com:5432",
        "mongo.example.com:27017",
        "10.1.2.3:6380",
        "s3.example.com:443",
    ]


def test_the_gateway_does_not_reach_the_prober(program: Recorder) -> None:
    assert not set(networks(program, "gateway")) & set(networks(program, "blackbox"))


def test_the_prober_has_a_way_out_where_stores_are_elsewhere(
    with_stores_elsewhere: Recorder,
) -> None:
    assert networks(with_stores_elsewhere, "blackbox") == ["backend"]


@pytest.mark.parametrize("placed", ["program", "with_stores_elsewhere"])
def test_prometheus_reaches_the_prober(placed: str, request: pytest.FixtureRequest) -> None:
    program = request.getfixturevalue(placed)
    assert set(networks(program, "prometheus")) & set(networks(program, "blackbox"))


@pytest.mark.parametrize("component", ["auth", "gateway", "mail"])
def test_prometheus_reaches_what_has_metrics(program: Recorder, component: str) -> None:
    assert set(networks(program, "prometheus")) & set(networks(program, component))


def test_it_is_published_on_loopback_alone(program: Recorder) -> None:
    assert containers(program)["prometheus"]["ports"] == [
        {"internal": 9090, "external": 19091, "ip": "127.0.0.1"}
    ]


def test_it_keeps_data_for_the_configured_time(program: Recorder) -> None:
    assert "--storage.tsdb.retention.time=3d" in containers(program)["prometheus"]["command"]


@pytest.mark.parametrize("flag", ["admin-api", "lifecycle", "remote-write-receiver"])
def test_no_client_may_change_it(program: Recorder, flag: str) -> None:
    assert not any(flag in word for word in containers(program)["prometheus"]["command"])


def test_the_mail_sink_has_metrics_while_it_is_watched(program: Recorder) -> None:
    assert "MP_ENABLE_PROMETHEUS=true" in containers(program)["mail"]["envs"]


def test_gotrue_is_probed_where_it_stands_for_auth() -> None:
    registry = {"plinth:images": {"source": "registry"}}
    assert targets(run_program("dev", ENABLED | registry))["auth"] == "http://auth:9999/health"
