"""Generations of passwords: the previous one is accepted beside the current one until revoked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.infra.conftest import run_program

CONTAINER = "docker:index/container:Container"
PASSWORD = "random:index/randomPassword:RandomPassword"
FIRST = {"generation": 1}
SECOND = {"generation": 2}
THIRD = {"generation": 3}
REVOKED = {"generation": 2, "revoke_previous": True}
ACCEPTED = (
    ("db-bootstrap", "ROLE_PASSWORD_AUTHENTICATOR", "ROLE_PASSWORD_AUTHENTICATOR_ALTERNATE"),
    ("db-bootstrap", "ROLE_PASSWORD_AUTH_ADMIN", "ROLE_PASSWORD_AUTH_ADMIN_ALTERNATE"),
)
"""Component and its variables for a role's two logins."""


def declared(passwords: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Inputs of containers by name."""
    configuration = {
        "plinth:environment": "development",
        "plinth:auth": {"autoconfirm": True},
        "plinth:passwords": passwords,
    }
    recorder = run_program("dev", configuration)
    return {**recorder.resources[CONTAINER], "generated": recorder.resources[PASSWORD]}


def environment(containers: dict[str, dict[str, Any]], component: str) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in containers[component]["envs"])


def generation(value: str) -> int:
    """Of a password as the recorder makes it: `password-<name>-<generation>-xxx…`."""
    return int(value.rsplit("-", 2)[1])


@pytest.mark.parametrize(
    ("passwords", "expected"),
    [(FIRST, (1, None)), (SECOND, (1, 2)), (THIRD, (3, 2)), (REVOKED, (None, 2))],
    ids=["first", "second", "third", "revoked"],
)
@pytest.mark.parametrize(("component", "name", "alternate"), ACCEPTED)
def test_generations_take_turns_at_two_logins(
    passwords: dict[str, Any],
    expected: tuple[int | None, int | None],
    component: str,
    name: str,
    alternate: str,
) -> None:
    given = environment(declared(passwords), component)
    found = tuple(generation(given[each]) if each in given else None for each in (name, alternate))
    assert found == expected


@pytest.mark.parametrize(
    ("passwords", "login"),
    [(FIRST, "auth_admin"), (SECOND, "auth_admin_alternate"), (THIRD, "auth_admin")],
    ids=["first", "second", "third"],
)
def test_a_service_logs_in_with_the_current_generation(
    passwords: dict[str, Any], login: str
) -> None:
    given = environment(declared(passwords), "auth")
    url = given["GOTRUE_DB_DATABASE_URL"]
    assert (url.split("//")[1].split("@")[0], generation(given["PGPASSWORD"])) == (
        login,
        passwords["generation"],
    )


@pytest.mark.parametrize(
    ("component", "current", "previous"),
    [
        ("mongo", "MONGO_INITDB_ROOT_PASSWORD", "MONGO_PREVIOUS_ROOT_PASSWORD"),
        ("object-store", "ROOT_SECRET_ACCESS_KEY", "PREVIOUS_SECRET_ACCESS_KEY"),
    ],
)
@pytest.mark.parametrize(
    ("passwords", "expected"),
    [(FIRST, (1, None)), (SECOND, (2, 1)), (REVOKED, (2, None))],
    ids=["first", "second", "revoked"],
)
def test_a_store_takes_both_accounts(
    component: str,
    current: str,
    previous: str,
    passwords: dict[str, Any],
    expected: tuple[int, int | None],
) -> None:
    given = environment(declared(passwords), component)
    found = tuple(
        generation(given[each]) if each in given else None for each in (current, previous)
    )
    assert found == expected


@pytest.mark.parametrize(
    ("component", "current", "previous"),
    [
        ("mongo", "MONGO_INITDB_ROOT_USERNAME", "MONGO_PREVIOUS_ROOT_USERNAME"),
        ("object-store", "ROOT_ACCESS_KEY_ID", "PREVIOUS_ACCESS_KEY_ID"),
    ],
)
def test_the_accounts_of_a_store_change_places(component: str, current: str, previous: str) -> None:
    second, third = (environment(declared(each), component) for each in (SECOND, THIRD))
    assert (third[current], third[previous]) == (second[previous], second[current])


def test_redis_accepts_a_password_for_each_accepted_generation() -> None:
    (upload,) = declared(SECOND)["redis-files"]["uploads"]
    (user,) = (line for line in upload["content"].splitlines() if line.startswith("user "))
    assert len([word for word in user.split() if word.startswith("#")]) == 2


def test_no_password_of_redis_stands_in_its_files() -> None:
    (upload,) = declared(SECOND)["redis-files"]["uploads"]
    assert "password-redis" not in upload["content"]


@pytest.mark.parametrize(
    ("passwords", "expected"),
    [(SECOND, {1, 2}), (THIRD, {2, 3}), (REVOKED, {2})],
    ids=["second", "third", "revoked"],
)
def test_a_generation_is_kept_as_long_as_it_is_accepted(
    passwords: dict[str, Any], expected: set[int]
) -> None:
    generated = declared(passwords)["generated"]
    assert {
        int(name.rsplit("-", 1)[1]) for name in generated if name.startswith("password-mongo")
    } == expected
