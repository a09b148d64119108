"""A server on loopback that answers what a test says: what no real provider would."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.service.auth.service import free_port

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

HANGS = b""
"""The answer of a server that takes a request and says nothing."""


def answer(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    """An answer as it goes over the wire."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}Connection: close\r\n\r\n"
    return head.encode() + body


def json_answer(value: Any) -> bytes:
    return answer(json.dumps(value).encode(), headers="Content-Type: application/json\r\n")


@dataclass
class Documents:
    """A running server.

    Attributes:
        answers: What it answers by path.
        requests: What it was asked, as it came over the wire.
    """

    port: int = field(default_factory=free_port)
    answers: dict[str, bytes | Callable[[bytes], bytes]] = field(default_factory=dict)
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def asked(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(request.split(b" ")[1] == path.encode() for request in self.requests)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            request = head + await reader.readexactly(length)
            self.requests.append(request)
            found = self.answers.get(head.split(b" ")[1].decode(), answer(b"", status="404 No"))
            content = found(request) if callable(found) else found
            if content == HANGS:
                await reader.read()  # until the client goes away
            writer.write(content)
            await writer.drain()
        except ConnectionError:
            pass  # the client has seen enough
        finally:
            writer.close()
