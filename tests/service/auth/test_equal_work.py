"""A known and an unknown address take the same work, counted and not timed.

Statements are counted in the server's own log: the role of one service has them written there.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import bcrypt
import pytest

from services.auth.passwords import COST, Passwords
from tests.service.auth.service import (
    AuthService,
    mail_settings,
    new_email,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service.auth.mailbox import Mailbox
    from tests.service.auth.service import StartService
    from tests.service.postgres import PostgresServer

PASSWORD = "a password of somebody"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(COST)).decode()
_STATEMENT = re.compile(r"LOG:\s+(?:statement|execute [^:]+): (.*)")


@pytest.mark.parametrize(
    "hashed", [HASH, None, "", "no hash"], ids=["hash", "nobody", "no password", "no hash"]
)
@pytest.mark.parametrize(
    "password", [PASSWORD, "a wrong one", "", "x" * 100], ids=["right", "wrong", "empty", "long"]
)
async def test_a_password_is_compared_once(
    monkeypatch: pytest.MonkeyPatch, hashed: str | None, password: str
) -> None:
    compared: list[bytes] = []
    real = bcrypt.checkpw

    def counted(candidate: bytes, expected: bytes) -> bool:
        compared.append(expected)
        return real(candidate, expected)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    passwords = Passwords(8)
    await passwords.verify(password, hashed)
    passwords.close()

    assert len(compared) == 1


async def test_who_is_not_there_costs_as_much_as_who_is(monkeypatch: pytest.MonkeyPatch) -> None:
    costs: list[bytes] = []
    real = bcrypt.checkpw

    def noted(candidate: bytes, expected: bytes) -> bool:
        costs.append(expected[:7])
        return real(candidate, expected)

    monkeypatch.setattr(bcrypt, "checkpw", noted)
    passwords = Passwords(8)
    await passwords.verify("a wrong one", None)
    await passwords.verify("a wrong one", HASH)
    passwords.close()

    assert costs[0] == costs[1]


@pytest.fixture(scope="module")
def logged_service(
    start_service: StartService, postgres_server: PostgresServer, mailbox: Mailbox
) -> Iterator[AuthService]:
    """A service whose statements the server logs."""

    async def run(statement: str) -> None:
        connection = await postgres_server.connect()
        await connection.execute(statement)
        await connection.close()

    asyncio.run(run("alter role auth_admin set log_statement = 'all'"))
    settings = {
        **mail_settings(mailbox),
        "GOTRUE_SMTP_MAX_FREQUENCY": "0s",
        # One connection: the statements that prepare it are not counted twice.
        "GOTRUE_DB_MAX_POOL_SIZE": "1",
        "PLINTH_ATTEMPTS_BY_ADDRESS": "1000",
        "PLINTH_ATTEMPTS_BY_ACCOUNT": "1000",
    }
    with start_service(settings) as running:
        yield running
    asyncio.run(run("alter role auth_admin reset log_statement"))


@pytest.mark.engine
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/token?grant_type=password", {"password": "a wrong one"}),
        ("/recover", {}),
        ("/otp", {}),
        ("/resend", {"type": "signup"}),
        ("/verify", {"type": "recovery", "token": "123456"}),
    ],
    ids=["password", "recover", "otp", "resend", "code"],
)
async def test_statements_before_the_answer_are_the_same(
    logged_service: AuthService,
    postgres_server: PostgresServer,
    path: str,
    body: dict[str, Any],
) -> None:
    known = logged_service.sign_up()["user"]["email"]

    async def statements(email: str) -> list[str]:
        before = await postgres_server.note()
        logged_service.request("POST", path, body={**body, "email": email})
        after = await postgres_server.note()
        found = _STATEMENT.findall(await postgres_server.log_between(before, after))
        # A mail is written after the answer, in the first transaction.
        end = found.index("BEGIN;") if "BEGIN;" in found and path != "/verify" else len(found)
        # What a connection is given back with, before or after the answer.
        return [line for line in found[:end] if "pg_advisory_unlock_all" not in line]

    await statements(new_email())  # prepares the connection
    unknown, of_known = await statements(new_email()), await statements(known)
    if unknown != of_known:  # what the service does by itself, once, may have come between
        unknown, of_known = await statements(new_email()), await statements(known)
    assert unknown
    assert of_known == unknown
