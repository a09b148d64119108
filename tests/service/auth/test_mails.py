"""Asking for mails: who is told what, how often, and what happens when none can be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.service.auth.mailbox import REFUSED_DOMAIN
from tests.service.auth.service import (
    PASSWORD,
    SERVICE_TOKEN,
    AuthService,
    free_port,
    mail_settings,
    new_email,
    running_service,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import asyncpg

    from tests.service.auth.mailbox import Mailbox
    from tests.service.auth.service import StartService

pytestmark = pytest.mark.engine

REQUESTS: dict[str, dict[str, Any]] = {
    "/recover": {},
    "/otp": {},
    "/magiclink": {},
    "/resend": {"type": "signup"},
}


@pytest.fixture(scope="module")
def patient_service(start_service: StartService, mailbox: Mailbox) -> Iterator[AuthService]:
    """A service that sends a mail of a kind once a minute."""
    settings = {
        **mail_settings(mailbox),
        "GOTRUE_MAILER_AUTOCONFIRM": "false",
        "GOTRUE_SMTP_MAX_FREQUENCY": "1m",
    }
    with start_service(settings) as running:
        yield running


@pytest.fixture(scope="module")
def mute_service(start_service: StartService) -> Iterator[AuthService]:
    """A service whose SMTP server is away."""
    settings = {
        "GOTRUE_MAILER_AUTOCONFIRM": "false",
        "GOTRUE_SMTP_HOST": "127.0.0.1",
        "GOTRUE_SMTP_PORT": str(free_port()),
        "GOTRUE_SMTP_ADMIN_EMAIL": "admin@example.com",
    }
    with start_service(settings) as running:
        yield running


@pytest.fixture
def known(confirming_service: AuthService, mailbox: Mailbox) -> str:
    """The address of a user who has confirmed it."""
    email = confirming_service.register(mailbox)
    confirming_service.confirm(mailbox, email)
    return email


@pytest.mark.parametrize("path", REQUESTS)
def test_a_known_and_an_unknown_address_are_answered_alike(
    confirming_service: AuthService, known: str, path: str
) -> None:
    answers = [
        confirming_service.request("POST", path, body={"email": email, **REQUESTS[path]})
        for email in (known, new_email())
    ]

    assert {(answer.status_code, answer.text) for answer in answers} == {(200, "{}")}


@pytest.mark.parametrize("path", REQUESTS)
def test_a_known_and_an_unknown_address_are_limited_alike(
    patient_service: AuthService, known: str, path: str
) -> None:
    statuses = [
        patient_service.request("POST", path, body={"email": email, **REQUESTS[path]}).status_code
        for email in [known] * 2 + [new_email()] * 2
    ]

    assert statuses == [200, 429, 200, 429]


def test_limits_of_different_requests_are_alike_too(
    patient_service: AuthService, known: str
) -> None:
    statuses = [
        patient_service.request("POST", path, body={"email": email}).status_code
        for email in (known, new_email())
        for path in ("/recover", "/otp")
    ]

    assert statuses == [200, 429, 200, 429]


def test_a_second_mail_too_soon_is_refused_with_the_time_to_wait(
    patient_service: AuthService, mailbox: Mailbox
) -> None:
    email = patient_service.register(mailbox)

    answer = patient_service.request("POST", "/resend", body={"type": "signup", "email": email})

    assert (answer.json()["error_code"], 0 < int(answer.headers["retry-after"]) <= 60) == (
        "over_email_send_rate_limit",
        True,
    )


@pytest.mark.parametrize("path", ["/recover", "/otp", "/resend"])
def test_without_a_mail_server_both_are_told_the_same(
    mute_service: AuthService, known: str, path: str
) -> None:
    answers = [
        mute_service.request("POST", path, body={"email": email, **REQUESTS[path]})
        for email in (known, new_email())
    ]

    assert [answer.status_code for answer in answers] == [500, 500]
    assert answers[0].text == answers[1].text


def test_a_mail_server_that_is_away_is_told_as_gotrue_tells_it(mute_service: AuthService) -> None:
    body = {"email": new_email(), "password": PASSWORD}

    answer = mute_service.request("POST", "/signup", body=body)

    assert answer.json() == {
        "code": 500,
        "error_code": "unexpected_failure",
        "msg": "Error sending confirmation email",
    }


async def test_a_sign_up_whose_mail_cannot_be_sent_leaves_nothing_behind(
    confirming_service: AuthService, database: asyncpg.Connection
) -> None:
    email = f"nobody@{REFUSED_DOMAIN}"
    body = {"email": email, "password": PASSWORD}
    answer = confirming_service.request("POST", "/signup", body=body)

    users = await database.fetchval("select count(*) from auth.users where email = $1", email)
    assert (answer.status_code, users) == (500, 0)


def test_the_log_names_no_address_of_a_mail_that_was_refused(
    confirming_service: AuthService,
) -> None:
    email = f"somebody@{REFUSED_DOMAIN}"
    body = {"email": email, "password": PASSWORD}
    confirming_service.request("POST", "/signup", body=body)

    assert email not in confirming_service.log.read_text()


def test_the_log_holds_no_link_and_no_code(
    confirming_service: AuthService, mailbox: Mailbox
) -> None:
    email = confirming_service.register(mailbox)
    mail = mailbox.newest(email)
    confirming_service.confirm(mailbox, email)

    assert mail.token not in confirming_service.log.read_text()


def test_who_is_confirmed_gets_no_second_confirmation(
    confirming_service: AuthService, mailbox: Mailbox, known: str
) -> None:
    confirming_service.request("POST", "/resend", body={"type": "signup", "email": known})
    confirming_service.request("POST", "/recover", body={"email": known})
    mailbox.newest(known, number=2)

    assert [mail.subject for mail in mailbox.to(known)][1:] == ["Reset your password"]


def test_a_second_sign_up_does_not_change_the_first_ones_password(
    confirming_service: AuthService, mailbox: Mailbox
) -> None:
    email = confirming_service.register(mailbox)
    body = {"email": email, "password": "another-password"}
    confirming_service.request("POST", "/signup", body=body)
    mailbox.newest(email, number=2)
    confirming_service.confirm(mailbox, email)

    assert confirming_service.sign_in(email, "another-password").status_code == 400


def test_a_second_sign_up_with_a_confirmed_address_sends_nothing(
    confirming_service: AuthService, mailbox: Mailbox, known: str
) -> None:
    body = {"email": known, "password": PASSWORD, "data": {"name": "Eve"}}

    answer = confirming_service.request("POST", "/signup", body=body).json()

    assert (len(mailbox.to(known)), answer["user_metadata"]) == (1, {"name": "Eve"})


def test_nobody_is_registered_when_the_request_says_so(
    confirming_service: AuthService,
) -> None:
    body = {"email": new_email(), "create_user": False}

    answer = confirming_service.request("POST", "/otp", body=body)

    assert answer.json()["error_code"] == "otp_disabled"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/recover", {}),
        ("/recover", {"email": "nope"}),
        ("/otp", {}),
        ("/otp", {"email": "a@example.com", "phone": "+4912345"}),
        ("/otp", {"phone": "+4912345"}),
        ("/otp", {"email": "a@example.com", "channel": "sms"}),
        ("/otp", {"email": "a@example.com", "code_challenge": "x" * 43}),
        (
            "/otp",
            {"email": "a@b.example", "code_challenge": "x" * 42, "code_challenge_method": "s256"},
        ),
        (
            "/otp",
            {"email": "a@b.example", "code_challenge": "é" * 43, "code_challenge_method": "s256"},
        ),
        (
            "/otp",
            {"email": "a@b.example", "code_challenge": "x" * 43, "code_challenge_method": "md5"},
        ),
        ("/resend", {"email": "a@example.com"}),
        ("/resend", {"type": "nonsense", "email": "a@example.com"}),
        ("/resend", {"type": "signup"}),
        ("/resend", {"type": "sms", "phone": "+4912345"}),
        ("/resend", {"type": "signup", "email": "a@example.com", "phone": "+4912345"}),
        ("/invite", {}),
        ("/invite", {"email": "nope"}),
    ],
)
def test_a_malformed_request_for_a_mail_is_refused(
    confirming_service: AuthService, path: str, body: dict[str, str]
) -> None:
    answer = confirming_service.request("POST", path, body=body, token=SERVICE_TOKEN)

    assert answer.status_code == 400


def test_an_address_that_belongs_to_somebody_is_not_invited(
    confirming_service: AuthService, known: str
) -> None:
    body = {"email": known}

    answer = confirming_service.request("POST", "/invite", body=body, token=SERVICE_TOKEN)

    assert answer.json()["error_code"] == "email_exists"


def test_templates_and_subjects_are_the_operators(
    database_environment: dict[str, str], mailbox: Mailbox, tmp_path: Any
) -> None:
    (tmp_path / "own.html").write_text("<b>{{ .Data.name }}</b> {{ .ConfirmationURL }}")
    settings = {
        **mail_settings(mailbox),
        "GOTRUE_MAILER_AUTOCONFIRM": "false",
        "GOTRUE_MAILER_SUBJECTS_CONFIRMATION": "Welcome, {{ .Data.name }}",
        "GOTRUE_MAILER_TEMPLATES_CONFIRMATION": str(tmp_path / "own.html"),
    }
    email = new_email()
    with running_service(database_environment, tmp_path / "auth.log", settings) as running:
        body = {"email": email, "password": PASSWORD, "data": {"name": "<Ann>"}}
        running.request("POST", "/signup", body=body)
        mail = mailbox.newest(email)

    assert (mail.subject, mail.html.partition(" ")[0]) == ("Welcome, <Ann>", "<b>&lt;Ann&gt;</b>")
