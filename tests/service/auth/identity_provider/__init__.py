"""A real OpenID Connect provider on loopback, and a browser that signs in with it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx

from tests import node_packages

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = Path(__file__).parent
CLIENT_ID = "plinth"
NATIVE_CLIENT_ID = "native-app"
REDIRECT_URI = "http://localhost:8000/auth/v1/callback"
_MOST_REDIRECTS = 10


@dataclass(frozen=True)
class IdentityProvider:
    """A running provider. `url` is its issuer."""

    url: str
    secret: str = field(repr=False)

    def consent(self, address: str) -> str:
        """Open an address of the provider as a browser that knows no cookie yet.

        Returns:
            The address of the callback that the provider leads to.
        """
        with httpx.Client(timeout=30) as browser:
            for _ in range(_MOST_REDIRECTS):
                assert address.startswith(self.url), address
                answer = browser.get(address)
                assert answer.is_redirect, answer.text
                address = urljoin(address, answer.headers["location"])
                if address.startswith(REDIRECT_URI):
                    return address
        raise AssertionError(f"the provider leads round and round: {address}")

    def native_sign_in(
        self, person: str, *, client_id: str = NATIVE_CLIENT_ID, nonce: str = ""
    ) -> dict[str, str]:
        """Tokens of a person, as an application on a telephone gets them for itself."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        parameters = {
            "client_id": client_id,
            "response_type": "code",
            "scope": "openid email profile",
            "redirect_uri": REDIRECT_URI,
            "login_hint": person,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **({"nonce": nonce} if nonce else {}),
        }
        callback = self.consent(f"{self.url}/auth?{urlencode(parameters)}")
        form = {
            "grant_type": "authorization_code",
            "code": query_of(callback)["code"],
            "redirect_uri": REDIRECT_URI,
            "code_verifier": verifier,
        }
        answer = httpx.post(f"{self.url}/token", data=form, auth=(client_id, self.secret))
        assert answer.status_code == 200, answer.text
        tokens: dict[str, str] = answer.json()
        return tokens


@contextlib.contextmanager
def running_provider(
    port: int, folder: Path, *, claims_in_id_token: bool = False
) -> Iterator[IdentityProvider]:
    """Start a provider with keys of its own, and end it.

    Args:
        port: Where it listens.
        folder: An empty one, for the script beside its packages.
        claims_in_id_token: Whether ID tokens hold the address; else the userinfo endpoint has it.
    """
    shutil.copy(SOURCES / "server.mjs", folder)
    node_packages.offer_to(folder, SOURCES)
    secret = secrets.token_urlsafe(32)
    environment = {
        "PORT": str(port),
        "CLIENT_SECRET": secret,
        "REDIRECT_URI": REDIRECT_URI,
        "CLAIMS_IN_ID_TOKEN": str(claims_in_id_token).lower(),
    }
    node = shutil.which("node")
    assert node is not None, "the identity provider of the tests needs Node.js"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [node, "server.mjs"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", (folder / "log").read_text()
        yield IdentityProvider(f"http://127.0.0.1:{port}", secret)
    finally:
        process.terminate()
        process.wait(timeout=30)


def path_of(address: str) -> str:
    """Path and query of a callback, as the service itself sees them."""
    parts = urlsplit(address)
    return f"/callback?{parts.query}"


def query_of(address: str) -> dict[str, str]:
    """Values in the query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def fragment_of(address: str) -> dict[str, str]:
    """Values in the fragment of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).fragment).items()}
