"""Prometheus metrics of one service: requests by route template, dependencies, domain counters."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The metrics of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "plinth_http_requests",
            "Requests answered, by route template.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "plinth_http_request_duration_seconds",
            "Time from a request's first byte to its answer's last.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._dependency_seconds = Histogram(
            "plinth_dependency_duration_seconds",
            "Time that a store or another service took.",
            ("dependency", "operation", "outcome"),
            buckets=_SECONDS,
            registry=self.registry,
        )

    def counter(self, name: str, description: str, labels: Sequence[str] = ()) -> Counter:
        """A counter of the service's own domain; `plinth_` and `_total` are added to its name."""
        return Counter(f"plinth_{name}", description, labels, registry=self.registry)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Record one answered request. `route` is a template, so that values stay few."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    @contextmanager
    def dependency(self, dependency: str, operation: str) -> Iterator[None]:
        """Time a call to a store or another service."""
        started, outcome = perf_counter(), "error"
        try:
            yield
            outcome = "ok"
        finally:
            elapsed = perf_counter() - started
            self._dependency_seconds.labels(dependency, operation, outcome).observe(elapsed)

    def page(self) -> Response:
        """All metrics in Prometheus' text format."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)
