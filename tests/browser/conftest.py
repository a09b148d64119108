"""A page, the gateway, auth and PostgreSQL: what lies between a browser and a session."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra import keys
from infra.gateway.settings import Upstream
from tests import node_packages
from tests.gateway.conftest import (
    ISSUER,
    SIGNING_KEY,
    echo,
    gateway_image,
    start_gateway,
)
from tests.service.auth.conftest import database_environment, mailbox
from tests.service.auth.service import (
    CURRENT_KEY,
    free_port,
    mail_settings,
    running_service,
)
from tests.service.postgres import bootstrap, postgres_server, prepared_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.gateway.conftest import Gateway
    from tests.service.auth.mailbox import Mailbox

__all__ = [  # fixtures
    "bootstrap",
    "database_environment",
    "echo",
    "gateway_image",
    "mailbox",
    "postgres_server",
    "prepared_database",
    "start_gateway",
]

SOURCES = Path(__file__).parent


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base's name)
        """Keep the test's output to what the test says."""


@dataclass(frozen=True)
class Pages:
    """The page on two origins, of which the gateway knows one. Addresses end with a slash."""

    folder: Path
    home: str
    foreign: str


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder = tmp_path_factory.mktemp("page")
    shutil.copy(SOURCES / "page" / "index.html", folder)
    packages = node_packages.installation(SOURCES) / "node_modules"
    shutil.copy(packages / "@supabase" / "supabase-js" / "dist" / "umd" / "supabase.js", folder)
    handler = partial(QuietHandler, directory=str(folder))
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Pages(folder, *(f"http://127.0.0.1:{server.server_port}/" for server in servers))
    for server in servers:
        server.shutdown()


@pytest.fixture(scope="session")
def platform(
    pages: Pages,
    start_gateway: Callable[..., Gateway],
    database_environment: dict[str, str],
    mailbox: Mailbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    """Auth behind the gateway, and the page told where that is. New addresses are confirmed."""
    port = free_port()
    gateway = start_gateway(
        cors_origins=(pages.home.rstrip("/"),),
        jwks=keys.key_set([CURRENT_KEY.public_jwk(), SIGNING_KEY.public_jwk()]),
        upstreams={"auth": Upstream(host="host.docker.internal", port=port)},
        secure=False,
    )
    settings = {
        **mail_settings(mailbox),
        "API_EXTERNAL_URL": f"{gateway.url}/auth/v1",
        "GOTRUE_JWT_ISSUER": ISSUER,
        "GOTRUE_SITE_URL": pages.home,
        "GOTRUE_MAILER_AUTOCONFIRM": "false",
        "GOTRUE_MAILER_URLPATHS_CONFIRMATION": "/auth/v1/verify",
        "GOTRUE_API_HOST": "0.0.0.0",  # noqa: S104  (the gateway comes from a bridge network)
    }
    client = {"url": gateway.url, "key": gateway.key("publishable")}
    (pages.folder / "settings.json").write_text(json.dumps(client))
    log = tmp_path_factory.mktemp("auth") / "auth.log"
    with running_service(database_environment, log, settings, port=port):
        yield gateway
