"""What an ACME directory asks for by plain HTTP, and what only looks like it."""

from __future__ import annotations

import socket

from .conftest import read_answer

CHALLENGE = "/.well-known/acme-challenge"
TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
OTHER_REQUESTS = (
    "GET /health/ready HTTP/1.1",
    "GET /metrics HTTP/1.1",
    f"GET {CHALLENGE} HTTP/1.1",
    f"GET {CHALLENGE}/ HTTP/1.1",
    f"GET {CHALLENGE}/../../metrics HTTP/1.1",
    f"GET {CHALLENGE}/../../metrics/aaaaaaaaaaaaaaaa HTTP/1.1",
    f"GET {CHALLENGE}/aaaaaaaaaaaaaaaa/../../../metrics HTTP/1.1",
    f"GET {CHALLENGE}/..%2f..%2fmetricsaaaaaaa HTTP/1.1",
    f"GET {CHALLENGE}/%2e%2e/%2e%2e/metrics HTTP/1.1",
    f"GET {CHALLENGE}/aaaaaaaaaaaaaaaa%00 HTTP/1.1",
    f"GET {CHALLENGE}/aaaaaaaaaaaaaaaa;a=b HTTP/1.1",
    f"GET {CHALLENGE}//aaaaaaaaaaaaaaaa HTTP/1.1",
    f"GET /{CHALLENGE}/aaaaaaaaaaaaaaaa HTTP/1.1",
    f"GET {CHALLENGE.upper()}/aaaaaaaaaaaaaaaa HTTP/1.1",
    f"GET {CHALLENGE}/..\\..\\metrics\\aaaaaaaa HTTP/1.1",
    f"POST {CHALLENGE}/aaaaaaaaaaaaaaaa HTTP/1.1",
    f"DELETE {CHALLENGE}/aaaaaaaaaaaaaaaa HTTP/1.1",
)


def raw_redirect(address: str, request_line: str) -> str:
    """Send a request line as it is to the port for plain HTTP; the head of the answer.

    Args:
        address: Of the gateway or firewall, in the engine's own network.
        request_line: Method, target and version.
    """
    request = f"{request_line}\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    with socket.create_connection((address, 8001), timeout=10) as connection:
        connection.sendall(request.encode())
        return read_answer(connection).decode()
