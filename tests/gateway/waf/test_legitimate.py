"""What applications ask for passes the firewall."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .legitimate import LEGITIMATE

if TYPE_CHECKING:
    import httpx

    from .legitimate import Request

pytestmark = pytest.mark.engine

CONTRACT = Path(__file__).resolve().parents[4] / "shared" / "contracts" / "auth-gotrue.json"
RECORDING: dict[str, list[dict[str, Any]]] = json.loads(CONTRACT.read_text())
RECORDED = {
    f"{mode}: {exchange['name']}": exchange["request"]
    for mode in ("auto-confirm", "confirm")
    for exchange in RECORDING[mode]
    if "request" in exchange
}
"""Every request to auth whose answer was recorded of GoTrue."""


def _send(client: httpx.Client, request: Request) -> int:
    answer = client.request(
        request.method,
        request.path,
        params=request.query or None,
        headers=dict(request.headers),
        json=request.json,
        content=request.body,
    )
    return answer.status_code


@pytest.mark.parametrize("name", LEGITIMATE)
def test_request_of_an_application_passes(client: httpx.Client, name: str) -> None:
    assert _send(client, LEGITIMATE[name]) == 200


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_request_to_auth_passes(client: httpx.Client, name: str) -> None:
    request = RECORDED[name]
    answer = client.request(
        request["method"], f"/auth/v1{request['path']}", json=request.get("body")
    )
    assert answer.status_code == 200
