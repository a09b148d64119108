"""Identity providers through the client that applications use, unmodified."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from supabase_auth import SyncGoTrueClient
from supabase_auth.errors import AuthApiError

from tests.service.auth.external_sign_in import address_of, new_person
from tests.service.auth.identity_provider import IdentityProvider, path_of, query_of

if TYPE_CHECKING:
    from supabase_auth.types import AuthResponse

    from tests.service.auth.service import AuthService

pytestmark = pytest.mark.engine

Browser = Callable[[str, IdentityProvider], str]


@pytest.fixture
def client(linking_service: AuthService) -> SyncGoTrueClient:
    """A client with PKCE that nobody has signed in with."""
    return SyncGoTrueClient(url=linking_service.url, auto_refresh_token=False, flow_type="pkce")


@pytest.fixture
def code_of(linking_service: AuthService) -> Browser:
    """Open the address that a client names. Returns the code that the application gets."""

    def open_address(url: str, provider: IdentityProvider) -> str:
        if url.startswith(linking_service.url):
            parts = urlsplit(url)
            answer = linking_service.request("GET", f"{parts.path}?{parts.query}")
            url = answer.headers["location"]
        location = linking_service.request("GET", path_of(provider.consent(url))).headers[
            "location"
        ]
        return query_of(location)["code"]

    return open_address


@pytest.fixture
def person() -> str:
    return new_person()


@pytest.fixture
def signed_in(
    client: SyncGoTrueClient, code_of: Browser, identity_provider: IdentityProvider, person: str
) -> AuthResponse:
    """The answer to the sign-in of a new person."""
    asked = client.sign_in_with_oauth(
        {"provider": "keycloak", "options": {"query_params": {"login_hint": person}}}
    )
    code = code_of(asked.url, identity_provider)
    return client.exchange_code_for_session(
        {"auth_code": code, "code_verifier": "", "redirect_to": ""}
    )


def test_a_person_signs_in(signed_in: AuthResponse, person: str) -> None:
    assert signed_in.user
    assert signed_in.user.email == address_of(person)


def test_the_providers_tokens_are_in_the_session(signed_in: AuthResponse) -> None:
    assert signed_in.session
    assert signed_in.session.provider_token
    assert signed_in.session.provider_refresh_token


@pytest.fixture
def linked(
    client: SyncGoTrueClient, signed_in: AuthResponse, code_of: Browser, google: IdentityProvider
) -> SyncGoTrueClient:
    """The client once its user has linked a further identity."""
    asked = client.link_identity(
        {"provider": "google", "options": {"query_params": {"login_hint": new_person()}}}
    )
    code = code_of(asked.url, google)
    client.exchange_code_for_session({"auth_code": code, "code_verifier": "", "redirect_to": ""})
    assert signed_in
    return client


def providers(client: SyncGoTrueClient) -> list[str]:
    return [identity.provider for identity in client.get_user_identities().identities]


def test_a_user_links_an_identity(linked: SyncGoTrueClient) -> None:
    assert providers(linked) == ["keycloak", "google"]


def test_a_user_unlinks_an_identity(linked: SyncGoTrueClient) -> None:
    google = linked.get_user_identities().identities[1]
    linked.unlink_identity(google)

    assert providers(linked) == ["keycloak"]


def test_a_user_does_not_unlink_the_last_identity(
    client: SyncGoTrueClient, signed_in: AuthResponse
) -> None:
    assert signed_in
    with pytest.raises(AuthApiError) as refused:
        client.unlink_identity(client.get_user_identities().identities[0])

    assert refused.value.code == "single_identity_not_deletable"


def test_a_native_application_signs_in(
    client: SyncGoTrueClient, google: IdentityProvider, person: str
) -> None:
    tokens = google.native_sign_in(person)
    answer = client.sign_in_with_id_token({"provider": "google", "token": tokens["id_token"]})

    assert answer.user
    assert answer.user.email == address_of(person)
