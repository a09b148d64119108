"""The parts that surround a request, in a small application of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI, Request

from services.shared.body_limit import BodyLimitMiddleware
from services.shared.errors import (
    DependencyUnavailableError,
    ErrorDetail,
    ServiceError,
    failure,
    install_envelope_errors,
    success,
)
from services.shared.health import Dependency, health_router
from services.shared.logs import configure_logs
from services.shared.metrics import Metrics
from services.shared.request_context import RequestContextMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.responses import Response

LIMIT = 100


class Switch:
    """A dependency that a test turns off."""

    def __init__(self) -> None:
        self.is_on = True

    async def check(self) -> None:
        if not self.is_on:
            raise DependencyUnavailableError("store")


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.fixture
def application(switch: Switch) -> FastAPI:
    configure_logs(service="echo", version="1.2.3")
    metrics = Metrics()
    app = FastAPI()

    @app.post("/things/{name}")
    async def length(name: str, request: Request) -> Response:
        return success({"name": name, "length": len(await request.body())})

    @app.get("/refused")
    async def refused() -> Response:
        details = [ErrorDetail("name", "too long")]
        raise ServiceError(400, "invalid_payload", "The payload is not valid", details=details)

    @app.get("/broken")
    async def broken() -> Response:
        raise RuntimeError("postgres://me:hunter2hunter2@db Bearer abcdef")

    install_envelope_errors(app)
    app.include_router(health_router([Dependency("store", switch.check)], metrics))
    app.add_middleware(
        BodyLimitMiddleware, answer=lambda _scope, error: failure(error), limit_bytes=LIMIT
    )
    app.add_middleware(RequestContextMiddleware, metrics=metrics)
    return app


@pytest.fixture
async def client(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://echo") as client:
        yield client


async def test_success_has_the_common_envelope(client: httpx.AsyncClient) -> None:
    answer = await client.post("/things/a", content=b"xyz", headers={"X-Request-ID": "r1"})

    assert answer.json() == {
        "success": True,
        "data": {"name": "a", "length": 3},
        "error": None,
        "meta": {"request_id": "r1"},
    }


async def test_an_error_has_the_common_envelope(client: httpx.AsyncClient) -> None:
    answer = await client.get("/refused", headers={"X-Request-ID": "r1"})

    assert answer.json() == {
        "success": False,
        "data": None,
        "error": {
            "code": "invalid_payload",
            "message": "The payload is not valid",
            "details": [{"field": "name", "reason": "too long"}],
        },
        "meta": {"request_id": "r1"},
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("DELETE", "/refused", 405, "method_not_allowed"),
        ("GET", "/broken", 500, "internal_error"),
    ],
)
async def test_every_error_has_its_stable_code(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_an_internal_error_tells_nothing(client: httpx.AsyncClient) -> None:
    assert "hunter2" not in (await client.get("/broken")).text


@pytest.mark.parametrize("size", [LIMIT, LIMIT - 1, 0])
async def test_a_body_within_the_limit_is_read(client: httpx.AsyncClient, size: int) -> None:
    answer = await client.post("/things/a", content=b"x" * size)

    assert answer.json()["data"]["length"] == size


async def test_a_declared_length_over_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/things/a", content=b"x" * (LIMIT + 1))).status_code == 413


async def test_a_body_over_the_limit_without_a_declared_length_is_refused(
    client: httpx.AsyncClient,
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 10

    assert (await client.post("/things/a", content=chunks())).status_code == 413


@pytest.mark.parametrize("offered", ["abc-123", "a" * 128, "1:2.3_4-5"])
async def test_a_request_id_that_is_one_comes_back(client: httpx.AsyncClient, offered: str) -> None:
    answer = await client.get("/health/live", headers={"X-Request-ID": offered})

    assert answer.headers["x-request-id"] == offered


@pytest.mark.parametrize("offered", ["", "a b", "a" * 129, 'x"y', "-a", "a;b", "<script>"])
async def test_a_request_id_that_is_none_is_replaced(
    client: httpx.AsyncClient, offered: str
) -> None:
    answer = await client.get("/health/live", headers={"X-Request-ID": offered})

    assert len(answer.headers["x-request-id"]) == 36


async def test_a_refused_body_has_a_request_id(client: httpx.AsyncClient) -> None:
    answer = await client.post("/things/a", content=b"x" * 200, headers={"X-Request-ID": "r1"})

    assert answer.headers["x-request-id"] == "r1"


async def test_ready_says_which_dependency_is_away(
    client: httpx.AsyncClient, switch: Switch
) -> None:
    switch.is_on = False

    answer = await client.get("/health/ready")

    assert (answer.status_code, answer.json()) == (
        503,
        {
            "status": "degraded",
            "details": [
                {
                    "name": "store",
                    "status": "unavailable",
                    "error": "store is not available, try again",
                }
            ],
        },
    )


async def test_live_does_not_look_at_dependencies(
    client: httpx.AsyncClient, switch: Switch
) -> None:
    switch.is_on = False

    assert (await client.get("/health/live")).json() == {"status": "ok"}


async def test_metrics_have_the_route_template_and_not_the_path(
    client: httpx.AsyncClient,
) -> None:
    await client.post("/things/private-name", content=b"")

    metrics = (await client.get("/metrics")).text

    assert ('route="/things/{name}"' in metrics, "private-name" in metrics) == (True, False)


async def test_metrics_do_not_grow_with_invented_methods(client: httpx.AsyncClient) -> None:
    await client.request("BREW", "/refused")

    assert "BREW" not in (await client.get("/metrics")).text


async def test_each_request_writes_one_json_line(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(service="echo", version="1.2.3")
    await client.post("/things/a", content=b"", headers={"X-Request-ID": "r1"})

    lines: list[dict[str, Any]] = [
        json.loads(line) for line in capsys.readouterr().out.splitlines()
    ]
    (line,) = [line for line in lines if line["event"] == "request"]

    assert {key: line[key] for key in ("service", "version", "level", "request_id", "route")} == {
        "service": "echo",
        "version": "1.2.3",
        "level": "info",
        "request_id": "r1",
        "route": "/things/{name}",
    }
