"""Sign-in with PKCE: a code is good once, for a while, and for who holds the verifier."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from tests.service.auth.service import PASSWORD, AuthService, new_email

if TYPE_CHECKING:
    import asyncpg
    import httpx

    from tests.service.auth.mailbox import Mailbox

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Code:
    """A code that a link has handed out, and the verifier that belongs to it."""

    email: str
    value: str
    verifier: str


def sign_up_with_pkce(
    service: AuthService, mailbox: Mailbox, verifier: str, method: str, challenge: str
) -> Code:
    """Sign up, follow the link, and take the code from the address that it leads to."""
    email = new_email()
    pkce = {"code_challenge": challenge, "code_challenge_method": method}
    service.request("POST", "/signup", body={"email": email, "password": PASSWORD, **pkce})
    location = service.request("GET", mailbox.newest(email).path).headers["location"]
    return Code(email, parse_qs(urlsplit(location).query)["code"][0], verifier)


@pytest.fixture
def code(confirming_service: AuthService, mailbox: Mailbox) -> Code:
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return sign_up_with_pkce(confirming_service, mailbox, verifier, "s256", challenge)


def exchange(service: AuthService, code: str, verifier: str) -> httpx.Response:
    body = {"auth_code": code, "code_verifier": verifier}
    return service.request("POST", "/token?grant_type=pkce", body=body)


def test_a_code_and_its_verifier_sign_in(confirming_service: AuthService, code: Code) -> None:
    answer = exchange(confirming_service, code.value, code.verifier)

    assert answer.json()["user"]["email"] == code.email


def test_the_session_says_how_it_was_authenticated(
    confirming_service: AuthService, code: Code
) -> None:
    token = exchange(confirming_service, code.value, code.verifier).json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})

    assert [one["method"] for one in claims["amr"]] == ["email/signup"]


def test_a_code_is_good_once(confirming_service: AuthService, code: Code) -> None:
    exchange(confirming_service, code.value, code.verifier)

    answer = exchange(confirming_service, code.value, code.verifier)

    assert (answer.status_code, answer.json()["error_code"]) == (404, "flow_state_not_found")


def test_a_wrong_verifier_does_not_use_the_code_up(
    confirming_service: AuthService, code: Code
) -> None:
    refused = exchange(confirming_service, code.value, secrets.token_urlsafe(48)).status_code

    assert (refused, exchange(confirming_service, code.value, code.verifier).status_code) == (
        400,
        200,
    )


def test_the_challenge_is_no_verifier(confirming_service: AuthService, code: Code) -> None:
    digest = hashlib.sha256(code.verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    answer = exchange(confirming_service, code.value, challenge)

    assert answer.json()["error_code"] == "bad_code_verifier"


async def test_a_code_that_is_too_old_is_refused(
    confirming_service: AuthService, code: Code, database: asyncpg.Connection
) -> None:
    await database.execute(
        """update auth.flow_state set auth_code_issued_at = now() - interval '6 minutes'
           where user_id = (select id from auth.users where email = $1)""",
        code.email,
    )

    answer = exchange(confirming_service, code.value, code.verifier)

    assert (answer.status_code, answer.json()["error_code"]) == (422, "flow_state_expired")


async def test_what_the_database_keeps_is_no_code(
    confirming_service: AuthService, mailbox: Mailbox, database: asyncpg.Connection
) -> None:
    verifier = secrets.token_urlsafe(48)
    code = sign_up_with_pkce(confirming_service, mailbox, verifier, "plain", verifier)
    kept = await database.fetchrow(
        """select auth_code, code_challenge from auth.flow_state
           where user_id = (select id from auth.users where email = $1)""",
        code.email,
    )

    assert exchange(confirming_service, *kept.values()).status_code == 404


def test_a_plain_challenge_is_its_verifier(
    confirming_service: AuthService, mailbox: Mailbox
) -> None:
    verifier = secrets.token_urlsafe(48)
    code = sign_up_with_pkce(confirming_service, mailbox, verifier, "plain", verifier)

    assert exchange(confirming_service, code.value, verifier).status_code == 200


@pytest.mark.parametrize(("code", "verifier"), [("", "x"), ("x", ""), ("", "")])
def test_a_request_without_code_or_verifier_is_refused(
    confirming_service: AuthService, code: str, verifier: str
) -> None:
    assert exchange(confirming_service, code, verifier).status_code == 400


def test_an_error_comes_back_in_the_query_too(confirming_service: AuthService) -> None:
    answer = confirming_service.request("GET", "/verify?type=magiclink&token=pkce_deadbeef")

    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["error_code"] == ["otp_expired"]
