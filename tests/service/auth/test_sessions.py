"""Refresh tokens and sessions: rotation, reuse, races, the scopes of signing out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from services.auth.refresh_tokens import digest_of
from tests.service.auth.service import SERVICE_TOKEN, AuthService, session_id

if TYPE_CHECKING:
    import asyncpg

pytestmark = pytest.mark.engine

CLIENTS = 20


def has_session(service: AuthService, answer: dict[str, Any]) -> bool:
    return service.request("GET", "/user", token=answer["access_token"]).status_code == 200


@pytest.fixture
def refreshed_at_once(service: AuthService, user: dict[str, Any]) -> list[dict[str, Any]]:
    """Answers to as many clients that use the same refresh token at the same time."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(service.refresh, [user["refresh_token"]] * CLIENTS))
    return [{"status": answer.status_code, **answer.json()} for answer in answers]


def test_parallel_refreshes_all_succeed(refreshed_at_once: list[dict[str, Any]]) -> None:
    assert {answer["status"] for answer in refreshed_at_once} == {200}


def test_parallel_refreshes_get_one_token(refreshed_at_once: list[dict[str, Any]]) -> None:
    assert len({answer["refresh_token"] for answer in refreshed_at_once}) == 1


async def test_parallel_refreshes_leave_one_active_token(
    refreshed_at_once: list[dict[str, Any]], database: asyncpg.Connection
) -> None:
    active = await database.fetchval(
        """select count(*) from auth.refresh_tokens
           where session_id = $1::text::uuid and not revoked""",
        session_id(refreshed_at_once[0]),
    )

    assert active == 1


async def test_parallel_refreshes_add_one_token_to_the_family(
    refreshed_at_once: list[dict[str, Any]], user: dict[str, Any], database: asyncpg.Connection
) -> None:
    family = await database.fetch(
        """select token, parent from auth.refresh_tokens
           where session_id = $1::text::uuid order by id""",
        session_id(user),
    )
    first = digest_of(user["refresh_token"])
    child = digest_of(refreshed_at_once[0]["refresh_token"])

    assert [tuple(row) for row in family] == [(first, None), (child, first)]


def test_parallel_refreshes_leave_every_client_signed_in(
    service: AuthService, refreshed_at_once: list[dict[str, Any]]
) -> None:
    assert all(has_session(service, answer) for answer in refreshed_at_once)


def test_a_client_goes_on_after_parallel_refreshes(
    service: AuthService, refreshed_at_once: list[dict[str, Any]]
) -> None:
    assert service.refresh(refreshed_at_once[0]["refresh_token"]).status_code == 200


def test_parallel_sign_ups_of_one_address_make_one_user(service: AuthService) -> None:
    body = {"email": "raced@example.com", "password": "password-1"}
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = clients.map(
            lambda _number: service.request("POST", "/signup", body=body), range(CLIENTS)
        )

    assert sorted(answer.status_code for answer in answers) == [200, *[422] * (CLIENTS - 1)]


def test_rotation_gives_a_new_token(service: AuthService, user: dict[str, Any]) -> None:
    first = user["refresh_token"]

    assert service.refresh(first).json()["refresh_token"] != first


def test_rotation_keeps_the_session(service: AuthService, user: dict[str, Any]) -> None:
    assert session_id(service.refresh(user["refresh_token"]).json()) == session_id(user)


def test_a_lost_answer_is_given_again(service: AuthService, user: dict[str, Any]) -> None:
    first = service.refresh(user["refresh_token"]).json()["refresh_token"]

    assert service.refresh(user["refresh_token"]).json()["refresh_token"] == first


def test_an_older_token_within_the_interval_gets_the_active_one(
    service: AuthService, user: dict[str, Any]
) -> None:
    second = service.refresh(user["refresh_token"]).json()["refresh_token"]
    active = service.refresh(second).json()["refresh_token"]

    assert service.refresh(user["refresh_token"]).json()["refresh_token"] == active


async def test_a_token_of_an_ended_session_time_is_refused(
    service: AuthService, user: dict[str, Any], database: asyncpg.Connection
) -> None:
    await database.execute(
        "update auth.sessions set not_after = now() where id = $1::text::uuid", session_id(user)
    )

    assert service.refresh(user["refresh_token"]).json()["error_code"] == "session_expired"


def test_a_banned_user_does_not_refresh(service: AuthService, user: dict[str, Any]) -> None:
    path = f"/admin/users/{user['user']['id']}"
    service.request("PUT", path, token=SERVICE_TOKEN, body={"ban_duration": "1h"})

    assert service.refresh(user["refresh_token"]).json()["error_code"] == "user_banned"


def test_a_revoked_family_stays_revoked(strict_service: AuthService) -> None:
    first = strict_service.sign_up()["refresh_token"]
    second = strict_service.refresh(first).json()["refresh_token"]
    strict_service.refresh(second)
    strict_service.refresh(first)

    assert strict_service.refresh(second).status_code == 400


def test_a_revoked_family_leaves_other_sessions_alone(strict_service: AuthService) -> None:
    user = strict_service.sign_up()
    other = strict_service.sign_in(user["user"]["email"]).json()["refresh_token"]
    second = strict_service.refresh(user["refresh_token"]).json()["refresh_token"]
    strict_service.refresh(second)
    strict_service.refresh(user["refresh_token"])

    assert strict_service.refresh(other).status_code == 200


@pytest.mark.parametrize(
    ("scope", "here", "elsewhere"),
    [
        ("?scope=local", False, True),
        ("?scope=others", True, False),
        ("?scope=global", False, False),
        ("", False, False),
    ],
)
def test_signing_out_ends_the_sessions_of_its_scope(
    service: AuthService, user: dict[str, Any], scope: str, *, here: bool, elsewhere: bool
) -> None:
    other = service.sign_in(user["user"]["email"]).json()

    service.request("POST", f"/logout{scope}", token=user["access_token"])

    assert (has_session(service, user), has_session(service, other)) == (here, elsewhere)


def test_an_unknown_scope_is_refused(service: AuthService, user: dict[str, Any]) -> None:
    answer = service.request("POST", "/logout?scope=some", token=user["access_token"])

    assert answer.json()["msg"] == 'Unsupported logout scope "some"'


def test_signing_out_leaves_other_users_alone(service: AuthService, user: dict[str, Any]) -> None:
    other = service.sign_up()

    service.request("POST", "/logout", token=user["access_token"])

    assert has_session(service, other)


async def test_a_session_records_the_address_that_the_gateway_saw(
    service: AuthService, database: asyncpg.Connection
) -> None:
    user = service.request(
        "POST",
        "/signup",
        body={"data": {}},
        headers={"X-Forwarded-For": "198.51.100.7, 203.0.113.9"},
    ).json()

    address = await database.fetchval(
        "select host(ip) from auth.sessions where id = $1::text::uuid", session_id(user)
    )

    assert address == "203.0.113.9"
