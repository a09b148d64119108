"""The stack `tls`, in a copy of the checkout; each module sets its certificate up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import docker
import pytest
import yaml

from tests.checkout import Checkout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "tls"
PORT = 28120
REDIRECT_PORT = 28121


@dataclass(frozen=True)
class TlsStack:
    """A stack whose gateway speaks HTTPS."""

    checkout: Checkout
    url: str = f"https://localhost:{PORT}"
    plain_url: str = f"http://127.0.0.1:{REDIRECT_PORT}"
    redirect_port: int = REDIRECT_PORT

    @property
    def folder(self) -> Path:
        return self.checkout.folder

    def up(self, tls: dict[str, Any]) -> None:
        """Bring it up with a certificate as configured."""
        file = self.folder / f"Pulumi.{NAME}.yaml"
        content = yaml.safe_load(file.read_text())
        content["config"]["plinth:gateway"] = {
            "port": PORT,
            "public_url": self.url,
            "tls": {**tls, "redirect_port": REDIRECT_PORT},
        }
        file.write_text(yaml.safe_dump(content))
        run = self.checkout.make(NAME, "up")
        assert run.code == 0, run.printed

    def container(self, component: str) -> Any:
        """A component's container."""
        engine: Any = docker.from_env()
        labels = [f"plinth.stack={NAME}", f"plinth.component={component}"]
        (container,) = engine.containers.list(filters={"label": labels})
        return container


@pytest.fixture(scope="session")
def tls_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsStack]:
    checkout = Checkout.copy(tmp_path_factory.mktemp("checkout"))
    checkout.configure(NAME, {"environment": "test", "auth": {"autoconfirm": True}})
    checkout.leave_out(NAME, "mongo", "redis", "object_store")
    yield TlsStack(checkout)
    checkout.make(NAME, "destroy")
