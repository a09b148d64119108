"""Whose account a provider's identity opens, and how users link and unlink theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.service.auth.external_sign_in import (
    REDIRECT,
    address_of,
    authorize,
    new_person,
    sign_in,
    user_of,
)
from tests.service.auth.identity_provider import fragment_of, path_of, query_of
from tests.service.auth.service import PASSWORD, SERVICE_TOKEN

if TYPE_CHECKING:
    import asyncpg
    import httpx

    from tests.service.auth.github import GitHub
    from tests.service.auth.identity_provider import IdentityProvider
    from tests.service.auth.mailbox import Mailbox
    from tests.service.auth.service import AuthService

pytestmark = pytest.mark.engine


def registered(service: AuthService, email: str, *, confirmed: bool = True) -> dict[str, Any]:
    """A user with a password, whom an administrator has made."""
    body = {"email": email, "password": PASSWORD, "email_confirm": confirmed}
    answer = service.request("POST", "/admin/users", token=SERVICE_TOKEN, body=body)
    assert answer.status_code == 200, answer.text
    user: dict[str, Any] = answer.json()
    return user


def through_github(service: AuthService, github: GitHub, number: int) -> str:
    """Where the browser of a user of GitHub ends."""
    callback = github.consent(authorize(service, "github").headers["location"], number)
    location: str = service.request("GET", path_of(callback)).headers["location"]
    return location


def refusal(location: str) -> str:
    """Code of the error that an address carries."""
    return query_of(location).get("error_code", "")


def providers_of(user: dict[str, Any]) -> list[str]:
    return [identity["provider"] for identity in user["identities"]]


def new_address() -> str:
    return address_of(new_person())


# Automatic linking


def test_a_verified_address_opens_the_account_that_has_it(
    linking_service: AuthService, identity_provider: IdentityProvider
) -> None:
    person = new_person()
    existing = registered(linking_service, address_of(person))

    user = user_of(linking_service, sign_in(linking_service, identity_provider, person))

    assert (user["id"], user["app_metadata"]) == (
        existing["id"],
        {"provider": "email", "providers": ["email", "keycloak"]},
    )


def test_a_confirmed_user_keeps_the_password(
    linking_service: AuthService, identity_provider: IdentityProvider
) -> None:
    person = new_person()
    registered(linking_service, address_of(person))
    sign_in(linking_service, identity_provider, person)

    assert linking_service.sign_in(address_of(person)).status_code == 200


def test_an_unverified_address_does_not_open_the_account_that_has_it(
    linking_service: AuthService, identity_provider: IdentityProvider
) -> None:
    person = new_person("unverified")
    registered(linking_service, address_of(person))

    location = sign_in(linking_service, identity_provider, person)

    assert refusal(location) == "provider_email_needs_verification"


def test_a_verified_address_takes_an_account_that_nobody_has_confirmed(
    linking_service: AuthService, identity_provider: IdentityProvider
) -> None:
    person = new_person()
    existing = registered(linking_service, address_of(person), confirmed=False)

    user = user_of(linking_service, sign_in(linking_service, identity_provider, person))

    assert (user["id"], providers_of(user)) == (existing["id"], ["keycloak"])


def test_whoever_registered_an_unconfirmed_address_has_no_way_in_afterwards(
    linking_service: AuthService, identity_provider: IdentityProvider
) -> None:
    person = new_person()
    registered(linking_service, address_of(person), confirmed=False)
    sign_in(linking_service, identity_provider, person)

    answer = linking_service.sign_in(address_of(person))

    assert answer.json()["error_code"] == "invalid_credentials"


def test_a_mail_that_was_sent_before_has_no_use_afterwards(
    linking_service: AuthService, identity_provider: IdentityProvider, mailbox: Mailbox
) -> None:
    person = new_person()
    linking_service.register(mailbox, address_of(person))
    token = mailbox.newest(address_of(person)).token
    sign_in(linking_service, identity_provider, person)

    answer = linking_service.request(
        "POST", "/verify", body={"type": "signup", "token_hash": token}
    )

    assert answer.json()["error_code"] == "otp_expired"


def test_two_providers_that_verify_an_address_open_one_account(
    linking_service: AuthService, identity_provider: IdentityProvider, google: IdentityProvider
) -> None:
    person = new_person()
    first = user_of(linking_service, sign_in(linking_service, identity_provider, person))
    address = authorize(linking_service, "google", login_hint=person).headers["location"]
    path = path_of(google.consent(address))

    second = user_of(linking_service, linking_service.request("GET", path).headers["location"])

    assert (second["id"], providers_of(second)) == (first["id"], ["keycloak", "google"])


async def test_a_stranger_whose_identity_waits_in_an_unconfirmed_account_is_refused(
    linking_service: AuthService,
    identity_provider: IdentityProvider,
    database: asyncpg.Connection,
) -> None:
    """GoTrue registers such a person, and lets them in once the address is confirmed."""
    person = new_person("unverified")
    existing = registered(linking_service, address_of(person), confirmed=False)
    await database.execute(
        """insert into auth.identities (
             id, provider_id, user_id, identity_data, provider, created_at, updated_at
           ) values (
             gen_random_uuid(), $1, $2::text::uuid, jsonb_build_object('sub', $1::text),
             'keycloak', now(), now()
           )""",
        person,
        existing["id"],
    )

    location = sign_in(linking_service, identity_provider, person)

    assert refusal(location) == "provider_email_needs_verification"


async def test_an_address_of_single_sign_on_opens_no_account(
    linking_service: AuthService,
    identity_provider: IdentityProvider,
    database: asyncpg.Connection,
) -> None:
    person = new_person()
    existing = registered(linking_service, address_of(person))
    await database.execute(
        "update auth.users set is_sso_user = true where id = $1::text::uuid", existing["id"]
    )
    await database.execute(
        "update auth.identities set provider = 'sso:1' where user_id = $1::text::uuid",
        existing["id"],
    )

    user = user_of(linking_service, sign_in(linking_service, identity_provider, person))

    assert user["id"] != existing["id"]


# GitHub, whose users have several addresses


def test_a_user_of_github_is_registered_with_the_primary_address(
    linking_service: AuthService, github: GitHub
) -> None:
    other, primary = new_address(), new_address()
    number = github.register((other, False, True), (primary, True, True))

    user = user_of(linking_service, through_github(linking_service, github, number))
    data = user["identities"][0]["identity_data"]

    assert (user["email"], data) == (
        primary,
        {
            "iss": f"{github.url}/api/v3",
            "sub": str(number),
            "provider_id": str(number),
            "name": "Mona",
            "full_name": "Mona",
            "preferred_username": f"octo{number}",
            "user_name": f"octo{number}",
            "avatar_url": f"https://avatars.example/{number}",
            "email": primary,
            "email_verified": True,
            "phone_verified": False,
        },
    )


def test_githubs_token_comes_without_a_refresh_token(
    linking_service: AuthService, github: GitHub
) -> None:
    number = github.register((new_address(), True, True))

    values = fragment_of(through_github(linking_service, github, number))

    assert values["provider_token"] in github.tokens
    assert "provider_refresh_token" not in values


def test_any_verified_address_opens_the_account_that_has_it(
    linking_service: AuthService, github: GitHub
) -> None:
    other, primary = new_address(), new_address()
    existing = registered(linking_service, other)
    number = github.register((primary, True, True), (other, False, True))

    user = user_of(linking_service, through_github(linking_service, github, number))

    assert (user["id"], user["email"]) == (existing["id"], other)


def test_addresses_of_two_accounts_open_none(linking_service: AuthService, github: GitHub) -> None:
    addresses = [new_address(), new_address()]
    for address in addresses:
        registered(linking_service, address)
    number = github.register((addresses[0], True, True), (addresses[1], False, True))

    assert refusal(through_github(linking_service, github, number)) == "unexpected_failure"


@pytest.mark.parametrize("is_taken", [True, False])
def test_an_unverified_primary_address_registers_nobody(
    linking_service: AuthService, github: GitHub, *, is_taken: bool
) -> None:
    primary = new_address()
    if is_taken:
        registered(linking_service, primary)
    number = github.register((primary, True, False), (new_address(), False, True))

    location = through_github(linking_service, github, number)

    assert refusal(location) == "provider_email_needs_verification"


def test_a_user_of_github_without_an_address_is_refused(
    linking_service: AuthService, github: GitHub
) -> None:
    location = through_github(linking_service, github, github.register())

    assert refusal(location) == "unexpected_failure"


# Manual linking


@pytest.fixture
def ann(linking_service: AuthService) -> dict[str, Any]:
    """A signed-in user with a password."""
    email = new_address()
    registered(linking_service, email)
    signed_in: dict[str, Any] = linking_service.sign_in(email).json()
    return signed_in


def ask_to_link(
    service: AuthService, token: str | None, person: str, **parameters: str
) -> httpx.Response:
    """Ask where to link an identity."""
    query = {
        "provider": "keycloak",
        "redirect_to": REDIRECT,
        "skip_http_redirect": "true",
        "login_hint": person,
        **parameters,
    }
    return service.request("GET", f"/user/identities/authorize?{urlencode(query)}", token=token)


def link(service: AuthService, identity_provider: IdentityProvider, token: str, person: str) -> str:
    """Link an identity. Returns where the browser ends."""
    url = ask_to_link(service, token, person).json()["url"]
    callback = identity_provider.consent(url)
    location: str = service.request("GET", path_of(callback)).headers["location"]
    return location


def unlink(service: AuthService, token: str, identity: str) -> httpx.Response:
    return service.request("DELETE", f"/user/identities/{identity}", token=token)


def test_a_user_links_an_identity_with_another_address(
    linking_service: AuthService, identity_provider: IdentityProvider, ann: dict[str, Any]
) -> None:
    location = link(linking_service, identity_provider, ann["access_token"], new_person())
    user = user_of(linking_service, location)

    assert (user["id"], user["email"], providers_of(user)) == (
        ann["user"]["id"],
        ann["user"]["email"],
        ["email", "keycloak"],
    )


def test_a_linked_identity_signs_in(
    linking_service: AuthService, identity_provider: IdentityProvider, ann: dict[str, Any]
) -> None:
    person = new_person("unverified")
    link(linking_service, identity_provider, ann["access_token"], person)

    user = user_of(linking_service, sign_in(linking_service, identity_provider, person))

    assert user["id"] == ann["user"]["id"]


def test_without_skipping_the_answer_is_a_redirect(
    linking_service: AuthService, identity_provider: IdentityProvider, ann: dict[str, Any]
) -> None:
    answer = ask_to_link(
        linking_service, ann["access_token"], new_person(), skip_http_redirect="false"
    )

    assert answer.status_code == 302
    assert answer.headers["location"].startswith(identity_provider.url)


def test_an_identity_of_another_user_is_not_linked(
    linking_service: AuthService, identity_provider: IdentityProvider, ann: dict[str, Any]
) -> None:
    person = new_person()
    sign_in(linking_service, identity_provider, person)

    location = link(linking_service, identity_provider, ann["access_token"], person)

    assert query_of(location)["error_description"] == "Identity is already linked to another user"


def test_an_own_identity_is_not_linked_again(
    linking_service: AuthService, identity_provider: IdentityProvider, ann: dict[str, Any]
) -> None:
    person = new_person()
    link(linking_service, identity_provider, ann["access_token"], person)

    location = link(linking_service, identity_provider, ann["access_token"], person)

    assert query_of(location)["error_description"] == "Identity is already linked"


def test_an_unverified_address_that_was_linked_waits_for_nobody(
    linking_service: AuthService,
    identity_provider: IdentityProvider,
    google: IdentityProvider,
    ann: dict[str, Any],
) -> None:
    victim = new_person()
    unverified = f"{victim.partition('.')[0]}.unverified"
    link(linking_service, identity_provider, ann["access_token"], unverified)
    address = authorize(linking_service, "google", login_hint=victim).headers["location"]
    path = path_of(google.consent(address))

    user = user_of(linking_service, linking_service.request("GET", path).headers["location"])

    assert user["id"] != ann["user"]["id"]


def test_an_anonymous_user_becomes_a_person(
    linking_service: AuthService, identity_provider: IdentityProvider
) -> None:
    anonymous = linking_service.request("POST", "/signup", body={}).json()
    person = new_person()

    location = link(linking_service, identity_provider, anonymous["access_token"], person)
    user = user_of(linking_service, location)

    assert (user["id"], user["email"], user["is_anonymous"]) == (
        anonymous["user"]["id"],
        address_of(person),
        False,
    )


def test_an_anonymous_user_does_not_get_an_unverified_address(
    linking_service: AuthService, identity_provider: IdentityProvider
) -> None:
    anonymous = linking_service.request("POST", "/signup", body={}).json()

    location = link(
        linking_service, identity_provider, anonymous["access_token"], new_person("unverified")
    )

    assert refusal(location) == "email_not_confirmed"


def test_an_anonymous_user_does_not_get_the_address_of_another(
    linking_service: AuthService, identity_provider: IdentityProvider
) -> None:
    anonymous = linking_service.request("POST", "/signup", body={}).json()
    person = new_person()
    registered(linking_service, address_of(person))

    location = link(linking_service, identity_provider, anonymous["access_token"], person)

    assert refusal(location) == "email_exists"


def test_an_identity_is_not_linked_to_a_user_who_is_gone(
    linking_service: AuthService, identity_provider: IdentityProvider, ann: dict[str, Any]
) -> None:
    url = ask_to_link(linking_service, ann["access_token"], new_person()).json()["url"]
    path = f"/admin/users/{ann['user']['id']}"
    linking_service.request("DELETE", path, token=SERVICE_TOKEN)

    callback = path_of(identity_provider.consent(url))
    location = linking_service.request("GET", callback).headers["location"]

    assert refusal(location) == "user_not_found"


def test_linking_asks_for_a_session(linking_service: AuthService) -> None:
    assert ask_to_link(linking_service, None, new_person()).status_code == 401


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_linking_by_hand_may_be_off(closed_service: AuthService, method: str) -> None:
    path = {"GET": "authorize?provider=keycloak", "DELETE": "x"}[method]

    answer = closed_service.request(method, f"/user/identities/{path}", token=SERVICE_TOKEN)

    assert (answer.status_code, answer.json()["error_code"]) == (404, "manual_linking_disabled")


# Unlinking


@pytest.fixture
def linked(
    linking_service: AuthService, identity_provider: IdentityProvider, ann: dict[str, Any]
) -> dict[str, Any]:
    """Ann with an identity at a provider that has another address of hers, verified."""
    location = link(linking_service, identity_provider, ann["access_token"], new_person())
    return {**ann, "user": user_of(linking_service, location)}


def identity_of(signed_in: dict[str, Any], provider: str) -> str:
    """Id of the user's identity at a provider."""
    found: str = next(
        one["identity_id"] for one in signed_in["user"]["identities"] if one["provider"] == provider
    )
    return found


def test_an_unlinked_identity_is_gone(linking_service: AuthService, linked: dict[str, Any]) -> None:
    answer = unlink(linking_service, linked["access_token"], identity_of(linked, "keycloak"))
    user = linking_service.request("GET", "/user", token=linked["access_token"]).json()

    assert (answer.status_code, answer.json()) == (200, {})
    assert (providers_of(user), user["app_metadata"]["providers"]) == (["email"], ["email"])


def test_unlinking_is_written_down(linking_service: AuthService, linked: dict[str, Any]) -> None:
    identity = identity_of(linked, "keycloak")
    unlink(linking_service, linked["access_token"], identity)

    entries = linking_service.request(
        "GET", "/admin/audit?query=action:identity_unlinked", token=SERVICE_TOKEN
    ).json()

    assert entries[0]["payload"]["traits"]["identity_id"] == identity


def test_unlinking_the_address_leaves_one_that_is_verified(
    linking_service: AuthService, linked: dict[str, Any]
) -> None:
    unlink(linking_service, linked["access_token"], identity_of(linked, "email"))
    user = linking_service.request("GET", "/user", token=linked["access_token"]).json()

    assert user["email"] == linked["user"]["identities"][1]["email"]


def test_unlinking_the_address_takes_the_password(
    linking_service: AuthService, linked: dict[str, Any]
) -> None:
    unlink(linking_service, linked["access_token"], identity_of(linked, "email"))
    address = linked["user"]["identities"][1]["email"]

    assert linking_service.sign_in(address).json()["error_code"] == "invalid_credentials"


def test_an_address_is_not_left_to_one_that_is_not_verified(
    linking_service: AuthService, identity_provider: IdentityProvider, ann: dict[str, Any]
) -> None:
    person = new_person("unverified")
    location = link(linking_service, identity_provider, ann["access_token"], person)
    linked = {**ann, "user": user_of(linking_service, location)}

    answer = unlink(linking_service, linked["access_token"], identity_of(linked, "email"))

    assert (answer.status_code, answer.json()["error_code"]) == (
        422,
        "email_conflict_identity_not_deletable",
    )


def test_the_last_identity_stays(linking_service: AuthService, ann: dict[str, Any]) -> None:
    answer = unlink(linking_service, ann["access_token"], identity_of(ann, "email"))

    assert (answer.status_code, answer.json()["error_code"]) == (
        422,
        "single_identity_not_deletable",
    )


def test_an_identity_of_another_user_stays(
    linking_service: AuthService, identity_provider: IdentityProvider, linked: dict[str, Any]
) -> None:
    person = new_person()
    other = user_of(linking_service, sign_in(linking_service, identity_provider, person))
    theirs = other["identities"][0]["identity_id"]

    answer = unlink(linking_service, linked["access_token"], theirs)
    again = user_of(linking_service, sign_in(linking_service, identity_provider, person))

    assert (answer.status_code, answer.json()["error_code"]) == (422, "identity_not_found")
    assert again["id"] == other["id"]


def test_an_identity_that_is_no_uuid_is_refused(
    linking_service: AuthService, ann: dict[str, Any]
) -> None:
    answer = unlink(linking_service, ann["access_token"], "x")

    assert (answer.status_code, answer.json()["error_code"]) == (404, "validation_failed")


@pytest.mark.parametrize("change", ["link", "unlink"])
async def test_a_session_without_the_second_factor_changes_no_identity(
    linking_service: AuthService,
    linked: dict[str, Any],
    database: asyncpg.Connection,
    change: str,
) -> None:
    await database.execute(
        """insert into auth.mfa_factors (
             id, user_id, factor_type, status, secret, created_at, updated_at
           ) values (gen_random_uuid(), $1::text::uuid, 'totp', 'verified', 'x', now(), now())""",
        linked["user"]["id"],
    )
    changes = {
        "link": lambda token: ask_to_link(linking_service, token, new_person()),
        "unlink": lambda token: unlink(linking_service, token, identity_of(linked, "keycloak")),
    }

    answer = changes[change](linked["access_token"])

    assert (answer.status_code, answer.json()["error_code"]) == (401, "insufficient_aal")
