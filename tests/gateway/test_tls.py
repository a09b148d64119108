"""TLS at the gateway: what it speaks, what it shows, and how it takes a new certificate."""

from __future__ import annotations

import re
import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from infra.gateway.certificates import CHAIN_FILE, KEY_FILE
from infra.gateway.envoy import runtime
from infra.gateway.envoy.bootstrap import render
from infra.gateway.envoy.tls import secret_file
from infra.gateway.settings import METRICS_PORT, GatewaySettings, Tls, Upstream
from tests.certificates import self_signed

from .challenges import CHALLENGE, OTHER_REQUESTS, TOKEN, raw_redirect
from .conftest import (
    default_settings,
    start_container,
    wait_until_it_answers,
)
from .container import address_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import EchoServer
    from .container import RunningContainer

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class TlsGateway:
    """A gateway with the first of its certificates."""

    running: RunningContainer
    address: str
    """In the engine's own network, where the port for redirects is reached as well."""
    renewed: Path
    first: str

    def renew(self, chain: str, key: str) -> None:
        """Write a pair as a renewal does, one file after the other."""
        (self.renewed / CHAIN_FILE).write_text(chain)
        (self.renewed / KEY_FILE).write_text(key)

    def subject(self) -> str:
        """Common name of the certificate that a new connection is shown."""
        with (
            socket.create_connection(("127.0.0.1", self.running.port), timeout=10) as plain,
            _unverified().wrap_socket(plain) as connection,
        ):
            shown = connection.getpeercert(binary_form=True)
        assert shown
        attribute = x509.load_der_x509_certificate(shown).subject.get_attributes_for_oid(
            NameOID.COMMON_NAME
        )[0]
        return str(attribute.value)


@pytest.fixture(scope="module")
def tls_gateway(
    gateway_image: str, tmp_path_factory: pytest.TempPathFactory, echo: EchoServer
) -> Iterator[TlsGateway]:
    folder = tmp_path_factory.mktemp("tls")
    files, renewed = folder / "files", folder / "renewed"
    for created in (files, renewed):
        created.mkdir(mode=0o755)
    fields: dict[str, Any] = default_settings()
    settings = GatewaySettings(
        **fields,
        tls=Tls(public_host="localhost", public_port=8443, challenges=True),
        upstreams={
            "certificates": Upstream(host="host.docker.internal", port=echo.server_address[1])
        },
    )
    (files / runtime.CONFIGURATION_FILE).write_text(render(settings))
    (files / runtime.START_FILE).write_text(runtime.START_SCRIPT)
    (files / runtime.SECRET_FILE).write_text(secret_file())
    chain, key = self_signed("first")
    for name, content in ((CHAIN_FILE, chain), (KEY_FILE, key)):
        (renewed / name).write_text(content)
        (renewed / name).chmod(0o644)
    running = start_container(gateway_image, files, settings, renewed=renewed)
    wait_until_it_answers(running.port, running.read_log, _trusting(chain))
    yield TlsGateway(running, address_of(running), renewed, chain)
    running.stop()


@pytest.fixture
def tls_client(tls_gateway: TlsGateway) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"https://localhost:{tls_gateway.running.port}",
        verify=_trusting(tls_gateway.first),
        http2=True,
    ) as client:
        yield client


def _trusting(chain: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=chain)


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _redirect(gateway: TlsGateway, method: str, path: str, host: str) -> httpx.Response:
    url = f"http://{gateway.address}:8001{path}"
    return httpx.request(method, url, headers={"Host": host})


def test_answer_by_http2(tls_client: httpx.Client) -> None:
    answer = tls_client.get("/health/live")
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")


def test_answer_asks_for_strict_transport(tls_client: httpx.Client) -> None:
    sent = tls_client.get("/nowhere").headers["strict-transport-security"]
    assert sent == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_version_that_is_spoken(tls_gateway: TlsGateway, version: ssl.TLSVersion) -> None:
    context = _unverified()
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", tls_gateway.running.port), timeout=10) as plain,
        context.wrap_socket(plain) as connection,
    ):
        assert connection.version() == version.name.replace("_", ".")


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA"),
        (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256"),
    ],
    ids=["TLS 1.0", "TLS 1.1", "without authenticated encryption", "without forward secrecy"],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")  # the point of the test
def test_version_or_cipher_that_is_refused(
    tls_gateway: TlsGateway, version: ssl.TLSVersion, ciphers: str
) -> None:
    context = _unverified()
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", tls_gateway.running.port), timeout=10) as plain,
        pytest.raises(ssl.SSLError, match="ALERT"),
    ):
        context.wrap_socket(plain)


def test_plain_http_is_not_answered_where_tls_is_spoken(tls_gateway: TlsGateway) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://127.0.0.1:{tls_gateway.running.port}/health/live")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_plain_http_is_sent_to_https(tls_gateway: TlsGateway, method: str) -> None:
    answer = _redirect(tls_gateway, method, "/rest/v1/todos?select=id", "localhost:8080")
    location = "https://localhost:8443/rest/v1/todos?select=id"
    assert (answer.status_code, answer.headers["location"]) == (308, location)


def test_redirect_leads_to_no_other_host(tls_gateway: TlsGateway) -> None:
    answer = _redirect(tls_gateway, "GET", "/", "evil.example")
    assert answer.headers["location"] == "https://localhost:8443/"


def _days_left(gateway: TlsGateway, expected: int) -> int:
    """What the metrics say; Envoy counts every five seconds."""
    for _ in range(100):
        text = httpx.get(f"http://{gateway.address}:{METRICS_PORT}/metrics").text
        [told] = re.findall(r"envoy_server_days_until_first_cert_expiring\{\} (\d+)", text)
        if int(told) == expected:
            break
        time.sleep(0.1)
    return int(told)


def test_days_that_the_certificate_is_valid_are_told(tls_gateway: TlsGateway) -> None:
    # Of 30 from yesterday on, 28 are left, and a part of one.
    assert _days_left(tls_gateway, 28) == 28


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/%0d%0aSet-Cookie:%20a=b", "/a%2f..%2fb?c=/d"]
)
def test_redirect_keeps_the_path_as_it_is(tls_gateway: TlsGateway, path: str) -> None:
    answer = raw_redirect(tls_gateway.address, f"GET {path} HTTP/1.1")
    assert f"\r\nlocation: https://localhost:8443{path}\r\n" in answer


@pytest.mark.parametrize(
    "request_line",
    ["GET http://evil.example/ HTTP/1.1", "GET http://evil.example:99/a HTTP/1.1"],
)
def test_redirect_leads_to_no_host_of_the_request_line(
    tls_gateway: TlsGateway, request_line: str
) -> None:
    assert "\r\nlocation: https://localhost:8443/" in raw_redirect(
        tls_gateway.address, request_line
    )


def test_redirect_does_not_ask_for_strict_transport(tls_gateway: TlsGateway) -> None:
    # Over plain HTTP anybody could have said it (RFC 6797, section 7.2).
    answer = _redirect(tls_gateway, "GET", "/", "localhost")
    assert "strict-transport-security" not in answer.headers


def test_challenge_of_a_directory_reaches_the_component(
    tls_gateway: TlsGateway, echo: EchoServer
) -> None:
    path = f"{CHALLENGE}/{TOKEN}"
    answer = _redirect(tls_gateway, "GET", path, "localhost")
    assert (answer.status_code, echo.seen[-1]) == (200, path)


@pytest.mark.parametrize("request_line", OTHER_REQUESTS)
def test_nothing_but_a_challenge_reaches_the_component(
    tls_gateway: TlsGateway, echo: EchoServer, request_line: str
) -> None:
    before = len(echo.seen)
    status = raw_redirect(tls_gateway.address, request_line).split(" ")[1]
    assert (status in {"308", "400"}, len(echo.seen)) == (True, before)


def test_challenges_are_no_path_of_the_public_listener(
    tls_client: httpx.Client, echo: EchoServer
) -> None:
    before = len(echo.seen)
    answer = tls_client.get(f"{CHALLENGE}/{TOKEN}")
    assert (answer.status_code, len(echo.seen)) == (404, before)


def _wait_for(gateway: TlsGateway, subject: str) -> str:
    for _ in range(100):
        if gateway.subject() == subject:
            break
        time.sleep(0.1)
    return gateway.subject()


def test_renewed_certificate_is_shown_without_a_restart(tls_gateway: TlsGateway) -> None:
    tls_gateway.renew(*self_signed("second"))
    assert _wait_for(tls_gateway, "second") == "second"


def test_pair_that_does_not_fit_is_not_taken(tls_gateway: TlsGateway) -> None:
    tls_gateway.renew(*self_signed("fits"))
    _wait_for(tls_gateway, "fits")
    chain, _ = self_signed("of another key")
    (tls_gateway.renewed / CHAIN_FILE).write_text(chain)
    time.sleep(4)
    assert tls_gateway.subject() == "fits"


def test_expired_certificate_has_no_day_left(tls_gateway: TlsGateway) -> None:
    tls_gateway.renew(*self_signed("expired", first_day=-10, days=5))
    _wait_for(tls_gateway, "expired")
    assert _days_left(tls_gateway, 0) == 0
