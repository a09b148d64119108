"""The auth service as a process of its own, and requests to it as the recorded ones were sent."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import jwt
import pytest

from infra import keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from tests.service.auth.mailbox import Mailbox

REPOSITORY = Path(__file__).resolve().parents[3]
READY_WITHIN_SECONDS = 30
PASSWORD = "password-1"
ISSUER = "http://localhost:8000/auth/v1"
LEGACY_SECRET = secrets.token_urlsafe(40)
CURRENT_KEY = keys.signing_key(secrets.token_bytes(32))
PREVIOUS_KEY = keys.signing_key(secrets.token_bytes(32))
STRANGERS_KEY = keys.signing_key(secrets.token_bytes(32))
SERVICE_TOKEN = keys.role_token(CURRENT_KEY, "service_role", ISSUER)
ANON_TOKEN = keys.role_token(CURRENT_KEY, "anon", ISSUER)

ENVIRONMENT = {
    "API_EXTERNAL_URL": ISSUER,
    "GOTRUE_SITE_URL": "http://localhost:3000",
    "GOTRUE_API_HOST": "127.0.0.1",
    "GOTRUE_MAILER_AUTOCONFIRM": "true",
    "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED": "true",
    "GOTRUE_PASSWORD_MIN_LENGTH": "8",
    "GOTRUE_JWT_ADMIN_ROLES": "service_role,supabase_admin",
    "GOTRUE_JWT_SECRET": LEGACY_SECRET,
    "GOTRUE_JWT_KEYS": json.dumps(
        [CURRENT_KEY.private_jwk(signs=True), PREVIOUS_KEY.private_jwk(signs=False)]
    ),
}


@dataclass(frozen=True)
class AuthService:
    """A running service. `log` is the file that it writes to."""

    url: str
    process: subprocess.Popen[bytes] = field(repr=False)
    log: Path
    client: httpx.Client = field(repr=False)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request; text is sent as it is, anything else as JSON."""
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        all_headers = dict(headers or {})
        if token is not None:
            all_headers["Authorization"] = f"Bearer {token}"
        return self.client.request(
            method, path, content=None if body is None else content, headers=all_headers
        )

    def sign_up(self, email: str | None = None, password: str = PASSWORD) -> dict[str, Any]:
        """Register a new user; the answer signs them in."""
        body = {"email": email or new_email(), "password": password}
        answer = self.request("POST", "/signup", body=body)
        assert answer.status_code == 200, answer.text
        signed_up: dict[str, Any] = answer.json()
        return signed_up

    def sign_in(self, email: str, password: str = PASSWORD) -> httpx.Response:
        """Ask for tokens with a password."""
        body = {"email": email, "password": password}
        return self.request("POST", "/token?grant_type=password", body=body)

    def register(self, mailbox: Mailbox, email: str | None = None) -> str:
        """Register a new user who has yet to confirm the address. Returns the address."""
        address = email or new_email()
        answer = self.request("POST", "/signup", body={"email": address, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        mailbox.newest(address)
        return address

    def confirm(self, mailbox: Mailbox, email: str) -> dict[str, Any]:
        """Use the newest mail to an address. Returns the answer, which signs in."""
        body = {"type": "email", "token_hash": mailbox.newest(email).token}
        answer = self.request("POST", "/verify", body=body)
        assert answer.status_code == 200, answer.text
        signed_in: dict[str, Any] = answer.json()
        return signed_in

    def refresh(self, token: str) -> httpx.Response:
        """Ask for tokens with a refresh token."""
        body = {"refresh_token": token}
        return self.request("POST", "/token?grant_type=refresh_token", body=body)

    def log_lines(self) -> list[dict[str, Any]]:
        """What the service has logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def mail_settings(mailbox: Mailbox) -> dict[str, str]:
    """Settings of a service that sends its mails to the tests' own server."""
    return {
        "GOTRUE_SMTP_HOST": "127.0.0.1",
        "GOTRUE_SMTP_PORT": str(mailbox.port),
        "GOTRUE_SMTP_ADMIN_EMAIL": "admin@example.com",
        "GOTRUE_SMTP_SENDER_NAME": "Plinth",
        "GOTRUE_SMTP_MAX_FREQUENCY": "1s",
        "GOTRUE_RATE_LIMIT_EMAIL_SENT": "100000",
        "PLINTH_SMTP_VERIFIED_TLS": "false",
    }


def session_id(answer: dict[str, Any]) -> str:
    """Id of the session that an answer signs in to."""
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    identifier: str = claims["session_id"]
    return identifier


def new_email() -> str:
    """An address that nobody has registered."""
    return f"user-{secrets.token_hex(8)}@example.com"


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def running_service(
    database: Mapping[str, str],
    log: Path,
    settings: Mapping[str, str] | None = None,
    *,
    port: int | None = None,
) -> Iterator[AuthService]:
    """Start the service, wait until it is ready, and end it at once, as Ctrl-C does."""
    port = port or free_port()
    environment = {
        "PATH": os.environ["PATH"],
        **ENVIRONMENT,
        **database,
        "GOTRUE_API_PORT": str(port),
        **(settings or {}),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.auth"],
            cwd=REPOSITORY,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, timeout=30) as client:
            service = AuthService(url, process, log, client)
            wait_until_ready(service)
            yield service
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


StartService: TypeAlias = "Callable[[Mapping[str, str]], AbstractContextManager[AuthService]]"
"""What the fixture `start_service` gives."""


def wait_until_ready(service: AuthService) -> None:
    """Return when the service says that it is ready.

    Fails the test with the service's log when that takes too long.
    """
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline and service.process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if service.request("GET", "/health/ready").status_code == 200:
                return
        time.sleep(0.1)
    pytest.fail(f"the auth service did not become ready:\n{service.log.read_text()}")
