"""Guessing is made slow, and nobody is locked out by who guesses at their account."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyotp
import pytest

from services.auth.attempts import Attempt, Attempts, Limit, network_of
from tests.service.auth.service import (
    PASSWORD,
    AuthService,
    mail_settings,
    new_email,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import asyncpg
    import httpx

    from tests.service.auth.mailbox import Mailbox
    from tests.service.auth.service import StartService
    from tests.service.postgres import PostgresServer

BY_ADDRESS = 3
BY_ACCOUNT = 6
WRONG = "a wrong one"


def new_address() -> str:
    """A client's address that no test has used."""
    return str(ipaddress.IPv4Address(0x0A000000 + secrets.randbelow(1 << 24)))


@pytest.fixture(scope="module")
def guarded_settings(mailbox: Mailbox) -> dict[str, str]:
    return {
        **mail_settings(mailbox),
        "GOTRUE_SMTP_MAX_FREQUENCY": "0s",
        "PLINTH_ATTEMPTS_BY_ADDRESS": str(BY_ADDRESS),
        "PLINTH_ATTEMPTS_BY_ACCOUNT": str(BY_ACCOUNT),
        # Longer than the slowest machine takes for the requests of a test.
        "PLINTH_ATTEMPTS_FIRST_WAIT_SECONDS": "300",
        "PLINTH_ATTEMPTS_BY_ACCOUNT_LONGEST_SECONDS": "300",
        "PLINTH_ATTEMPTS_BY_ADDRESS_LONGEST_SECONDS": "3000",
        "GOTRUE_RATE_LIMIT_HEADER": "X-Forwarded-For",
        "GOTRUE_RATE_LIMIT_ANONYMOUS_USERS": "2",
        "GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION": "true",
    }


@pytest.fixture(scope="module")
def guarded(start_service: StartService, guarded_settings: dict[str, str]) -> Iterator[AuthService]:
    """A service that lets few attempts pass without a wait."""
    with start_service(guarded_settings) as running:
        yield running


def post(service: AuthService, path: str, address: str, body: dict[str, Any]) -> httpx.Response:
    return service.request("POST", path, body=body, headers={"X-Forwarded-For": address})


def sign_in(
    service: AuthService, email: str, address: str, password: str = WRONG
) -> httpx.Response:
    body = {"email": email, "password": password}
    return post(service, "/token?grant_type=password", address, body)


def guess(service: AuthService, email: str, address: str, times: int) -> list[int]:
    return [sign_in(service, email, address).status_code for _ in range(times)]


@pytest.fixture
def home() -> str:
    """Address from which the user has signed up."""
    return new_address()


@pytest.fixture
def session(guarded: AuthService, home: str) -> dict[str, Any]:
    """A new user's session."""
    body = {"email": new_email(), "password": PASSWORD}
    answer: dict[str, Any] = post(guarded, "/signup", home, body).json()
    return answer


@pytest.fixture
def email(session: dict[str, Any]) -> str:
    address: str = session["user"]["email"]
    return address


@pytest.mark.engine
def test_guesses_have_to_wait(guarded: AuthService, email: str) -> None:
    assert guess(guarded, email, new_address(), BY_ADDRESS + 1) == [400] * BY_ADDRESS + [429]


@pytest.mark.engine
def test_who_has_to_wait_is_told_as_the_contract_has_it(guarded: AuthService, email: str) -> None:
    address = new_address()
    guess(guarded, email, address, BY_ADDRESS)
    answer = sign_in(guarded, email, address)

    assert (answer.json()["error_code"], answer.headers["Retry-After"].isdecimal()) == (
        "over_request_rate_limit",
        True,
    )


@pytest.mark.engine
def test_an_account_that_nobody_has_answers_alike(guarded: AuthService, email: str) -> None:
    address = new_address()

    def answers(account: str) -> list[tuple[int, str]]:
        given = [sign_in(guarded, account, address) for _ in range(BY_ADDRESS + 1)]
        return [(answer.status_code, answer.text) for answer in given]

    assert answers(email) == answers(new_email())


@pytest.mark.engine
def test_the_right_password_has_to_wait_as_well(guarded: AuthService, email: str) -> None:
    address = new_address()
    guess(guarded, email, address, BY_ADDRESS)

    assert sign_in(guarded, email, address, PASSWORD).status_code == 429


@pytest.mark.engine
def test_another_spelling_of_the_address_is_no_way_around(guarded: AuthService, email: str) -> None:
    address = new_address()
    guess(guarded, email, address, BY_ADDRESS)

    assert sign_in(guarded, email.upper(), address).status_code == 429


@pytest.mark.engine
def test_the_owner_signs_in_elsewhere(guarded: AuthService, email: str) -> None:
    guess(guarded, email, new_address(), BY_ADDRESS)

    assert sign_in(guarded, email, new_address(), PASSWORD).status_code == 200


@pytest.mark.engine
def test_a_session_is_not_touched(
    guarded: AuthService, session: dict[str, Any], email: str, home: str
) -> None:
    guess(guarded, email, home, BY_ADDRESS + 1)
    body = {"refresh_token": session["refresh_token"]}

    assert post(guarded, "/token?grant_type=refresh_token", home, body).status_code == 200


@pytest.mark.engine
def test_the_right_password_ends_the_count(guarded: AuthService, email: str) -> None:
    address = new_address()
    guess(guarded, email, address, BY_ADDRESS - 1)
    sign_in(guarded, email, address, PASSWORD)

    assert guess(guarded, email, address, BY_ADDRESS) == [400] * BY_ADDRESS


@pytest.mark.engine
def test_another_container_counts_on(
    start_service: StartService, guarded: AuthService, guarded_settings: dict[str, str], email: str
) -> None:
    address = new_address()
    guess(guarded, email, address, BY_ADDRESS)
    with start_service(guarded_settings) as another:
        answer = sign_in(another, email, address)

    assert answer.status_code == 429


@pytest.mark.engine
def test_guesses_at_the_same_time_are_no_way_around(guarded: AuthService, email: str) -> None:
    address = new_address()
    with ThreadPoolExecutor(4 * BY_ADDRESS) as clients:
        answers = list(
            clients.map(lambda _: sign_in(guarded, email, address), range(4 * BY_ADDRESS))
        )

    assert sum(answer.status_code == 400 for answer in answers) == BY_ADDRESS


@pytest.fixture
async def another_connection(
    postgres_server: PostgresServer, prepared_database: str
) -> AsyncIterator[asyncpg.Connection]:
    connection = await postgres_server.connect(database=prepared_database)
    yield connection
    await connection.close()


@pytest.mark.engine
async def test_counts_are_taken_back_in_the_order_in_which_they_are_made(
    database: asyncpg.Connection, another_connection: asyncpg.Connection
) -> None:
    """In another order a sign-in and an attempt at the same account wait for each other."""
    attempt = Attempt(secrets.token_bytes(32), secrets.token_bytes(32))
    limit = Limit(10, 1, 60, remembered_hours=1)
    attempts = Attempts(b"key", by_address=limit, by_account=limit)
    await database.execute(
        """insert into auth_limits.attempts (subject, attempts, expires_at)
           values ($1, 1, now() + interval '1 h'), ($2, 1, now() + interval '1 h')""",
        attempt.by_address,
        attempt.by_account,
    )
    lock = "select from auth_limits.attempts where subject = $1 for update"
    async with database.transaction():
        await database.execute(lock, attempt.by_address)
        taken_back = asyncio.create_task(attempts.succeed(another_connection, attempt))
        async with asyncio.timeout(10):
            while not await database.fetchval(  # noqa: ASYNC110  (nobody tells who waits)
                "select cardinality(pg_blocking_pids($1)) > 0", another_connection.get_server_pid()
            ):
                await asyncio.sleep(0.01)
        # Fails where the account's count is held by the one that waits for the address's.
        await database.execute(f"{lock} nowait", attempt.by_account)
    await taken_back


@pytest.mark.engine
async def test_the_wait_doubles_and_has_an_end(
    guarded: AuthService, database: asyncpg.Connection
) -> None:
    await database.execute("delete from auth_limits.attempts")
    account, address, waits = new_email(), new_address(), []
    for _ in range(BY_ADDRESS + 5):
        sign_in(guarded, account, address)
        # Only the count of account and address is kept for a day.
        waits.append(
            await database.fetchval(
                """select extract(epoch from blocked_until - (expires_at - interval '24 hours'))
                   from auth_limits.attempts where expires_at > now() + interval '2 hours'"""
            )
        )
        await database.execute("update auth_limits.attempts set blocked_until = null")

    assert waits[BY_ADDRESS - 2 :] == [None, 300, 600, 1200, 2400, 3000, 3000]


@pytest.mark.engine
async def test_a_count_ends_after_a_while(
    guarded: AuthService, email: str, database: asyncpg.Connection
) -> None:
    address = new_address()
    guess(guarded, email, address, BY_ADDRESS)
    await database.execute(
        "update auth_limits.attempts set expires_at = now(), blocked_until = now()"
    )

    assert guess(guarded, email, address, BY_ADDRESS) == [400] * BY_ADDRESS


@pytest.mark.engine
async def test_counts_that_have_ended_are_removed(
    guarded: AuthService, email: str, database: asyncpg.Connection
) -> None:
    await database.execute("delete from auth_limits.attempts")
    guess(guarded, new_email(), new_address(), 1)
    await database.execute("update auth_limits.attempts set expires_at = now()")
    guess(guarded, email, new_address(), 1)

    assert await database.fetchval("select count(*) from auth_limits.attempts") == 2


@pytest.mark.engine
async def test_counts_name_neither_account_nor_address(
    guarded: AuthService, email: str, database: asyncpg.Connection
) -> None:
    address = new_address()
    guess(guarded, email, address, 1)
    rows = await database.fetchval(
        "select string_agg(encode(subject, 'escape'), ' ') from auth_limits.attempts"
    )

    assert not any(part in rows for part in (email, address))


@pytest.mark.engine
def test_guesses_from_many_addresses_have_to_wait(guarded: AuthService, email: str) -> None:
    statuses = [sign_in(guarded, email, new_address()).status_code for _ in range(BY_ACCOUNT + 1)]

    assert statuses == [400] * BY_ACCOUNT + [429]


@pytest.mark.engine
def test_the_owner_signs_in_where_they_have_a_session(
    guarded: AuthService, email: str, home: str
) -> None:
    for _ in range(BY_ACCOUNT + 1):
        sign_in(guarded, email, new_address())

    assert sign_in(guarded, email, home, PASSWORD).status_code == 200


@pytest.mark.engine
def test_codes_of_mails_cannot_be_guessed(
    guarded: AuthService, email: str, mailbox: Mailbox
) -> None:
    address = new_address()
    post(guarded, "/recover", address, {"email": email})
    right = {"type": "recovery", "email": email, "token": mailbox.newest(email).code}
    wrong = {**right, "token": "x" + right["token"][1:]}
    answers = [post(guarded, "/verify", address, wrong) for _ in range(BY_ADDRESS)]
    answers.append(post(guarded, "/verify", address, right))

    assert [answer.status_code for answer in answers] == [403] * BY_ADDRESS + [429]


@pytest.mark.engine
def test_codes_of_authenticators_cannot_be_guessed(
    guarded: AuthService, session: dict[str, Any], home: str
) -> None:
    headers = {"X-Forwarded-For": home}
    token = session["access_token"]
    body = {"factor_type": "totp", "friendly_name": "phone"}
    factor = guarded.request("POST", "/factors", body=body, token=token, headers=headers).json()
    path = f"/factors/{factor['id']}"

    def send(code: str) -> int:
        begun = guarded.request("POST", f"{path}/challenge", token=token, headers=headers).json()
        answer = {"challenge_id": begun["id"], "code": code}
        return guarded.request(
            "POST", f"{path}/verify", body=answer, token=token, headers=headers
        ).status_code

    statuses = [send("wrong") for _ in range(BY_ADDRESS)]
    statuses.append(send(pyotp.TOTP(factor["totp"]["secret"]).now()))
    assert statuses == [422] * BY_ADDRESS + [429]


@pytest.mark.engine
async def test_codes_of_password_changes_cannot_be_guessed(
    guarded: AuthService, session: dict[str, Any], home: str, database: asyncpg.Connection
) -> None:
    await database.execute(
        "update auth.sessions set created_at = now() - interval '25 hours'"
        " where user_id = $1::text::uuid",
        session["user"]["id"],
    )

    def send(nonce: str) -> int:
        return guarded.request(
            "PUT",
            "/user",
            body={"password": "another-password", "nonce": nonce},
            token=session["access_token"],
            headers={"X-Forwarded-For": home},
        ).status_code

    assert [send("000000") for _ in range(BY_ADDRESS + 1)] == [422] * BY_ADDRESS + [429]


@pytest.mark.engine
def test_requests_of_an_address_are_limited_by_kind(guarded: AuthService) -> None:
    address = new_address()
    statuses = [post(guarded, "/signup", address, {"data": {}}).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]


@pytest.mark.engine
def test_without_the_header_no_request_is_limited_by_kind(service: AuthService) -> None:
    address = new_address()
    statuses = {post(service, "/verify", address, {"type": "x"}).status_code for _ in range(40)}

    assert statuses == {400}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (None, ""),
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ],
)
def test_a_client_is_an_address_or_a_subscribers_network(address: str | None, network: str) -> None:
    assert network_of(address) == network
