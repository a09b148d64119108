"""Steps of a sign-in with a provider, as a browser and a client take them."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.service.auth.identity_provider import fragment_of, path_of

if TYPE_CHECKING:
    import httpx

    from tests.service.auth.identity_provider import IdentityProvider
    from tests.service.auth.service import AuthService

REDIRECT = "https://app.example.com/welcome"


def new_person(kind: str = "verified") -> str:
    """An account at the provider that nobody has signed in with."""
    return f"person-{secrets.token_hex(6)}.{kind}"


def address_of(person: str) -> str:
    """The e-mail address that the provider knows."""
    return f"{person.partition('.')[0]}@example.com"


def authorize(
    service: AuthService, provider: str = "keycloak", **parameters: str
) -> httpx.Response:
    """Ask where to sign in."""
    query = {"provider": provider, "redirect_to": REDIRECT, **parameters}
    return service.request("GET", f"/authorize?{urlencode(query)}")


def callback_of(
    service: AuthService, identity_provider: IdentityProvider, person: str, **parameters: str
) -> str:
    """The address that the provider leads the browser of a person to."""
    answer = authorize(service, login_hint=person, **parameters)
    assert answer.status_code == 302, answer.text
    return identity_provider.consent(answer.headers["location"])


def sign_in(
    service: AuthService, identity_provider: IdentityProvider, person: str, **parameters: str
) -> str:
    """Where a person's browser ends."""
    callback = callback_of(service, identity_provider, person, **parameters)
    answer = service.request("GET", path_of(callback))
    assert answer.status_code == 303, answer.text
    location: str = answer.headers["location"]
    return location


def user_of(service: AuthService, location: str) -> dict[str, Any]:
    """The user whom the tokens in an address belong to."""
    token = fragment_of(location)["access_token"]
    user: dict[str, Any] = service.request("GET", "/user", token=token).json()
    return user


def pkce() -> tuple[str, dict[str, str]]:
    """A verifier, and the parameters that go with it."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return verifier, {"code_challenge": challenge, "code_challenge_method": "s256"}


def exchange(service: AuthService, code: str, verifier: str) -> httpx.Response:
    body = {"auth_code": code, "code_verifier": verifier}
    return service.request("POST", "/token?grant_type=pkce", body=body)
