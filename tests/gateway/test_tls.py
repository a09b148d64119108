"""TLS at the gateway: what it speaks, what it shows, and how it takes a new certificate."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from infra.gateway import runtime
from infra.gateway.envoy import render
from infra.gateway.settings import GatewaySettings, Tls
from infra.gateway.tls import secret_file
from tests.self_signed import self_signed

from .conftest import default_settings, start_container, wait_until_it_answers
from .container import address_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
        (self.renewed / runtime.CHAIN_FILE).write_text(chain)
        (self.renewed / runtime.KEY_FILE).write_text(key)

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
    gateway_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsGateway]:
    folder = tmp_path_factory.mktemp("tls")
    files, renewed = folder / "files", folder / "renewed"
    for created in (files, renewed):
        created.mkdir(mode=0o755)
    fields: dict[str, Any] = default_settings()
    settings = GatewaySettings(**fields, tls=Tls(public_host="localhost", public_port=8443))
    (files / runtime.CONFIGURATION_FILE).write_text(render(settings))
    (files / runtime.START_FILE).write_text(runtime.START_SCRIPT)
    (files / runtime.SECRET_FILE).write_text(secret_file())
    chain, key = self_signed("first")
    for name, content in ((runtime.CHAIN_FILE, chain), (runtime.KEY_FILE, key)):
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
    (tls_gateway.renewed / runtime.CHAIN_FILE).write_text(chain)
    time.sleep(4)
    assert tls_gateway.subject() == "fits"
