"""TLS where the firewall stands in front: what it speaks, and how it takes a new certificate."""

from __future__ import annotations

import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from infra.gateway.certificates import CHAIN_FILE, KEY_FILE
from infra.gateway.settings import Tls, Upstream
from infra.gateway.waf.settings import WafSettings
from tests.certificates import self_signed
from tests.gateway.challenges import CHALLENGE, OTHER_REQUESTS, TOKEN, raw_redirect
from tests.gateway.conftest import TEST_ROUTES
from tests.gateway.container import address_of, engine_address
from tests.gateway.firewall import start_firewall

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.gateway.conftest import EchoServer
    from tests.gateway.container import RunningContainer

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class TlsFirewall:
    """A firewall with the first of its certificates."""

    running: RunningContainer
    renewed: Path
    first: ssl.SSLContext

    def write(self, chain: str, key: str) -> None:
        """Write a pair as a renewal does."""
        (self.renewed / CHAIN_FILE).write_text(chain)
        (self.renewed / KEY_FILE).write_text(key)

    def subject(self) -> str:
        """Common name of the certificate that a new connection is shown."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", self.running.port), timeout=10) as plain,
            context.wrap_socket(plain) as connection,
        ):
            shown = connection.getpeercert(binary_form=True)
        assert shown
        subject = x509.load_der_x509_certificate(shown).subject
        return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


@pytest.fixture(scope="module")
def tls_firewall(
    tmp_path_factory: pytest.TempPathFactory, echo: EchoServer
) -> Iterator[TlsFirewall]:
    mounted = tmp_path_factory.mktemp("renewed")
    mounted.chmod(0o755)
    renewed = mounted / "current"
    renewed.mkdir(mode=0o755)
    chain, key = self_signed("first")
    for name, content in ((CHAIN_FILE, chain), (KEY_FILE, key)):
        (renewed / name).write_text(content)
        (renewed / name).chmod(0o644)
    settings = WafSettings(
        gateway=Upstream(host="host.docker.internal", port=echo.server_address[1]),
        tls=Tls(public_host="localhost", public_port=8443, challenges=True),
        certificates=Upstream(host=engine_address(), port=echo.server_address[1]),
        secure=True,
    )
    trust = ssl.create_default_context(cadata=chain)
    folder = tmp_path_factory.mktemp("firewall")
    running = start_firewall(folder, settings, TEST_ROUTES, mounted, trust)
    yield TlsFirewall(running, renewed, trust)
    running.stop()


@pytest.fixture
def tls_client(tls_firewall: TlsFirewall) -> Iterator[httpx.Client]:
    address = f"https://localhost:{tls_firewall.running.port}"
    with httpx.Client(
        base_url=address, verify=tls_firewall.first, http2=True, timeout=20
    ) as client:
        yield client


def test_request_by_http2_passes(tls_client: httpx.Client) -> None:
    answer = tls_client.post("/rest/v1/todos", json={"title": "water the plants"})
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")


def test_host_reaches_the_gateway(tls_firewall: TlsFirewall, tls_client: httpx.Client) -> None:
    seen = tls_client.get("/rest/v1/todos").json()["headers"]
    host = f"localhost:{tls_firewall.running.port}"
    assert (seen["host"], seen["x-forwarded-proto"]) == (host, "https")


def test_attack_by_http2_is_refused_and_asks_for_strict_transport(
    tls_client: httpx.Client,
) -> None:
    answer = tls_client.get("/rest/v1/todos", params={"q": "<script>alert(1)</script>"})
    transport = answer.headers["strict-transport-security"]
    assert (answer.status_code, transport) == (403, "max-age=31536000; includeSubDomains")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")  # the point of the test
def test_old_version_is_refused(tls_firewall: TlsFirewall) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", tls_firewall.running.port), timeout=10) as plain,
        pytest.raises(ssl.SSLError, match="ALERT"),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize("path", ["/rest/v1/todos?select=id", "/"])
def test_plain_http_is_sent_to_https(tls_firewall: TlsFirewall, path: str) -> None:
    url = f"http://{address_of(tls_firewall.running)}:8001{path}"
    answer = httpx.post(url, headers={"Host": "evil.example"})
    location = f"https://localhost:8443{path}"
    assert (answer.status_code, answer.headers["location"]) == (308, location)


def test_redirect_takes_no_host_from_the_request_line(tls_firewall: TlsFirewall) -> None:
    line = "GET a.evil.example://x HTTP/1.1"
    assert "evil" not in raw_redirect(address_of(tls_firewall.running), line)


def test_challenge_of_a_directory_reaches_the_component(
    tls_firewall: TlsFirewall, echo: EchoServer
) -> None:
    path = f"{CHALLENGE}/{TOKEN}"
    answer = httpx.get(f"http://{address_of(tls_firewall.running)}:8001{path}")
    assert (answer.status_code, echo.seen[-1]) == (200, path)


@pytest.mark.parametrize("request_line", OTHER_REQUESTS)
def test_nothing_but_a_challenge_reaches_the_component(
    tls_firewall: TlsFirewall, echo: EchoServer, request_line: str
) -> None:
    before = len(echo.seen)
    answer = raw_redirect(address_of(tls_firewall.running), request_line)
    assert (answer.split(" ")[1] in {"308", "400"}, len(echo.seen)) == (True, before)


def _wait_for(firewall: TlsFirewall, subject: str) -> str:
    for _ in range(100):
        if firewall.subject() == subject:
            break
        time.sleep(0.1)
    return firewall.subject()


def test_renewed_certificate_is_shown_while_a_request_is_under_way(
    tls_firewall: TlsFirewall,
) -> None:
    url = f"https://localhost:{tls_firewall.running.port}/pause/6"
    with ThreadPoolExecutor() as threads:
        under_way = threads.submit(httpx.get, url, verify=tls_firewall.first, timeout=20)
        time.sleep(0.5)
        tls_firewall.write(*self_signed("second"))
        shown = _wait_for(tls_firewall, "second")
        assert (shown, under_way.done(), under_way.result().status_code) == ("second", False, 200)


def test_pair_that_does_not_fit_is_not_taken(tls_firewall: TlsFirewall) -> None:
    tls_firewall.write(*self_signed("fits"))
    _wait_for(tls_firewall, "fits")
    chain, _ = self_signed("of another key")
    (tls_firewall.renewed / CHAIN_FILE).write_text(chain)
    time.sleep(4)
    assert tls_firewall.subject() == "fits"
