"""Prometheus' configuration: what it asks, how often, and by which rules it judges.

Source: https://prometheus.io/docs/prometheus/2.53/configuration/configuration/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from infra.watch import HttpProbe, Metrics, TcpProbe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.watch import Watch

RULES_FILE = "rules.yaml"
"""Beside the configuration."""

_INTERVAL = "15s"


def configuration(watched: Mapping[str, Watch], prober: str) -> str:
    """Render the configuration as YAML.

    Args:
        watched: How each component is watched, by its name. It becomes the label `component` of
            every series that comes of it.
        prober: `host:port` of what carries the probes out.
    """
    document = {
        "global": {
            "scrape_interval": _INTERVAL,
            "evaluation_interval": _INTERVAL,
        },
        "rule_files": [RULES_FILE],
        "scrape_configs": [
            {"job_name": "metrics", "static_configs": _targets(watched, Metrics)},
            _probes("http", _targets(watched, HttpProbe), prober),
            _probes("tcp", _targets(watched, TcpProbe), prober),
        ],
    }
    return yaml.safe_dump(document, sort_keys=False)


def _targets(watched: Mapping[str, Watch], kind: type[Watch]) -> list[dict[str, Any]]:
    return [
        {"targets": [address(component, watch)], "labels": {"component": component}}
        for component, watch in sorted(watched.items())
        if isinstance(watch, kind)
    ]


def address(component: str, watch: Watch) -> str:
    """What is asked: `host:port`, or the URL of an HTTP probe."""
    match watch:
        case Metrics(port):
            return f"{component}:{port}"
        case HttpProbe(port, path):
            return f"http://{component}:{port}{path}"
        case TcpProbe(port, host):
            return f"{host or component}:{port}"


def _probes(module: str, targets: list[dict[str, Any]], prober: str) -> dict[str, Any]:
    """A job whose targets are asked by the prober; `instance` still names the target."""
    return {
        "job_name": module,
        "metrics_path": "/probe",
        "params": {"module": [module]},
        "static_configs": targets,
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": prober},
        ],
    }
