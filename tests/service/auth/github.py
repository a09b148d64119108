"""GitHub's sign-in and API as its documentation describes them: a small server on loopback.

GitHub is no OpenID Connect provider and its software cannot be run here. The answers are those of
"Authorizing OAuth apps" and of the REST API's "Users" and "Emails", below the paths of a GitHub
Enterprise Server.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

Emails = tuple[tuple[str, bool, bool], ...]


@dataclass
class GitHub:
    """A running server.

    Attributes:
        people: Addresses (address, primary, verified) by number of the user.
    """

    url: str
    secret: str = field(repr=False)
    people: dict[int, Emails] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)

    def register(self, *emails: tuple[str, bool, bool]) -> int:
        """Add a user. Returns their number."""
        number = secrets.randbelow(1_000_000_000)
        self.people[number] = emails
        return number

    def consent(self, address: str, number: int) -> str:
        """Open the address of the authorization page as a user. Returns the callback's address."""
        parts = urlsplit(address)
        assert parts.path == "/login/oauth/authorize", address
        asked = dict(parse_qsl(parts.query))
        code = secrets.token_hex(10)
        self.codes[code] = {**asked, "number": str(number)}
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, form: dict[str, list[str]]) -> dict[str, str]:
        """Answer of `/login/oauth/access_token`: refusals have status 200, too."""
        given = {name: values[0] for name, values in form.items()}
        asked = self.codes.pop(given.get("code", ""), None)
        if given.get("client_secret") != self.secret:
            return {"error": "incorrect_client_credentials"}
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge:
            return {"error": "bad_verification_code"}
        token = f"gho_{secrets.token_hex(18)}"
        self.tokens[token] = int(asked["number"])
        return {"access_token": token, "scope": asked["scope"], "token_type": "bearer"}

    def api(self, path: str, token: str) -> Any:
        """Answer of the API; None for a token that is none."""
        number = self.tokens.get(token)
        if number is None:
            return None
        if path == "/api/v3/user":
            picture = f"https://avatars.example/{number}"
            return {
                "login": f"octo{number}",
                "id": number,
                "avatar_url": picture,
                "name": "Mona",
                "email": None,
                "type": "User",
            }
        return [
            {"email": address, "primary": primary, "verified": verified, "visibility": None}
            for address, primary, verified in self.people[number]
        ]


@contextlib.contextmanager
def running_github(port: int) -> Iterator[GitHub]:
    """Answer on a port until the block ends."""
    github = GitHub(f"http://127.0.0.1:{port}", secrets.token_urlsafe(32))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(github.token(parse_qs(body)))

        def do_GET(self) -> None:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            self._answer(github.api(self.path, token))

        def _answer(self, value: Any) -> None:
            content = json.dumps(value or {"message": "Bad credentials"}).encode()
            self.send_response(200 if value is not None else 401)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield github
    server.shutdown()
    server.server_close()
    thread.join()
