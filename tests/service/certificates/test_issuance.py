"""The service against a real directory, which asks it for proof as any directory does."""

from __future__ import annotations

import ssl
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from services.certificates.challenges import Challenges
from services.shared.errors import ServiceError
from tests.acme.server import AcmeServer, acme_server, free_port
from tests.certificates import Authority

from .service import NAMES, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Needs no engine, but a directory that is built from its sources: too slow for `make check`.
pytestmark = pytest.mark.engine

EXTERNAL = {"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}
FOREIGN_KEY = "b10lLJs8l1GPIzsLP0s6pMt8O0XVGnfTaCeROxQM0BIt2XrJMDHJZBM5NuQmQJQH"


class Entrance(NamedTuple):
    """Where every name of the tests leads."""

    port: int
    challenges: Challenges


@pytest.fixture(scope="module")
def entrance() -> Iterator[Entrance]:
    challenges, port = Challenges(), free_port()
    app = FastAPI()
    app.include_router(challenges.router())
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    yield Entrance(port, challenges)
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def directory(entrance: Entrance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AcmeServer]:
    with acme_server(tmp_path_factory.mktemp("directory"), http_port=entrance.port) as server:
        server.start()
        yield server


@pytest.fixture(scope="module")
def binding_directory(
    entrance: Entrance, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AcmeServer]:
    """Asks for an external account."""
    with acme_server(tmp_path_factory.mktemp("binding"), http_port=entrance.port) as server:
        server.start(externalAccountBindingRequired=True, externalAccountMACKeys=EXTERNAL)
        yield server


@pytest.fixture(scope="module")
def serve(entrance: Entrance) -> Callable[..., Service]:
    """The service in a folder, told about a directory."""

    def make(
        folder: Path,
        server: AcmeServer,
        challenges: Challenges = entrance.challenges,
        **environment: str,
    ) -> Service:
        authority = folder / "authority.pem"
        authority.write_text(server.authority)
        known = {
            "PLINTH_ACME_DIRECTORY_URL": server.directory_url,
            "PLINTH_ACME_AUTHORITY_FILE": str(authority),
        }
        return Service(folder, challenges, known | environment)

    return make


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
    directory: AcmeServer,
    serve: Callable[..., Service],
) -> Service:
    """The service after its first look."""
    service = serve(tmp_path_factory.mktemp("data"), directory)
    service.look()
    return service


def test_certificate_is_from_the_directory(served: Service, directory: AcmeServer) -> None:
    assert (served.shown.origin, served.shown.covers(NAMES)) == (directory.directory_url, True)


@pytest.mark.parametrize("name", NAMES)
def test_clients_accept_the_chain(served: Service, directory: AcmeServer, name: str) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    current = served.folder.path / "current"
    server.load_cert_chain(current / "chain.pem", current / "key.pem")
    client = ssl.create_default_context(cadata=directory.root())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    # The client raises where it does not accept what it is shown.
    for end in (*ends, *ends):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert ends[0].version() == "TLSv1.3"


async def test_service_is_ready(served: Service) -> None:
    await served.renewal.check()


def test_expiry_is_told_to_collectors(served: Service) -> None:
    assert served.reports("plinth_certificate_issued 1.0")


def test_next_look_is_within_a_day(served: Service) -> None:
    assert timedelta(hours=20) < served.look() <= timedelta(days=1)


@pytest.mark.usefixtures("served")
def test_challenges_are_not_answered_afterwards(directory: AcmeServer, entrance: Entrance) -> None:
    asked = {f"http://127.0.0.1:{entrance.port}{path}" for path in directory.asked_for()}
    assert {httpx.get(url).status_code for url in asked} == {404}


def test_restart_asks_for_nothing(
    served: Service, directory: AcmeServer, serve: Callable[..., Service]
) -> None:
    before = served.shown
    restarted = serve(served.folder.path.parent, directory)
    restarted.look()
    assert restarted.shown == before


def test_directory_may_ask_for_a_renewal(served: Service, directory: AcmeServer) -> None:
    before = served.shown
    directory.renew_now(before.chain)
    served.look()
    assert served.shown.leaf.serial_number != before.leaf.serial_number


def test_renewal_has_another_key(served: Service, directory: AcmeServer) -> None:
    before = served.shown
    directory.renew_now(before.chain)
    served.look()
    assert served.shown.key != before.key


def test_another_name_asks_for_another_certificate(
    served: Service, directory: AcmeServer, serve: Callable[..., Service]
) -> None:
    names = {*NAMES, "files.plinth.test"}
    changed = serve(
        served.folder.path.parent, directory, PLINTH_ACME_DOMAINS=",".join(sorted(names))
    )
    changed.look()
    assert changed.shown.covers(sorted(names))


def test_directory_that_lost_the_account_gets_it_again(
    tmp_path: Path, entrance: Entrance, serve: Callable[..., Service]
) -> None:
    with acme_server(tmp_path, http_port=entrance.port) as server:
        server.start()
        serve(tmp_path, server).look()
        server.stop()
        server.start()  # with an empty memory
        service = serve(tmp_path, server, PLINTH_ACME_DOMAINS="other.plinth.test")
        service.look()
        service.look()
    assert service.shown.covers(["other.plinth.test"])


async def failure(service: Service) -> str:
    """What the operator reads after a look that failed."""
    service.look()
    with pytest.raises(ServiceError) as told:
        await service.renewal.check()
    return str(told.value)


@pytest.mark.parametrize(
    ("account", "message"),
    [
        ({}, "externalAccountRequired: "),
        ({"kid-1": FOREIGN_KEY}, "unauthorized: "),
        ({"kid-9": EXTERNAL["kid-1"]}, "unauthorized: "),
    ],
    ids=["none", "another key", "an unknown account"],
)
async def test_external_account_that_is_refused(
    tmp_path: Path,
    binding_directory: AcmeServer,
    serve: Callable[..., Service],
    account: dict[str, str],
    message: str,
) -> None:
    service = serve(tmp_path, binding_directory, **variables(account))
    assert message in await failure(service)


def variables(account: dict[str, str]) -> dict[str, str]:
    names = ("PLINTH_ACME_EXTERNAL_ACCOUNT_ID", "PLINTH_ACME_EXTERNAL_ACCOUNT_KEY")
    return {
        name: value for pair in account.items() for name, value in zip(names, pair, strict=True)
    }


def test_external_account(
    tmp_path: Path, binding_directory: AcmeServer, serve: Callable[..., Service]
) -> None:
    service = serve(tmp_path, binding_directory, **variables(EXTERNAL))
    service.look()
    assert service.shown.origin == binding_directory.directory_url


async def test_directory_that_is_not_trusted(
    tmp_path: Path,
    directory: AcmeServer,
    serve: Callable[..., Service],
) -> None:
    foreign = tmp_path / "foreign.pem"
    foreign.write_text(Authority.create().certificate)
    service = serve(tmp_path, directory, PLINTH_ACME_AUTHORITY_FILE=str(foreign))
    assert "its certificate is not trusted; set gateway.tls.acme.ca_cert" in await failure(service)


async def test_address_that_is_no_directory(
    tmp_path: Path,
    directory: AcmeServer,
    serve: Callable[..., Service],
) -> None:
    url = directory.directory_url.replace("/dir", "/other")
    service = serve(tmp_path, directory, PLINTH_ACME_DIRECTORY_URL=url)
    assert "/other is no ACME directory" in await failure(service)


async def test_name_that_does_not_lead_here(
    tmp_path: Path,
    directory: AcmeServer,
    serve: Callable[..., Service],
) -> None:
    service = serve(tmp_path, directory, challenges=Challenges())
    assert "api.plinth.test: unauthorized: " in await failure(service)


def test_another_address_is_told_to_the_directory(
    served: Service, directory: AcmeServer, serve: Callable[..., Service]
) -> None:
    folder = served.folder.path.parent
    changed = serve(folder, directory, PLINTH_ACME_EMAIL="other@plinth.test")
    directory.renew_now(changed.shown.chain)
    changed.look()
    registration = changed.account.registration()
    assert registration
    assert registration.email == "other@plinth.test"


@pytest.mark.parametrize("path", ["/", "/.well-known/acme-challenge/"])
def test_entrance_shows_nothing_else(entrance: Entrance, path: str) -> None:
    assert httpx.get(f"http://127.0.0.1:{entrance.port}{path}").status_code == 404
