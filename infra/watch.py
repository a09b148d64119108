"""How a component is watched: by metrics of its own, or by a probe of what it serves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metrics:
    """Answers `GET /metrics` in Prometheus' text format."""

    port: int


@dataclass(frozen=True)
class HttpProbe:
    """Answers `GET path` with a status of 2xx while it serves."""

    port: int
    path: str


@dataclass(frozen=True)
class TcpProbe:
    """Takes connections. It says less than the others: a process that hangs still may."""

    port: int
    host: str | None = None
    """Where it runs elsewhere; None for the component's own name."""


Watch = Metrics | HttpProbe | TcpProbe
