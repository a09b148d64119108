"""Requests to providers: what is refused before a connection, and which answers count."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from services.auth.external import outbound as outbound_module
from services.auth.external.outbound import LONGEST_BODY_BYTES, Outbound, ProviderError
from services.shared.metrics import Metrics
from tests.certificates import self_signed
from tests.service.auth.documents import HANGS, Documents, answer
from tests.service.auth.service import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HERE = "127.0.0.1"
SMALL = b'{"a": 1}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
async def documents() -> AsyncIterator[Documents]:
    running = Documents()
    server = await asyncio.start_server(running.serve, HERE, running.port)
    yield running
    server.close()


@pytest.fixture
def outbound() -> Outbound:
    """Where plain HTTP is permitted."""
    return Outbound(Metrics(), plain_http=True)


async def test_a_json_answer_is_read(documents: Documents, outbound: Outbound) -> None:
    documents.answers["/x"] = answer(SMALL)

    assert await outbound.get(f"{documents.url}/x", named_host=HERE) == {"a": 1}


async def test_a_form_is_sent(documents: Documents, outbound: Outbound) -> None:
    documents.answers["/x"] = answer(SMALL)
    await outbound.post(f"{documents.url}/x", {"code": "a&b"}, named_host=HERE)

    assert documents.requests[0].endswith(b"\r\n\r\ncode=a%26b")


async def test_the_server_is_told_the_name_that_was_asked_for(
    documents: Documents, outbound: Outbound
) -> None:
    documents.answers["/x"] = answer(SMALL)
    await outbound.get(f"http://localhost:{documents.port}/x", named_host="localhost")

    assert f"Host: localhost:{documents.port}\r\n".encode() in documents.requests[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (answer(b"<html>busy</html>"), "not JSON"),
        (answer(b""), "not JSON"),
        (answer(b'{"a": 1'), "not JSON"),
        (answer(b"[" * 100_000), "not JSON"),
        (answer(b"\xff\xfe"), "not JSON"),
        (answer(SMALL, status="500 No"), "status 500"),
        (answer(SMALL, status="404 No"), "status 404"),
        (answer(SMALL, status="302 No", headers="Location: http://127.0.0.1/\r\n"), "status 302"),
        (answer(b"x" * (LONGEST_BODY_BYTES + 1)), "longer than"),
        (CHUNKED + b"40001\r\n" + b"x" * 0x40001 + b"\r\n0\r\n\r\n", "longer than"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "no connection"),
        (b"SSH-2.0-x\r\n", "no connection"),
    ],
    ids=range(12),
)
async def test_another_answer_is_refused(
    documents: Documents, outbound: Outbound, content: bytes, reason: str
) -> None:
    documents.answers["/x"] = content

    with pytest.raises(ProviderError, match=reason):
        await outbound.get(f"{documents.url}/x", named_host=HERE)


async def test_a_redirect_is_not_followed(documents: Documents, outbound: Outbound) -> None:
    documents.answers["/x"] = answer(b"", status="302 No", headers="Location: /y\r\n")
    with pytest.raises(ProviderError):
        await outbound.get(f"{documents.url}/x", named_host=HERE)

    assert documents.asked("/y") == 0


async def test_a_cookie_is_not_kept(documents: Documents, outbound: Outbound) -> None:
    documents.answers["/x"] = answer(SMALL, headers="Set-Cookie: a=b\r\n")
    for _ in range(2):
        await outbound.get(f"{documents.url}/x", named_host=HERE)

    assert b"cookie" not in documents.requests[1].lower()


async def test_a_server_that_hangs_is_left(
    documents: Documents, outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound_module, "LONGEST_REQUEST_SECONDS", 0.2)
    documents.answers["/x"] = HANGS

    with pytest.raises(ProviderError, match=r"no complete answer within 0\.2 seconds"):
        await outbound.get(f"{documents.url}/x", named_host=HERE)


async def test_a_server_that_is_away_is_reported(outbound: Outbound) -> None:
    with pytest.raises(ProviderError, match="no connection"):
        await outbound.get(f"http://{HERE}:{free_port()}/x", named_host=HERE)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://localhost/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://172.17.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://100.64.0.1/",
        "http://[fd00::1]/",
        "http://[fe80::1]/",
    ],
)
async def test_an_address_inside_that_a_provider_names_is_not_asked(
    outbound: Outbound, url: str
) -> None:
    with pytest.raises(ProviderError, match="not a public one"):
        await outbound.get(url, named_host="accounts.example.com")


async def test_a_name_of_which_one_address_is_inside_is_not_asked(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(*_arguments: Any, **_options: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))
            for address in ("93.184.215.14", "10.0.0.1")
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)

    with pytest.raises(ProviderError, match="not a public one"):
        await outbound.get("http://rebinds.example/", named_host="accounts.example.com")


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/", "file:///etc/passwd", "http://a@127.0.0.1/", "http://127.0.0.1/#x", "x"],
)
async def test_what_is_no_web_address_is_not_asked(outbound: Outbound, url: str) -> None:
    with pytest.raises(ProviderError, match="not an acceptable one"):
        await outbound.get(url, named_host=HERE)


async def test_plain_http_is_not_asked_where_it_is_not_permitted(documents: Documents) -> None:
    client = Outbound(Metrics(), plain_http=False)
    with pytest.raises(ProviderError, match="not an acceptable one"):
        await client.get(f"{documents.url}/x", named_host=HERE)

    assert documents.requests == []


@pytest.mark.parametrize(
    ("name", "is_known", "reason"),
    [
        ("localhost", True, None),
        ("accounts.example.com", True, "no connection"),
        ("localhost", False, "no connection"),
    ],
    ids=["its own", "of another name", "of an unknown authority"],
)
async def test_a_certificate_must_be_the_one_of_the_name(  # noqa: PLR0913, PLR0917  (fixtures)
    documents: Documents,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    is_known: bool,  # noqa: FBT001  (a parameter)
    reason: str | None,
) -> None:
    certificate, key = self_signed(name, names=(name,))
    (tmp_path / "server.pem").write_text(certificate + key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem")
    port = free_port()
    server = await asyncio.start_server(documents.serve, HERE, port, ssl=tls)
    documents.answers["/x"] = answer(SMALL)
    if is_known:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    client = Outbound(Metrics(), plain_http=False)
    refusal = None
    try:
        await client.get(f"https://localhost:{port}/x", named_host="localhost")
    except ProviderError as error:
        refusal = str(error)
    server.close()

    assert (refusal or "").startswith(reason or "")
    assert (refusal is None) == (reason is None)
