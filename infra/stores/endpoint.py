"""Where a store is reached: in the stack's own networks, or elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from infra.watch import TcpProbe

if TYPE_CHECKING:
    from infra.config.stores import ExternalDatabase, ExternalMongo, ExternalRedis
    from infra.config.values import TlsMode

HTTP_PORT = 80
HTTPS_PORT = 443


@dataclass(frozen=True)
class Endpoint:
    """A server of a store, and whom its connection details are for."""

    scheme: str
    host: str
    port: int
    user: str
    database: str
    published_port: int | None = None
    """Port on the host, where a server of the stack is published."""
    tls: TlsMode = "disable"
    """Inside the stack's networks nothing is encrypted; an external server says what it asks."""
    ca_certificate: str | None = None
    """PEM of the authorities that may have signed an external server's certificate."""

    @classmethod
    def elsewhere(
        cls,
        scheme: str,
        server: ExternalDatabase | ExternalMongo | ExternalRedis,
        *,
        database: str,
    ) -> Self:
        """Endpoint of a server that the configuration names."""
        return cls(
            scheme=scheme,
            host=server.host,
            port=server.port,
            user=server.user,
            database=database,
            tls=server.tls,
            ca_certificate=server.ca_certificate,
        )

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class ObjectEndpoint:
    """The S3 API of a store, and whom its connection details are for."""

    url: str
    region: str
    bucket: str
    access_key_id: str
    published_port: int | None = None


@dataclass(frozen=True)
class ExternalStore:
    """A store that runs elsewhere: it has a place among the components and no container."""

    component: str
    address: str
    """`host:port`, or the URL of an S3 API."""

    networks = ("backend",)
    """The one with a way out."""

    @property
    def watch(self) -> TcpProbe:
        """How it is watched from here."""
        url = urlsplit(self.address if "//" in self.address else f"//{self.address}")
        port = url.port or (HTTP_PORT if url.scheme == "http" else HTTPS_PORT)
        return TcpProbe(port, url.hostname)

    @property
    def summary(self) -> dict[str, object]:
        """What the stack's output `components` says about it."""
        return {"external": self.address}
