"""A certificate from a directory that does not answer at first, and its renewal."""

from __future__ import annotations

import json
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
class Automatic:
    """What was seen, from the first start to the renewal."""

    at_first: x509.Certificate
    issued: x509.Certificate
    renewed: x509.Certificate
    containers: tuple[str, str]
    """The gateway's, at first and at last."""
    newly_connected: httpx.Response
    """Of a client that trusts the directory alone."""
    open_connection: httpx.Response
    """Of a client that was connected before the renewal."""
    redirect: httpx.Response
    account_in_gateway: int
    """Exit code of a look for the account's key."""
    log: list[dict[str, Any]]
    """What the component reported of the time when the directory did not answer."""


@pytest.fixture(scope="module")
def automatic(tls_stack: TlsStack, tmp_path_factory: pytest.TempPathFactory) -> Automatic:
    folder = tmp_path_factory.mktemp("directory")
    with acme_server(folder, http_port=REDIRECT_PORT, host=engine_address()) as directory:
        tls_stack.up({"acme": directory.settings("localhost")})
        gateway = tls_stack.container("gateway").id
        at_first = shown()
        directory.start()
        issued = wait_for_another(at_first)
        lines = tls_stack.container("certificates").logs().decode().splitlines()
        trust = ssl.create_default_context(cadata=directory.root())
        patient = httpx.Limits(keepalive_expiry=None)
        with httpx.Client(base_url=tls_stack.url, verify=trust, limits=patient) as client:
            newly_connected = client.get("/health/live")
            directory.renew_now(_leaf(tls_stack))
            tls_stack.container("certificates").restart()  # or about a day of patience
            renewed = wait_for_another(issued)
            open_connection = client.get("/health/live")
        last = tls_stack.container("gateway")
        return Automatic(
            at_first=at_first,
            issued=issued,
            renewed=renewed,
            containers=(gateway, last.id),
            newly_connected=newly_connected,
            open_connection=open_connection,
            redirect=httpx.get(f"{tls_stack.plain_url}/rest/v1/todos"),
            account_in_gateway=last.exec_run(["ls", "/data/account"]).exit_code,
            log=[json.loads(line) for line in lines if '"not issued"' in line],
        )


def _leaf(stack: TlsStack) -> str:
    command = ["cat", "/run/plinth/renewed/current/chain.pem"]
    output: bytes = stack.container("gateway").exec_run(command).output
    return output.decode()


def test_gateway_starts_while_the_directory_does_not_answer(automatic: Automatic) -> None:
    assert issuer(automatic.at_first) == "CN=Plinth\\, not issued yet"


def test_component_says_why_there_is_no_certificate(automatic: Automatic) -> None:
    assert "/dir does not answer" in automatic.log[0]["reason"]


def test_certificate_of_the_directory_takes_its_place(automatic: Automatic) -> None:
    assert issuer(automatic.issued).startswith("CN=Pebble Intermediate CA")


def test_clients_accept_it(automatic: Automatic) -> None:
    assert automatic.newly_connected.status_code == 200


def test_renewal_is_shown(automatic: Automatic) -> None:
    assert automatic.renewed.serial_number != automatic.issued.serial_number


def test_gateway_is_not_replaced(automatic: Automatic) -> None:
    before, after = automatic.containers
    assert before == after


def test_open_connection_goes_on(automatic: Automatic) -> None:
    assert automatic.open_connection.status_code == 200


def test_plain_http_is_sent_to_https(automatic: Automatic, tls_stack: TlsStack) -> None:
    location = f"{tls_stack.url}/rest/v1/todos"
    assert automatic.redirect.headers["location"] == location


def test_key_of_the_account_is_not_in_the_gateway(automatic: Automatic) -> None:
    assert automatic.account_in_gateway != 0
