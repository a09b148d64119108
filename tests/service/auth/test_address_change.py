"""Changes of an address by mail, guests who become users, and codes for a new password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.service.auth.service import (
    SERVICE_TOKEN,
    AuthService,
    mail_settings,
    new_email,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import asyncpg

    from tests.service.auth.mailbox import Mailbox
    from tests.service.auth.service import StartService

pytestmark = pytest.mark.engine


@pytest.fixture
def session(confirming_service: AuthService, mailbox: Mailbox) -> dict[str, Any]:
    """A signed-in user with a confirmed address."""
    email = confirming_service.register(mailbox)
    return confirming_service.confirm(mailbox, email)


def change(service: AuthService, session: dict[str, Any], **body: str) -> dict[str, Any]:
    answer: dict[str, Any] = service.request(
        "PUT", "/user", body=body, token=session["access_token"]
    ).json()
    return answer


def follow(service: AuthService, path: str) -> dict[str, list[str]]:
    location = service.request("GET", path).headers["location"]
    return parse_qs(urlsplit(location).fragment)


def address_of(service: AuthService, session: dict[str, Any]) -> str:
    user = service.request("GET", "/user", token=session["access_token"]).json()
    address: str = user["email"]
    return address


def test_one_confirmation_does_not_change_the_address(
    confirming_service: AuthService, mailbox: Mailbox, session: dict[str, Any]
) -> None:
    address = new_email()
    change(confirming_service, session, email=address)
    follow(confirming_service, mailbox.newest(address).path)

    assert address_of(confirming_service, session) == session["user"]["email"]


@pytest.mark.parametrize("new_one_first", [True, False])
def test_both_confirmations_change_the_address(
    confirming_service: AuthService,
    mailbox: Mailbox,
    session: dict[str, Any],
    new_one_first: bool,  # noqa: FBT001  (a parameter of the test)
) -> None:
    address = new_email()
    change(confirming_service, session, email=address)
    mails = [mailbox.newest(address), mailbox.newest(session["user"]["email"], number=2)]
    for mail in mails if new_one_first else reversed(mails):
        follow(confirming_service, mail.path)

    assert address_of(confirming_service, session) == address


def test_the_same_confirmation_twice_does_not_change_the_address(
    confirming_service: AuthService, mailbox: Mailbox, session: dict[str, Any]
) -> None:
    address = new_email()
    change(confirming_service, session, email=address)
    for _ in range(2):
        follow(confirming_service, mailbox.newest(address).path)

    assert address_of(confirming_service, session) == session["user"]["email"]


def test_codes_confirm_a_change_too(
    confirming_service: AuthService, mailbox: Mailbox, session: dict[str, Any]
) -> None:
    address, former = new_email(), session["user"]["email"]
    change(confirming_service, session, email=address)
    codes = {address: mailbox.newest(address).code, former: mailbox.newest(former, number=2).code}
    answers = [
        confirming_service.request(
            "POST", "/verify", body={"type": "email_change", "email": email, "token": code}
        ).json()
        for email, code in codes.items()
    ]

    assert (answers[0]["code"], answers[1]["user"]["email"]) == ("200", address)


def test_an_address_that_another_user_got_meanwhile_is_refused(
    confirming_service: AuthService, mailbox: Mailbox, session: dict[str, Any]
) -> None:
    address = new_email()
    change(confirming_service, session, email=address)
    links = [mailbox.newest(address).path, mailbox.newest(session["user"]["email"], number=2).path]
    confirming_service.register(mailbox, address)
    follow(confirming_service, links[0])

    assert follow(confirming_service, links[1])["error_code"] == ["email_exists"]


def test_another_users_address_is_refused(
    confirming_service: AuthService, mailbox: Mailbox, session: dict[str, Any]
) -> None:
    taken = confirming_service.register(mailbox)

    assert change(confirming_service, session, email=taken)["error_code"] == "email_exists"


def test_a_change_can_be_mailed_again(
    confirming_service: AuthService, mailbox: Mailbox, session: dict[str, Any]
) -> None:
    address = new_email()
    change(confirming_service, session, email=address)
    body = {"type": "email_change", "email": session["user"]["email"]}
    confirming_service.request("POST", "/resend", body=body)

    assert mailbox.newest(address, number=2).subject == "Confirm your new email address"


def test_an_administrators_change_ends_the_users_own(
    confirming_service: AuthService, mailbox: Mailbox, session: dict[str, Any]
) -> None:
    wanted, given = new_email(), new_email()
    change(confirming_service, session, email=wanted)
    links = [mailbox.newest(wanted).path, mailbox.newest(session["user"]["email"], number=2).path]
    path = f"/admin/users/{session['user']['id']}"
    confirming_service.request("PUT", path, body={"email": given}, token=SERVICE_TOKEN)
    for link in links:
        follow(confirming_service, link)

    assert address_of(confirming_service, session) == given


@pytest.fixture
def guest(confirming_service: AuthService) -> dict[str, Any]:
    """An anonymous user's sign-in."""
    answer: dict[str, Any] = confirming_service.request("POST", "/signup", body={}).json()
    return answer


def test_a_guest_stays_one_until_the_address_is_confirmed(
    confirming_service: AuthService, guest: dict[str, Any]
) -> None:
    assert change(confirming_service, guest, email=new_email())["is_anonymous"] is True


def test_a_guest_who_confirms_an_address_becomes_a_user(
    confirming_service: AuthService, mailbox: Mailbox, guest: dict[str, Any]
) -> None:
    address = new_email()
    change(confirming_service, guest, email=address, password="password-1")
    follow(confirming_service, mailbox.newest(address).path)

    signed_in = confirming_service.sign_in(address).json()["user"]
    assert (signed_in["id"], signed_in["is_anonymous"]) == (guest["user"]["id"], False)


@pytest.fixture(scope="module")
def careful_service(start_service: StartService, mailbox: Mailbox) -> Iterator[AuthService]:
    """A service that asks for a code before a password changes in an old session."""
    settings = {
        **mail_settings(mailbox),
        "GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION": "true",
    }
    with start_service(settings) as running:
        yield running


@pytest.fixture
async def old_session(careful_service: AuthService, database: asyncpg.Connection) -> dict[str, Any]:
    """A session that began two days ago."""
    signed_up = careful_service.sign_up()
    await database.execute(
        """update auth.sessions set created_at = now() - interval '2 days'
           where user_id = $1::text::uuid""",
        signed_up["user"]["id"],
    )
    return signed_up


@pytest.fixture
def nonce(careful_service: AuthService, mailbox: Mailbox, old_session: dict[str, Any]) -> str:
    """The code that the user was sent."""
    careful_service.request("GET", "/reauthenticate", token=old_session["access_token"])
    return mailbox.newest(old_session["user"]["email"]).code


def test_an_old_session_needs_a_code_for_a_new_password(
    careful_service: AuthService, old_session: dict[str, Any]
) -> None:
    answer = change(careful_service, old_session, password="password-2")

    assert answer["error_code"] == "reauthentication_needed"


def test_a_code_lets_an_old_session_change_the_password(
    careful_service: AuthService, old_session: dict[str, Any], nonce: str
) -> None:
    answer = change(careful_service, old_session, password="password-2", nonce=nonce)

    assert answer["id"] == old_session["user"]["id"]


def test_a_code_for_a_new_password_is_good_once(
    careful_service: AuthService, old_session: dict[str, Any], nonce: str
) -> None:
    change(careful_service, old_session, password="password-2", nonce=nonce)

    answer = change(careful_service, old_session, password="password-3", nonce=nonce)

    assert answer["error_code"] == "reauthentication_not_valid"


def test_a_wrong_code_changes_no_password(
    careful_service: AuthService, old_session: dict[str, Any], nonce: str
) -> None:
    wrong = f"{(int(nonce) + 1) % 1_000_000:06d}"
    change(careful_service, old_session, password="password-2", nonce=wrong)

    assert careful_service.sign_in(old_session["user"]["email"]).status_code == 200


def test_a_fresh_session_needs_no_code(careful_service: AuthService) -> None:
    answer = change(careful_service, careful_service.sign_up(), password="password-2")

    assert "error_code" not in answer


def test_a_code_for_a_new_password_signs_nobody_in(
    careful_service: AuthService, old_session: dict[str, Any], nonce: str
) -> None:
    body = {"type": "email", "email": old_session["user"]["email"], "token": nonce}

    assert careful_service.request("POST", "/verify", body=body).status_code == 403


def test_a_guest_has_nothing_to_send_a_code_to(
    careful_service: AuthService,
) -> None:
    guest = careful_service.request("POST", "/signup", body={}).json()

    answer = careful_service.request("GET", "/reauthenticate", token=guest["access_token"])

    assert answer.status_code == 422
