"""What collectors learn about the certificate that is shown, and about attempts to renew it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from prometheus_client import Gauge

if TYPE_CHECKING:
    from services.certificates.pair import Pair
    from services.certificates.schedule import Failure
    from services.shared.metrics import Metrics


class Measurements:
    """The service's own metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._expiry = Gauge(
            "plinth_certificate_expiry_timestamp_seconds",
            "When the certificate that the gateway shows expires.",
            registry=metrics.registry,
        )
        self._issued = Gauge(
            "plinth_certificate_issued",
            "Whether the certificate that the gateway shows was issued by a directory.",
            registry=metrics.registry,
        )
        self._orders = metrics.counter(
            "certificate_orders", "Certificates asked for, by what came of it.", ("outcome",)
        )

    def show(self, pair: Pair) -> None:
        """Tell about the present pair."""
        self._expiry.set(pair.expires.timestamp())
        self._issued.set(bool(pair.origin))

    def count(self, outcome: Literal["issued"] | Failure) -> None:
        """Count an order."""
        self._orders.labels(outcome).inc()
