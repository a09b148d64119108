"""Nothing that a request needs goes through a thread: that costs more than the work itself.

FastAPI runs a dependency or a route that is no coroutine in a pool of threads.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest
from fastapi.routing import APIRoute

from services.auth.main import ROUTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.dependencies.models import Dependant

ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def in_threads(dependant: Dependant) -> Iterator[str]:
    """Names of the functions behind a route that FastAPI would run in a thread."""
    if dependant.call is not None and not inspect.iscoroutinefunction(dependant.call):
        yield str(getattr(dependant.call, "__qualname__", dependant.call))
    for needed in dependant.dependencies:
        yield from in_threads(needed)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{min(route.methods)} {route.path}")
def test_a_request_is_answered_without_a_thread(route: APIRoute) -> None:
    assert list(in_threads(route.dependant)) == []
