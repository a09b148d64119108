"""Waiting for a container: to be healthy, to go on running, or to end."""

import time
from collections.abc import Callable
from typing import Any, Final

from airgap.docker_provider.engine import Api, Inspection
from airgap.provider.resource import Operation, ProviderError

_INTERVAL_SECONDS: Final = 0.2
_SETTLE_SECONDS: Final = 0.1
_LOG_LINES: Final = 20
_LOG_LINE_LENGTH: Final = 500


def until_healthy(
    operation: Operation, api: Api, container_id: str, name: str, timeout_seconds: float
) -> None:
    """Wait until the health check passes.

    Raises:
        ProviderError: the container has no health check, ended, turned unhealthy or was not
            healthy in time; the text carries its last log lines.
    """

    def healthy(inspected: Inspection) -> bool:
        state = inspected["State"]
        health = state.get("Health")
        if not health:
            raise ProviderError(
                f"container {name}: wait needs a health check, and neither the container nor its "
                "image has one"
            )
        if _ended(inspected):
            raise ProviderError(
                f"container {name} ended with exit code {state['ExitCode']} before it was healthy"
                f"{log_tail(operation, api, container_id)}"
            )
        if health["Status"] == "unhealthy":
            raise ProviderError(
                f"container {name} is unhealthy{_last_probe(operation, health)}"
                f"{log_tail(operation, api, container_id)}"
            )
        return bool(health["Status"] == "healthy")

    if not _poll(operation, api, container_id, healthy, timeout_seconds):
        health = api.inspect_container(container_id)["State"].get("Health") or {}
        raise ProviderError(
            f"container {name} was not healthy within {timeout_seconds:g} s; mend it or raise "
            f"waitTimeout{_last_probe(operation, health)}"
            f"{log_tail(operation, api, container_id)}"
        )


def until_settled(operation: Operation, api: Api, container_id: str, name: str) -> None:
    """Check that the container did not end as soon as it was started.

    Raises:
        ProviderError: it did; the text carries its last log lines.
    """
    operation.wait(_SETTLE_SECONDS)
    inspected = api.inspect_container(container_id)
    if _ended(inspected):
        raise ProviderError(
            f"container {name} ended with exit code {inspected['State']['ExitCode']} right after "
            f"its start{log_tail(operation, api, container_id)}"
        )


def until_ended(
    operation: Operation, api: Api, container_id: str, name: str, timeout_seconds: float
) -> None:
    """Wait until a one-shot container has ended, however it ends.

    Raises:
        ProviderError: it still runs after the timeout; the text carries its last log lines.
    """

    def ended(inspected: Inspection) -> bool:
        return not inspected["State"]["Running"] and not inspected["State"]["Restarting"]

    if not _poll(operation, api, container_id, ended, timeout_seconds):
        raise ProviderError(
            f"container {name} still runs after {timeout_seconds:g} s"
            f"{log_tail(operation, api, container_id)}"
        )


def log(api: Api, container_id: str, lines: int | None = None) -> str:
    """Return what the container wrote, or its last lines; stdout and stderr as they came."""
    tail: int | str = "all" if lines is None else lines
    text: bytes = api.logs(container_id, stdout=True, stderr=True, tail=tail)
    return text.decode(errors="replace")


def log_tail(operation: Operation, api: Api, container_id: str) -> str:
    """Return the container's last log lines as the end of an error message."""
    lines = [
        f"    {line[:_LOG_LINE_LENGTH]}"
        for line in operation.redact(log(api, container_id, _LOG_LINES)).splitlines()
    ]
    return "\n".join(["; its last log lines:", *lines]) if lines else "; it wrote no log"


def _last_probe(operation: Operation, health: dict[str, Any]) -> str:
    probes = health.get("Log") or []
    if not probes:
        return ""
    text = " ".join(str(probes[-1].get("Output", "")).split())[:_LOG_LINE_LENGTH]
    return f"; its health check says: {operation.redact(text)}" if text else ""


def _ended(inspected: Inspection) -> bool:
    """Tell whether the container ended, even if its restart policy has started it again."""
    state = inspected["State"]
    return not state["Running"] or state["Restarting"] or inspected["RestartCount"] > 0


def _poll(
    operation: Operation,
    api: Api,
    container_id: str,
    reached: Callable[[Inspection], bool],
    timeout_seconds: float,
) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while not reached(api.inspect_container(container_id)):
        if time.monotonic() >= deadline:
            return False
        operation.wait(_INTERVAL_SECONDS)
    return True
