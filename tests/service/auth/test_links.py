"""Links and codes of mails: each is good once, for a while, for one address and one purpose."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.service.auth.service import PASSWORD, SERVICE_TOKEN, AuthService, new_email

if TYPE_CHECKING:
    import asyncpg
    import httpx

    from tests.service.auth.mailbox import Mail, Mailbox

pytestmark = pytest.mark.engine


@pytest.fixture
def address(confirming_service: AuthService, mailbox: Mailbox) -> str:
    """The address of a user who has confirmed it."""
    email = confirming_service.register(mailbox)
    confirming_service.confirm(mailbox, email)
    return email


@pytest.fixture
def recovery(confirming_service: AuthService, mailbox: Mailbox, address: str) -> Mail:
    """The mail that the user's recovery was asked for with."""
    return asked(confirming_service, mailbox, "/recover", address)


def asked(service: AuthService, mailbox: Mailbox, path: str, address: str, **body: Any) -> Mail:
    """Ask for a mail and wait for it."""
    expected = len(mailbox.to(address)) + 1
    answer = service.request("POST", path, body={"email": address, **body})
    assert answer.status_code == 200, answer.text
    return mailbox.newest(address, number=expected)


def verify(service: AuthService, **body: str) -> httpx.Response:
    """Present a code or the token of a link."""
    return service.request("POST", "/verify", body=body)


def fragment(answer: httpx.Response) -> dict[str, str]:
    """Values in the fragment of the address that an answer leads to."""
    values = parse_qs(urlsplit(answer.headers["location"]).fragment)
    return {name: value[0] for name, value in values.items()}


def test_a_code_signs_in(confirming_service: AuthService, address: str, recovery: Mail) -> None:
    answer = verify(confirming_service, type="recovery", email=address, token=recovery.code)

    assert answer.json()["user"]["email"] == address


def test_an_address_in_capitals_is_the_same(
    confirming_service: AuthService, address: str, recovery: Mail
) -> None:
    answer = verify(confirming_service, type="recovery", email=address.upper(), token=recovery.code)

    assert answer.status_code == 200


def test_a_code_is_good_once(confirming_service: AuthService, address: str, recovery: Mail) -> None:
    statuses = [
        verify(confirming_service, type="recovery", email=address, token=recovery.code).status_code
        for _ in range(2)
    ]

    assert statuses == [200, 403]


def test_a_code_is_no_longer_good_when_its_link_was_followed(
    confirming_service: AuthService, address: str, recovery: Mail
) -> None:
    confirming_service.request("GET", recovery.path)

    answer = verify(confirming_service, type="recovery", email=address, token=recovery.code)

    assert answer.json()["error_code"] == "otp_expired"


def test_of_many_requests_with_one_link_one_signs_in(
    confirming_service: AuthService, recovery: Mail
) -> None:
    def follow(_number: int) -> int:
        answer = verify(confirming_service, type="recovery", token_hash=recovery.token)
        return answer.status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(follow, range(8)))

    assert sorted(statuses) == [200] + [403] * 7


def test_a_newer_mail_makes_the_older_one_useless(
    confirming_service: AuthService, mailbox: Mailbox, address: str, recovery: Mail
) -> None:
    asked(confirming_service, mailbox, "/recover", address)

    assert verify(confirming_service, type="recovery", token_hash=recovery.token).status_code == 403


def test_a_new_password_makes_mails_useless(
    confirming_service: AuthService, address: str, recovery: Mail
) -> None:
    session = confirming_service.sign_in(address).json()
    body = {"password": "another-password"}
    confirming_service.request("PUT", "/user", body=body, token=session["access_token"])

    assert verify(confirming_service, type="recovery", token_hash=recovery.token).status_code == 403


@pytest.mark.parametrize("kind", ["signup", "invite", "email_change"])
def test_a_link_is_good_for_its_purpose_alone(
    confirming_service: AuthService, recovery: Mail, kind: str
) -> None:
    assert verify(confirming_service, type=kind, token_hash=recovery.token).status_code == 403


def test_a_code_is_good_for_its_address_alone(
    confirming_service: AuthService, mailbox: Mailbox, recovery: Mail
) -> None:
    other = confirming_service.register(mailbox)

    answer = verify(confirming_service, type="recovery", email=other, token=recovery.code)

    assert answer.json()["error_code"] == "otp_expired"


async def test_a_link_that_is_too_old_is_refused(
    confirming_service: AuthService, address: str, recovery: Mail, database: asyncpg.Connection
) -> None:
    await database.execute(
        """update auth.one_time_tokens set created_at = created_at - interval '61 minutes'
           where relates_to = $1""",
        address,
    )

    answer = confirming_service.request("GET", recovery.path)

    assert fragment(answer)["error_code"] == "otp_expired"


async def test_a_code_that_is_too_old_is_refused(
    confirming_service: AuthService, address: str, recovery: Mail, database: asyncpg.Connection
) -> None:
    await database.execute(
        """update auth.one_time_tokens set created_at = created_at - interval '61 minutes'
           where relates_to = $1""",
        address,
    )

    answer = verify(confirming_service, type="recovery", email=address, token=recovery.code)

    assert answer.json()["error_code"] == "otp_expired"


@pytest.mark.usefixtures("recovery")
async def test_what_the_database_keeps_opens_nothing(
    confirming_service: AuthService, address: str, database: asyncpg.Connection
) -> None:
    kept = await database.fetchval(
        "select token_hash from auth.one_time_tokens where relates_to = $1", address
    )

    assert verify(confirming_service, type="recovery", token_hash=kept).status_code == 403


async def test_what_the_database_keeps_does_not_tell_the_code(
    address: str, recovery: Mail, database: asyncpg.Connection
) -> None:
    row = await database.fetchrow(
        """select recovery_token, token_hash from auth.users
           join auth.one_time_tokens on user_id = users.id where email = $1""",
        address,
    )
    guesses = {
        recovery.token,
        hashlib.sha224((address + recovery.code).encode()).hexdigest(),
        hashlib.sha224(recovery.token.encode()).hexdigest(),
        hashlib.sha256(recovery.token.encode()).hexdigest(),
    }

    assert not guesses & set(row.values())


def test_a_banned_user_is_not_signed_in(
    confirming_service: AuthService, recovery: Mail, address: str
) -> None:
    listed = confirming_service.request(
        "GET", f"/admin/users?filter={address}", token=SERVICE_TOKEN
    )
    path = f"/admin/users/{listed.json()['users'][0]['id']}"
    confirming_service.request("PUT", path, body={"ban_duration": "1h"}, token=SERVICE_TOKEN)

    answer = confirming_service.request("GET", recovery.path)

    assert fragment(answer)["error_code"] == "user_banned"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "recovery"},
        {"type": "recovery", "token": "123456"},
        {"type": "recovery", "token": "123456", "token_hash": "x"},
        {"type": "recovery", "token_hash": "x", "email": "a@example.com"},
        {"type": "recovery", "token": "123456", "email": "nope"},
        {"type": "recovery", "token": "123456", "email": "a@example.com", "phone": "+4912345"},
        {"type": "sms", "token": "123456", "phone": "+4912345"},
        {"type": "nonsense", "token_hash": "x"},
        {"token_hash": "x"},
    ],
)
def test_a_malformed_verification_is_refused(
    confirming_service: AuthService, body: dict[str, str]
) -> None:
    assert verify(confirming_service, **body).status_code == 400


@pytest.mark.parametrize("query", ["", "type=recovery", "token=x", "token=&type=recovery"])
def test_a_link_without_its_parts_is_refused(confirming_service: AuthService, query: str) -> None:
    assert confirming_service.request("GET", f"/verify?{query}").status_code == 400


@pytest.mark.parametrize("token", ["%00", "'", "pkce_", "pkce_x", "x" * 5000, "%ff", "../.."])
def test_a_link_with_a_strange_token_leads_to_an_error(
    confirming_service: AuthService, token: str
) -> None:
    answer = confirming_service.request("GET", f"/verify?type=recovery&token={token}")

    assert fragment(answer)["error_code"] == "otp_expired"


@pytest.mark.parametrize("kind", ["email", "sms", "nonsense"])
@pytest.mark.parametrize("prefix", ["", "pkce_"])
def test_a_link_of_a_strange_kind_leads_to_an_error(
    confirming_service: AuthService, recovery: Mail, kind: str, prefix: str
) -> None:
    path = f"/verify?type={kind}&token={prefix}{recovery.token}"

    assert fragment(confirming_service.request("GET", path))["error_code"] == "validation_failed"


def test_a_look_at_the_headers_of_a_link_does_not_use_it(
    confirming_service: AuthService, recovery: Mail
) -> None:
    confirming_service.request("HEAD", recovery.path)

    assert "access_token" in fragment(confirming_service.request("GET", recovery.path))


def test_an_answer_with_tokens_is_not_to_be_stored(
    confirming_service: AuthService, recovery: Mail
) -> None:
    answer = confirming_service.request("GET", recovery.path)

    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("asked_for", "leads_to"),
    [
        ("https://x.example.com/a/b", "https://x.example.com/a/b"),
        ("plinth://callback", "plinth://callback"),
        ("http://localhost:5000/", "http://localhost:5000/"),
        ("https://evil.example/", "http://localhost:3000"),
        ("https://evil.example\\@localhost:3000", "http://localhost:3000"),
        ("//evil.example", "http://localhost:3000"),
    ],
)
def test_a_link_leads_to_allowed_addresses_only(
    confirming_service: AuthService, recovery: Mail, asked_for: str, leads_to: str
) -> None:
    answer = confirming_service.client.get(
        "/verify", params={"type": "recovery", "token": recovery.token, "redirect_to": asked_for}
    )

    assert answer.headers["location"].partition("#")[0] == leads_to


def test_a_mail_holds_an_allowed_address_only(
    confirming_service: AuthService, mailbox: Mailbox, address: str
) -> None:
    mail = asked(confirming_service, mailbox, "/recover?redirect_to=https://evil.example/", address)

    assert "evil" not in mail.text + mail.html


def test_an_address_with_a_query_comes_back_whole(
    confirming_service: AuthService, mailbox: Mailbox, address: str
) -> None:
    path = "/recover?redirect_to=http%3A%2F%2Flocalhost%3A3000%2Fa%3Fb%3Dc%26d%3De%2Bf"
    mail = asked(confirming_service, mailbox, path, address)

    location = confirming_service.request("GET", mail.path).headers["location"]

    assert location.partition("#")[0] == "http://localhost:3000/a?b=c&d=e+f"


def test_a_password_that_somebody_else_chose_is_gone_when_the_address_is_confirmed_by_mail(
    confirming_service: AuthService, mailbox: Mailbox
) -> None:
    victim = confirming_service.register(mailbox)  # by somebody who cannot read the victim's mail
    link = asked(confirming_service, mailbox, "/otp", victim)
    verify(confirming_service, type="email", token_hash=link.token)

    assert confirming_service.sign_in(victim, PASSWORD).status_code == 400


def test_an_invitation_removes_a_password_that_somebody_else_chose(
    confirming_service: AuthService, mailbox: Mailbox
) -> None:
    victim = confirming_service.register(mailbox)
    body = {"email": victim}
    confirming_service.request("POST", "/invite", body=body, token=SERVICE_TOKEN)
    link = mailbox.newest(victim, number=2)
    verify(confirming_service, type="invite", token_hash=link.token)

    assert confirming_service.sign_in(victim, PASSWORD).status_code == 400


def test_an_invited_user_is_signed_in_by_the_link(
    confirming_service: AuthService, mailbox: Mailbox
) -> None:
    invited = new_email()
    body = {"email": invited, "data": {"team": "one"}}
    confirming_service.request("POST", "/invite", body=body, token=SERVICE_TOKEN)

    answer = confirming_service.request("GET", mailbox.newest(invited).path)

    assert fragment(answer)["type"] == "invite"


@pytest.mark.parametrize("path", ["/invite", "/admin/generate_link"])
def test_users_make_no_links(confirming_service: AuthService, address: str, path: str) -> None:
    token = confirming_service.sign_in(address).json()["access_token"]
    body = {"type": "recovery", "email": address}

    assert confirming_service.request("POST", path, body=body, token=token).status_code == 403


@pytest.mark.parametrize("path", ["/invite", "/admin/generate_link"])
def test_nobody_makes_links_without_a_token(confirming_service: AuthService, path: str) -> None:
    body = {"type": "recovery", "email": "a@example.com"}

    assert confirming_service.request("POST", path, body=body).status_code == 401


@pytest.mark.parametrize(
    ("kind", "verification"),
    [("recovery", "recovery"), ("magiclink", "magiclink"), ("email_change_new", "email_change")],
)
def test_a_generated_link_works(
    confirming_service: AuthService, address: str, kind: str, verification: str
) -> None:
    body = {"type": kind, "email": address, "new_email": new_email()}
    made = confirming_service.request(
        "POST", "/admin/generate_link", body=body, token=SERVICE_TOKEN
    ).json()

    answer = verify(confirming_service, type=verification, token_hash=made["hashed_token"])

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"type": "recovery", "email": "nobody@example.com"}, "user_not_found"),
        ({"type": "nonsense", "email": "nobody@example.com"}, "validation_failed"),
        ({"type": "signup", "email": "new@example.com"}, "validation_failed"),
        ({"type": "signup", "email": "new@example.com", "password": "1"}, "weak_password"),
        ({"type": "recovery", "email": "nope"}, "validation_failed"),
    ],
)
def test_a_link_that_cannot_be_made_is_refused(
    confirming_service: AuthService, body: dict[str, str], code: str
) -> None:
    answer = confirming_service.request(
        "POST", "/admin/generate_link", body=body, token=SERVICE_TOKEN
    )

    assert answer.json()["error_code"] == code


def test_a_generated_sign_up_link_sets_the_administrators_password(
    confirming_service: AuthService, mailbox: Mailbox
) -> None:
    email = confirming_service.register(mailbox)
    body = {"type": "signup", "email": email, "password": "given-password"}
    made = confirming_service.request(
        "POST", "/admin/generate_link", body=body, token=SERVICE_TOKEN
    ).json()
    verify(confirming_service, type="signup", token_hash=made["hashed_token"])

    statuses = [
        confirming_service.sign_in(email, password).status_code
        for password in (PASSWORD, "given-password")
    ]
    assert statuses == [400, 200]
