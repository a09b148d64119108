"""Sign-in with an ID token that a native client has got by itself, from a real provider."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.service.auth.external_sign_in import address_of, new_person
from tests.service.auth.service import CURRENT_KEY, PASSWORD, SERVICE_TOKEN

if TYPE_CHECKING:
    import httpx

    from tests.service.auth.identity_provider import IdentityProvider
    from tests.service.auth.service import AuthService

pytestmark = pytest.mark.engine


def present(service: AuthService, id_token: str, **members: Any) -> httpx.Response:
    """Ask for tokens with an ID token."""
    body = {"provider": "google", "id_token": id_token, **members}
    return service.request("POST", "/token?grant_type=id_token", body=body)


def description(answer: httpx.Response) -> str:
    """What the answer says about an error."""
    assert answer.status_code == 400, answer.text
    text: str = answer.json()["error_description"]
    return text


@pytest.fixture
def person() -> str:
    return new_person()


def test_an_id_token_registers_and_signs_in(
    linking_service: AuthService, google: IdentityProvider, person: str
) -> None:
    tokens = google.native_sign_in(person)

    answer = present(linking_service, tokens["id_token"], access_token=tokens["access_token"])

    assert answer.json()["user"]["email"] == address_of(person)


def test_the_session_says_how_it_was_authenticated(
    linking_service: AuthService, google: IdentityProvider, person: str
) -> None:
    answer = present(linking_service, google.native_sign_in(person)["id_token"]).json()
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})

    assert [one["method"] for one in claims["amr"]] == ["oauth"]


def test_the_issuer_may_stand_for_the_provider(
    linking_service: AuthService, google: IdentityProvider, person: str
) -> None:
    answer = present(
        linking_service,
        google.native_sign_in(person)["id_token"],
        provider="",
        issuer=google.url,
        client_id="anything",
    )

    assert answer.status_code == 200


def test_a_nonce_is_compared_with_its_hash(
    linking_service: AuthService, google: IdentityProvider, person: str
) -> None:
    nonce = secrets.token_urlsafe(16)
    hashed = hashlib.sha256(nonce.encode()).hexdigest()
    tokens = google.native_sign_in(person, nonce=hashed)

    assert present(linking_service, tokens["id_token"], nonce=nonce).status_code == 200


@pytest.mark.parametrize("presented", ["another", "hash"])
def test_another_nonce_is_refused(
    linking_service: AuthService, google: IdentityProvider, person: str, presented: str
) -> None:
    hashed = hashlib.sha256(b"the nonce").hexdigest()
    tokens = google.native_sign_in(person, nonce=hashed)
    nonce = hashed if presented == "hash" else presented

    answer = present(linking_service, tokens["id_token"], nonce=nonce)

    assert description(answer) == "Nonces mismatch"


@pytest.mark.parametrize(("in_token", "presented"), [("", "x"), ("x", "")])
def test_a_nonce_on_one_side_is_refused(
    linking_service: AuthService,
    google: IdentityProvider,
    person: str,
    in_token: str,
    presented: str,
) -> None:
    tokens = google.native_sign_in(person, nonce=in_token)

    answer = present(linking_service, tokens["id_token"], nonce=presented)

    assert description(answer).startswith("Passed nonce and nonce in id_token")


def test_a_token_for_another_client_is_refused(
    linking_service: AuthService, google: IdentityProvider, person: str
) -> None:
    tokens = google.native_sign_in(person, client_id="strangers-app")

    assert description(present(linking_service, tokens["id_token"])) == "Bad ID token"


def test_a_token_of_another_issuer_is_refused(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    tokens = identity_provider.native_sign_in(person)

    assert description(present(linking_service, tokens["id_token"])) == "Bad ID token"


def test_an_access_token_of_the_service_itself_is_refused(linking_service: AuthService) -> None:
    assert description(present(linking_service, SERVICE_TOKEN)) == "Bad ID token"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "HS256", "none"])
def test_a_forged_token_is_refused(
    linking_service: AuthService, google: IdentityProvider, person: str, algorithm: str
) -> None:
    real = google.native_sign_in(person)["id_token"]
    claims = jwt.decode(real, options={"verify_signature": False}) | {"sub": "somebody"}
    keys: dict[str, Any] = {
        "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ES256": CURRENT_KEY.private,
        "HS256": "secret" * 8,
        "none": None,
    }
    headers = {"kid": jwt.get_unverified_header(real)["kid"]}

    forged = jwt.encode(claims, keys[algorithm], algorithm=algorithm, headers=headers)

    assert description(present(linking_service, forged)) == "Bad ID token"


@pytest.mark.parametrize("end", ["", "x", "."])
def test_a_damaged_token_is_refused(
    linking_service: AuthService, google: IdentityProvider, person: str, end: str
) -> None:
    damaged = google.native_sign_in(person)["id_token"][:-4] + end

    assert description(present(linking_service, damaged)) == "Bad ID token"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"id_token": ""}, "id_token required"),
        ({"provider": ""}, "provider or client_id and issuer required"),
        ({"provider": "", "issuer": "x"}, "provider or client_id and issuer required"),
    ],
)
def test_an_incomplete_request_is_refused(
    linking_service: AuthService, members: dict[str, str], message: str
) -> None:
    assert description(present(linking_service, **{"id_token": "x", **members})) == message


@pytest.mark.parametrize("provider", ["github", "apple", "nope"])
def test_a_provider_without_id_tokens_here_is_refused(
    linking_service: AuthService, provider: str
) -> None:
    answer = present(linking_service, "x", provider=provider)

    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")


def test_an_unverified_address_does_not_open_the_account_that_has_it(
    linking_service: AuthService, google: IdentityProvider
) -> None:
    person = new_person("unverified")
    body = {"email": address_of(person), "password": PASSWORD, "email_confirm": True}
    linking_service.request("POST", "/admin/users", token=SERVICE_TOKEN, body=body)

    answer = present(linking_service, google.native_sign_in(person)["id_token"])

    assert answer.json()["error_code"] == "provider_email_needs_verification"
