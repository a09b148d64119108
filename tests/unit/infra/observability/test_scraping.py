"""What Prometheus is told to ask."""

from typing import Any

import pytest
import yaml

from infra.observability import blackbox, prometheus
from infra.observability.scraping import address, configuration
from infra.watch import HttpProbe, Metrics, TcpProbe, Watch

WATCHED: dict[str, Watch] = {
    "shop": Metrics(8080),
    "cart": Metrics(8081),
    "page": HttpProbe(80, "/ready"),
    "store": TcpProbe(5432),
}
PROBER = "prober:9115"


@pytest.fixture
def jobs() -> dict[str, dict[str, Any]]:
    document = yaml.safe_load(configuration(WATCHED, PROBER))
    return {job["job_name"]: job for job in document["scrape_configs"]}


@pytest.mark.parametrize(
    ("watch", "asked"),
    [
        (Metrics(8080), "shop:8080"),
        (HttpProbe(80, "/ready"), "http://shop:80/ready"),
        (TcpProbe(5432), "shop:5432"),
        (TcpProbe(5432, "db.example.com"), "db.example.com:5432"),
    ],
    ids=["metrics", "http", "tcp", "elsewhere"],
)
def test_what_is_asked(watch: Watch, asked: str) -> None:
    assert address("shop", watch) == asked


def test_a_component_is_the_label_of_its_target(jobs: dict[str, dict[str, Any]]) -> None:
    assert jobs["metrics"]["static_configs"] == [
        {"targets": ["cart:8081"], "labels": {"component": "cart"}},
        {"targets": ["shop:8080"], "labels": {"component": "shop"}},
    ]


@pytest.mark.parametrize(("job", "component"), [("http", "page"), ("tcp", "store")])
def test_a_probe_is_a_job_of_its_kind(
    jobs: dict[str, dict[str, Any]], job: str, component: str
) -> None:
    assert [each["labels"]["component"] for each in jobs[job]["static_configs"]] == [component]


@pytest.mark.parametrize("job", ["http", "tcp"])
def test_a_probe_is_carried_out_by_the_prober(jobs: dict[str, dict[str, Any]], job: str) -> None:
    last = jobs[job]["relabel_configs"][-1]
    assert last == {"target_label": "__address__", "replacement": PROBER}


def test_the_order_of_components_changes_nothing() -> None:
    turned = dict(reversed(WATCHED.items()))
    assert configuration(turned, PROBER) == configuration(WATCHED, PROBER)


@pytest.mark.parametrize(
    ("probed", "needed"),
    [
        ([("data",), ("backend", "data")], ("data",)),
        ([("data",), ("backend",)], ("backend", "data")),
        ([("backend",)], ("backend",)),
        ([], ("data",)),
    ],
    ids=["all on data", "one on backend alone", "none on data", "nothing probed"],
)
def test_the_prober_is_on_no_network_that_it_does_not_need(
    probed: list[tuple[str, ...]], needed: tuple[str, ...]
) -> None:
    assert blackbox.networks(probed) == needed


@pytest.mark.parametrize(
    ("scraped", "needed"),
    [
        ([("edge", "backend"), ("backend", "data")], ("backend", "data")),
        ([("edge", "backend"), ("edge",)], ("backend", "data", "edge")),
        ([], ("backend", "data")),
    ],
    ids=["all on backend", "one on edge alone", "nothing scraped"],
)
def test_the_monitor_is_on_every_network_that_it_needs(
    scraped: list[tuple[str, ...]], needed: tuple[str, ...]
) -> None:
    assert prometheus.networks(scraped, prober=("data",)) == needed
