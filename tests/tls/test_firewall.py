"""A certificate from a directory, where a firewall stands in front of the gateway and shows it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.acme.server import acme_server
from tests.gateway.container import engine_address

from .conftest import REDIRECT_PORT
from .shown import issuer, shown, wait_for_another

if TYPE_CHECKING:
    from cryptography import x509

    from .conftest import TlsStack

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class BehindFirewall:
    """What was seen once another certificate was shown than at first."""

    issued: x509.Certificate
    containers: tuple[str, str]
    """The firewall's, at first and at last."""
    answer: httpx.Response
    """To a client that trusts the directory alone."""
    attack: httpx.Response
    redirect: httpx.Response
    without: httpx.Response
    """Once the firewall was taken out."""


@pytest.fixture(scope="module")
def behind_firewall(
    tls_stack: TlsStack, tmp_path_factory: pytest.TempPathFactory
) -> BehindFirewall:
    folder = tmp_path_factory.mktemp("directory")
    with acme_server(folder, http_port=REDIRECT_PORT, host=engine_address()) as directory:
        certificate = {"acme": directory.settings("localhost")}
        tls_stack.up(certificate, waf=True)
        firewall = tls_stack.container("waf").id
        at_first = shown()
        directory.start()
        issued = wait_for_another(at_first)
        trust = ssl.create_default_context(cadata=directory.root())
        with httpx.Client(base_url=tls_stack.url, verify=trust) as client:
            seen: dict[str, Any] = {
                "containers": (firewall, tls_stack.container("waf").id),
                "answer": client.get("/health/live"),
                "attack": client.get("/rest/v1/todos", params={"q": "<script>alert(1)</script>"}),
                "redirect": httpx.get(f"{tls_stack.plain_url}/rest/v1/todos"),
            }
        # The gateway takes the ports that the firewall leaves.
        tls_stack.up(certificate)
        with httpx.Client(base_url=tls_stack.url, verify=trust) as client:
            return BehindFirewall(issued, **seen, without=client.get("/health/live"))


def test_certificate_of_the_directory_takes_the_place_of_another(
    behind_firewall: BehindFirewall,
) -> None:
    assert issuer(behind_firewall.issued).startswith("CN=Pebble Intermediate CA")


def test_clients_accept_it(behind_firewall: BehindFirewall) -> None:
    assert behind_firewall.answer.status_code == 200


def test_firewall_is_not_replaced(behind_firewall: BehindFirewall) -> None:
    before, after = behind_firewall.containers
    assert before == after


def test_requests_are_inspected(behind_firewall: BehindFirewall) -> None:
    assert behind_firewall.attack.json()["error"]["code"] == "blocked"


def test_plain_http_is_sent_to_https(behind_firewall: BehindFirewall, tls_stack: TlsStack) -> None:
    location = f"{tls_stack.url}/rest/v1/todos"
    assert behind_firewall.redirect.headers["location"] == location


def test_taken_out_the_gateway_answers_in_its_place(behind_firewall: BehindFirewall) -> None:
    assert behind_firewall.without.status_code == 200
