"""Sign-in with a provider, from the first address to the session, with a real provider."""

from __future__ import annotations

import base64
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import jwt
import pytest

from tests.service.auth.external_sign_in import (
    REDIRECT,
    address_of,
    authorize,
    callback_of,
    exchange,
    new_person,
    pkce,
    sign_in,
    user_of,
)
from tests.service.auth.identity_provider import (
    CLIENT_ID,
    REDIRECT_URI,
    fragment_of,
    path_of,
    query_of,
)
from tests.service.auth.service import CURRENT_KEY, SERVICE_TOKEN

if TYPE_CHECKING:
    import asyncpg

    from tests.service.auth.identity_provider import IdentityProvider
    from tests.service.auth.service import AuthService

pytestmark = pytest.mark.engine

SITE = "http://localhost:3000"


@pytest.fixture
def person() -> str:
    """An account at the provider that nobody has signed in with."""
    return new_person()


def test_settings_name_the_providers_that_are_on(linking_service: AuthService) -> None:
    external = linking_service.request("GET", "/settings").json()["external"]

    assert {name for name, is_on in external.items() if is_on} == {
        "email",
        "anonymous_users",
        "company",
        "github",
        "google",
        "keycloak",
    }


def test_the_provider_is_asked_with_state_nonce_and_pkce(
    linking_service: AuthService, identity_provider: IdentityProvider
) -> None:
    answer = authorize(linking_service, scopes="groups,roles", prompt="login")
    asked = query_of(answer.headers["location"])
    bound = {asked.pop(name) != "" for name in ("state", "nonce", "code_challenge")}

    assert answer.headers["location"].startswith(f"{identity_provider.url}/auth?")
    assert (bound, asked) == (
        {True},
        {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT_URI,
            "scope": "openid email profile groups roles",
            "code_challenge_method": "S256",
            "prompt": "login",
        },
    )


@pytest.mark.parametrize(
    "name",
    ["client_id", "redirect_uri", "response_type", "scope", "nonce", "state", "request", "State"],
)
def test_a_client_cannot_replace_what_the_provider_is_asked(
    linking_service: AuthService, name: str
) -> None:
    location = authorize(linking_service, **{name: "of the client"}).headers["location"]

    assert "of the client" not in query_of(location).values()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"provider": "nope"}, "Unsupported provider: Provider nope could not be found"),
        ({"provider": "discord"}, "Unsupported provider: provider is not enabled"),
        ({"provider": ""}, "Unsupported provider: Provider  could not be found"),
        ({"scopes": 'a"b'}, "scopes are separated by commas, and at most 32"),
        ({"x": "y" * 2000}, "too many or too long parameters"),
        (
            {"code_challenge": "x" * 43},
            "PKCE flow requires code_challenge_method and code_challenge",
        ),
    ],
)
def test_a_request_that_cannot_be_right_does_not_leave(
    linking_service: AuthService, parameters: dict[str, str], message: str
) -> None:
    answer = authorize(linking_service, **parameters)

    assert (answer.status_code, answer.json()["msg"]) == (400, message)


def test_a_provider_that_is_away_is_reported(linking_service: AuthService) -> None:
    answer = authorize(linking_service, "company")

    assert (answer.status_code, answer.json()["error_code"]) == (500, "unexpected_failure")


def test_why_a_provider_failed_is_in_the_log(linking_service: AuthService) -> None:
    authorize(linking_service, "company")
    reasons = {
        line["reason"] for line in linking_service.log_lines() if line.get("provider") == "company"
    }

    assert reasons == {"no connection: ConnectError"}


def test_a_new_person_is_registered_and_signed_in(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    user = user_of(linking_service, sign_in(linking_service, identity_provider, person))

    assert (user["email"], user["app_metadata"]) == (
        address_of(person),
        {"provider": "keycloak", "providers": ["keycloak"]},
    )


def test_the_user_is_who_the_provider_says(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    user = user_of(linking_service, sign_in(linking_service, identity_provider, person))
    name = person.partition(".")[0]

    assert user["identities"][0]["identity_data"] == {
        "iss": identity_provider.url,
        "sub": person,
        "provider_id": person,
        "name": name,
        "full_name": name,
        "picture": f"https://pictures.example/{name}",
        "avatar_url": f"https://pictures.example/{name}",
        "email": address_of(person),
        "email_verified": True,
        "phone_verified": False,
    }


def test_the_browser_ends_at_the_application_with_tokens(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    location = sign_in(linking_service, identity_provider, person)

    assert location.startswith(f"{REDIRECT}#")
    assert set(fragment_of(location)) == {
        "access_token",
        "expires_at",
        "expires_in",
        "provider_refresh_token",
        "provider_token",
        "refresh_token",
        "token_type",
    }


def test_the_session_says_how_it_was_authenticated(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    token = fragment_of(sign_in(linking_service, identity_provider, person))["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})

    assert [one["method"] for one in claims["amr"]] == ["oauth"]


def test_the_same_person_is_the_same_user(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    ids = {
        user_of(linking_service, sign_in(linking_service, identity_provider, person))["id"]
        for _ in range(2)
    }

    assert len(ids) == 1


def test_a_person_who_comes_ten_times_at_once_is_one_user(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    callbacks = [
        path_of(callback_of(linking_service, identity_provider, person)) for _ in range(10)
    ]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda path: linking_service.request("GET", path), callbacks))
    ids = {user_of(linking_service, answer.headers["location"])["id"] for answer in answers}

    assert len(ids) == 1


def test_a_callback_by_form_signs_in(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    callback = callback_of(linking_service, identity_provider, person)
    answer = linking_service.request("POST", "/callback", body=path_of(callback).partition("?")[2])

    assert user_of(linking_service, answer.headers["location"])["email"] == address_of(person)


def test_an_address_outside_the_list_is_not_where_the_browser_ends(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    location = sign_in(
        linking_service, identity_provider, person, redirect_to="https://evil.example/"
    )

    assert location.startswith(f"{SITE}#")


def test_an_address_that_is_no_longer_in_the_list_is_not_where_the_browser_ends(
    linking_service: AuthService,
    open_service: AuthService,
    identity_provider: IdentityProvider,
    person: str,
) -> None:
    callback = callback_of(linking_service, identity_provider, person)

    # It shares the first one's rows and keys, and its list is empty.
    location = open_service.request("GET", path_of(callback)).headers["location"]

    assert location.startswith(f"{SITE}#")


def test_with_pkce_the_application_gets_a_code(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    verifier, challenge = pkce()
    location = sign_in(linking_service, identity_provider, person, **challenge)

    answer = exchange(linking_service, query_of(location)["code"], verifier)

    assert (set(query_of(location)), fragment_of(location)) == ({"code"}, {})
    assert answer.json()["user"]["email"] == address_of(person)


def test_with_pkce_the_providers_tokens_come_with_the_session(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    verifier, challenge = pkce()
    code = query_of(sign_in(linking_service, identity_provider, person, **challenge))["code"]

    answer = exchange(linking_service, code, verifier).json()

    assert min(len(answer["provider_token"]), len(answer["provider_refresh_token"])) > 20


async def test_the_database_holds_no_token_of_the_provider(
    linking_service: AuthService,
    identity_provider: IdentityProvider,
    person: str,
    database: asyncpg.Connection,
) -> None:
    verifier, challenge = pkce()
    code = query_of(sign_in(linking_service, identity_provider, person, **challenge))["code"]
    kept = await database.fetchval(
        """select provider_access_token || provider_refresh_token from auth.flow_state
           where user_id = (select id from auth.users where email = $1)""",
        address_of(person),
    )

    answer = exchange(linking_service, code, verifier).json()

    assert kept
    assert answer["provider_token"] not in kept
    assert answer["provider_refresh_token"] not in kept


def test_the_log_holds_no_token_code_or_state(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    callback = callback_of(linking_service, identity_provider, person)
    location = linking_service.request("GET", path_of(callback)).headers["location"]
    told = {**query_of(callback), **fragment_of(location)}
    log = linking_service.log.read_text()

    assert [name for name in told if len(told[name]) > 20 and told[name] in log] == []


def test_with_pkce_another_verifier_is_refused(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    _verifier, challenge = pkce()
    code = query_of(sign_in(linking_service, identity_provider, person, **challenge))["code"]

    answer = exchange(linking_service, code, pkce()[0])

    assert answer.json()["error_code"] == "bad_code_verifier"


def test_with_pkce_a_code_is_good_once(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    verifier, challenge = pkce()
    code = query_of(sign_in(linking_service, identity_provider, person, **challenge))["code"]

    statuses = [exchange(linking_service, code, verifier).status_code for _ in range(2)]

    assert statuses == [200, 404]


def refusal(location: str) -> tuple[str, str, str]:
    """Kind, code and description of an error that an address carries, in query and fragment."""
    query, fragment = query_of(location), fragment_of(location)
    names = ("error", "error_code", "error_description")
    kind, code, description = (query.get(name, "") for name in names)
    assert fragment == query
    return kind, code, description


def test_the_refusal_of_a_provider_reaches_the_application(
    linking_service: AuthService, identity_provider: IdentityProvider
) -> None:
    location = sign_in(linking_service, identity_provider, "nobody.refuses")

    assert location.startswith(REDIRECT)
    assert refusal(location) == ("access_denied", "", "The account holder refused")


def test_what_a_provider_refuses_with_is_shortened_and_printable(
    linking_service: AuthService,
) -> None:
    state = query_of(authorize(linking_service).headers["location"])["state"]
    path = f"/callback?state={state}&error=%00%0d%0ax&error_description={'y' * 1000}"

    location = linking_service.request("GET", path).headers["location"]

    assert refusal(location) == ("x", "", "y" * 300)


@pytest.mark.parametrize("kind", ["unverified", "silent"])
def test_an_address_that_is_not_verified_registers_nobody(
    linking_service: AuthService, identity_provider: IdentityProvider, kind: str
) -> None:
    person = new_person(kind)
    refused = refusal(sign_in(linking_service, identity_provider, person))
    found = linking_service.request(
        "GET", f"/admin/users?filter={address_of(person)}", token=SERVICE_TOKEN
    ).json()["users"]

    expected = {
        "unverified": ("access_denied", "provider_email_needs_verification"),
        "silent": ("server_error", "unexpected_failure"),
    }
    assert (refused[:2], found) == (expected[kind], [])


def test_a_banned_user_is_refused(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    user = user_of(linking_service, sign_in(linking_service, identity_provider, person))
    path = f"/admin/users/{user['id']}"
    linking_service.request("PUT", path, token=SERVICE_TOKEN, body={"ban_duration": "1h"})

    location = sign_in(linking_service, identity_provider, person)

    assert refusal(location) == ("access_denied", "user_banned", "User is banned")


def invalid_state(service: AuthService, path: str) -> str:
    """The code of the error that a callback is answered with; it leads to the application."""
    location = service.request("GET", path).headers["location"]
    assert location.startswith(f"{SITE}?")
    return query_of(location)["error_code"]


def test_a_callback_is_good_once(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    path = path_of(callback_of(linking_service, identity_provider, person))
    linking_service.request("GET", path)

    assert invalid_state(linking_service, path) == "bad_oauth_state"


def test_of_two_callbacks_with_the_same_state_one_signs_in(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    path = path_of(callback_of(linking_service, identity_provider, person))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: linking_service.request("GET", path), range(2)))

    signed_in = ["access_token" in fragment_of(one.headers["location"]) for one in answers]
    assert sorted(signed_in) == [False, True]


def test_a_callback_without_a_state_is_refused(linking_service: AuthService) -> None:
    assert invalid_state(linking_service, "/callback?code=x") == "bad_oauth_callback"


def test_a_callback_without_a_code_is_refused(linking_service: AuthService) -> None:
    state = query_of(authorize(linking_service).headers["location"])["state"]

    location = linking_service.request("GET", f"/callback?state={state}").headers["location"]

    assert refusal(location)[:2] == ("invalid_request", "bad_oauth_callback")


def test_a_code_that_the_provider_does_not_know_is_refused(
    linking_service: AuthService, identity_provider: IdentityProvider
) -> None:
    state = query_of(authorize(linking_service).headers["location"])["state"]
    path = f"/callback?state={state}&code=invented&iss={identity_provider.url}"

    location = linking_service.request("GET", path).headers["location"]

    assert refusal(location)[:2] == ("server_error", "unexpected_failure")


def test_a_code_of_another_sign_in_is_refused(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    callback = query_of(callback_of(linking_service, identity_provider, person))
    state = query_of(authorize(linking_service).headers["location"])["state"]
    path = f"/callback?state={state}&code={callback['code']}&iss={identity_provider.url}"

    location = linking_service.request("GET", path).headers["location"]

    assert refusal(location)[:2] == ("server_error", "unexpected_failure")


@pytest.mark.parametrize("issuer", ["", "&iss=https://evil.example"])
def test_a_code_that_another_issuer_may_have_sent_is_refused(
    linking_service: AuthService, identity_provider: IdentityProvider, person: str, issuer: str
) -> None:
    callback = query_of(callback_of(linking_service, identity_provider, person))
    path = f"/callback?state={callback['state']}&code={callback['code']}{issuer}"

    location = linking_service.request("GET", path).headers["location"]

    assert refusal(location)[:2] == ("server_error", "unexpected_failure")


async def test_a_callback_that_comes_too_late_is_refused(
    linking_service: AuthService,
    identity_provider: IdentityProvider,
    person: str,
    database: asyncpg.Connection,
) -> None:
    callback = callback_of(linking_service, identity_provider, person)
    state = jwt.decode(query_of(callback)["state"], options={"verify_signature": False})
    await database.execute(
        "update auth.flow_state set created_at = now() - interval '6 minutes' where id = $1",
        uuid.UUID(state["flow"]),
    )

    assert invalid_state(linking_service, path_of(callback)) == "bad_oauth_state"


def forged(state: str, **header: str) -> str:
    """The state with another header and no signature."""
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{encoded}.{state.split('.')[1]}."


def test_a_state_without_a_signature_is_refused(linking_service: AuthService) -> None:
    state = query_of(authorize(linking_service).headers["location"])["state"]
    path = f"/callback?code=x&state={forged(state, alg='none', typ='JWT')}"

    assert invalid_state(linking_service, path) == "bad_oauth_state"


def test_a_state_that_the_key_of_access_tokens_has_signed_is_refused(
    linking_service: AuthService,
) -> None:
    state = query_of(authorize(linking_service).headers["location"])["state"]
    claims = jwt.decode(state, options={"verify_signature": False})
    signed = jwt.encode(claims, CURRENT_KEY.private, algorithm="ES256")

    path = f"/callback?code=x&state={signed}"
    assert invalid_state(linking_service, path) == "bad_oauth_state"


def test_a_state_of_no_sign_in_is_no_access_token(linking_service: AuthService) -> None:
    state = query_of(authorize(linking_service).headers["location"])["state"]

    assert linking_service.request("GET", "/user", token=state).status_code == 403


async def test_sign_ins_that_nobody_came_back_for_are_removed(
    linking_service: AuthService, database: asyncpg.Connection
) -> None:
    state = query_of(authorize(linking_service).headers["location"])["state"]
    flow = uuid.UUID(jwt.decode(state, options={"verify_signature": False})["flow"])
    await database.execute(
        "update auth.flow_state set created_at = now() - interval '1 hour' where id = $1", flow
    )

    authorize(linking_service)

    assert await database.fetchval("select from auth.flow_state where id = $1", flow) is None


def test_nobody_is_registered_where_nobody_may_sign_up(
    closed_service: AuthService, identity_provider: IdentityProvider, person: str
) -> None:
    location = sign_in(closed_service, identity_provider, person)

    assert refusal(location)[:2] == ("access_denied", "signup_disabled")


def test_a_user_signs_in_where_nobody_may_sign_up(
    linking_service: AuthService,
    closed_service: AuthService,
    identity_provider: IdentityProvider,
    person: str,
) -> None:
    user = user_of(linking_service, sign_in(linking_service, identity_provider, person))

    again = user_of(closed_service, sign_in(closed_service, identity_provider, person))

    assert again["id"] == user["id"]


def test_where_addresses_count_as_confirmed_an_unverified_one_registers(
    open_service: AuthService, identity_provider: IdentityProvider
) -> None:
    person = new_person("unverified")

    user = user_of(open_service, sign_in(open_service, identity_provider, person))

    assert user["email"] == address_of(person)


def test_where_addresses_count_as_confirmed_an_unverified_one_opens_no_account(
    open_service: AuthService, identity_provider: IdentityProvider
) -> None:
    person = new_person("unverified")
    open_service.sign_up(address_of(person))

    location = sign_in(open_service, identity_provider, person)

    assert refusal(location)[:2] == ("access_denied", "provider_email_needs_verification")
