"""The service as a process would run it, with a directory that does not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import FastAPI

from services.certificates.challenges import PATH, Challenges
from services.certificates.main import create_app
from tests.acme.server import free_port

from .service import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    paths = {name: tmp_path / name for name in ("account", "issued")}
    for name, path in paths.items():
        path.mkdir()
        monkeypatch.setenv(f"PLINTH_ACME_{name.upper()}_FOLDER", str(path))
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PLINTH_ACME_DIRECTORY_URL", f"https://127.0.0.1:{free_port()}/dir")
    return monkeypatch


@pytest.fixture
async def client(environment: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    environment.setenv("PLINTH_ACME_LOG_LEVEL", "error")
    app = create_app()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http,
    ):
        yield http


async def test_live_whatever_the_directory_does(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/live")).status_code == 200


async def test_not_ready_while_nothing_is_issued(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health/ready")
    detail = answer.json()["details"][0]
    assert (answer.status_code, detail["name"]) == (503, "certificate")


async def test_collectors_are_told_that_nothing_is_issued(client: httpx.AsyncClient) -> None:
    assert "\nplinth_certificate_issued 0.0\n" in (await client.get("/metrics")).text


@pytest.mark.parametrize("token", ["unknown", "..%2f..%2fetc%2fpasswd", ""])
async def test_no_answer_to_what_no_directory_asked(client: httpx.AsyncClient, token: str) -> None:
    assert (await client.get(f"{PATH}/{token}")).status_code == 404


@pytest.mark.usefixtures("client")
async def test_a_self_signed_pair_is_there_when_it_serves(tmp_path: Path) -> None:
    assert (tmp_path / "issued" / "current" / "chain.pem").exists()


async def test_a_challenge_is_answered_while_its_order_is_open() -> None:
    challenges = Challenges()
    challenges.offer("token", "token.thumbprint")
    app = FastAPI()
    app.include_router(challenges.router())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
        answer = await http.get(f"{PATH}/token")
    assert answer.text == "token.thumbprint"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PLINTH_ACME_DOMAINS", None, "PLINTH_ACME_DOMAINS is not set"),
        ("PLINTH_ACME_TERMS_AGREED", "false", "PLINTH_ACME_TERMS_AGREED is not valid"),
        ("PLINTH_ACME_DIRECTORY_URL", "http://ca", "PLINTH_ACME_DIRECTORY_URL is not valid"),
        ("PLINTH_ACME_EXTERNAL_ACCOUNT_ID", "kid", "EXTERNAL_ACCOUNT_KEY go together"),
    ],
)
def test_settings_that_cannot_be_right_end_it_with_one_line(
    environment: pytest.MonkeyPatch, name: str, value: str | None, message: str
) -> None:
    if value is None:
        environment.delenv(name)
    else:
        environment.setenv(name, value)
    with pytest.raises(SystemExit) as end:
        create_app()
    assert message in str(end.value)
    assert "\n" not in str(end.value)
