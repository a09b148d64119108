"""What users change about themselves, and what administrators do with users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bcrypt
import pytest

from tests.service.auth.service import SERVICE_TOKEN, AuthService, new_email, running_service

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg

pytestmark = pytest.mark.engine


def change(service: AuthService, user: dict[str, Any], **body: object) -> dict[str, Any]:
    answer: dict[str, Any] = service.request(
        "PUT", "/user", body=body, token=user["access_token"]
    ).json()
    return answer


def administer(service: AuthService, method: str, path: str, **body: object) -> dict[str, Any]:
    answer: dict[str, Any] = service.request(
        method, f"/admin/users{path}", body=body, token=SERVICE_TOKEN
    ).json()
    return answer


def test_a_new_password_signs_in(service: AuthService, user: dict[str, Any]) -> None:
    change(service, user, password="another-password")

    assert service.sign_in(user["user"]["email"], "another-password").status_code == 200


def test_a_new_password_replaces_the_old_one(service: AuthService, user: dict[str, Any]) -> None:
    change(service, user, password="another-password")

    assert service.sign_in(user["user"]["email"]).status_code == 400


def test_a_new_password_ends_the_other_sessions(service: AuthService, user: dict[str, Any]) -> None:
    other = service.sign_in(user["user"]["email"]).json()

    change(service, user, password="another-password")

    assert service.refresh(other["refresh_token"]).status_code == 400


def test_a_new_password_keeps_this_session(service: AuthService, user: dict[str, Any]) -> None:
    change(service, user, password="another-password")

    assert service.refresh(user["refresh_token"]).status_code == 200


def test_another_users_address_is_refused(service: AuthService, user: dict[str, Any]) -> None:
    taken = service.sign_up()["user"]["email"]

    assert change(service, user, email=taken)["error_code"] == "email_exists"


def test_metadata_that_is_null_is_removed(service: AuthService, user: dict[str, Any]) -> None:
    change(service, user, data={"theme": "dark"})

    assert "theme" not in change(service, user, data={"theme": None})["user_metadata"]


def test_users_do_not_write_app_metadata(service: AuthService, user: dict[str, Any]) -> None:
    answer = change(service, user, app_metadata={"role": "admin"})

    assert answer["error_code"] == "not_admin"


@pytest.mark.parametrize("name", ["role", "aud", "id", "is_anonymous"])
def test_users_do_not_write_other_columns(
    service: AuthService, user: dict[str, Any], name: str
) -> None:
    assert change(service, user, **{name: "service_role"})[name] == user["user"][name]


@pytest.fixture
def guest(service: AuthService) -> dict[str, Any]:
    """An anonymous user's sign-in."""
    answer: dict[str, Any] = service.request("POST", "/signup", body={"data": {}}).json()
    return answer


def test_a_guest_sets_no_password_without_an_address(
    service: AuthService, guest: dict[str, Any]
) -> None:
    assert change(service, guest, password="password-1")["error_code"] == "validation_failed"


def test_a_guests_address_takes_effect_at_once_with_auto_confirmation(
    service: AuthService, guest: dict[str, Any]
) -> None:
    address = new_email()

    assert change(service, guest, email=address.upper())["email"] == address


def test_a_guests_address_is_the_identitys_too(service: AuthService, guest: dict[str, Any]) -> None:
    address = new_email()

    assert change(service, guest, email=address)["identities"][0]["email"] == address


def test_a_guest_with_an_address_is_no_longer_anonymous(
    service: AuthService, guest: dict[str, Any]
) -> None:
    answer = change(service, guest, email=new_email(), password="password-1")

    assert answer["is_anonymous"] is False


def test_a_guest_with_address_and_password_signs_in(
    service: AuthService, guest: dict[str, Any]
) -> None:
    address = new_email()
    change(service, guest, email=address, password="password-1")

    assert service.sign_in(address).status_code == 200


async def test_passwords_are_stored_as_bcrypt_hashes_of_cost_10(
    user: dict[str, Any], database: asyncpg.Connection
) -> None:
    stored = await database.fetchval(
        "select encrypted_password from auth.users where id = $1::text::uuid", user["user"]["id"]
    )

    assert stored.startswith("$2b$10$")


def test_a_user_whose_hash_gotrue_made_signs_in(service: AuthService) -> None:
    address = new_email()
    # Go's library writes the same hashes under the prefix 2a.
    hashed = bcrypt.hashpw(b"password-1", bcrypt.gensalt(10, prefix=b"2a")).decode()
    administer(service, "POST", "", email=address, password_hash=hashed, email_confirm=True)

    assert service.sign_in(address).status_code == 200


def test_a_banned_user_does_not_sign_in_and_an_unbanned_one_does(
    service: AuthService, user: dict[str, Any]
) -> None:
    path = f"/{user['user']['id']}"
    administer(service, "PUT", path, ban_duration="24h")
    banned = service.sign_in(user["user"]["email"]).status_code
    administer(service, "PUT", path, ban_duration="none")

    assert (banned, service.sign_in(user["user"]["email"]).status_code) == (400, 200)


def test_a_ban_is_not_told_to_who_does_not_know_the_password(
    service: AuthService, user: dict[str, Any]
) -> None:
    administer(service, "PUT", f"/{user['user']['id']}", ban_duration="24h")

    answer = service.sign_in(user["user"]["email"], "wrong-password")

    assert answer.json()["error_code"] == "invalid_credentials"


def test_a_deleted_user_is_gone(service: AuthService, user: dict[str, Any]) -> None:
    administer(service, "DELETE", f"/{user['user']['id']}")

    assert administer(service, "GET", f"/{user['user']['id']}")["error_code"] == "user_not_found"


def test_a_deleted_users_token_is_refused(service: AuthService, user: dict[str, Any]) -> None:
    administer(service, "DELETE", f"/{user['user']['id']}")

    answer = service.request("GET", "/user", token=user["access_token"])

    assert answer.json()["error_code"] == "user_not_found"


def test_soft_deletion_keeps_the_id(service: AuthService, user: dict[str, Any]) -> None:
    administer(service, "DELETE", f"/{user['user']['id']}", should_soft_delete=True)

    assert administer(service, "GET", f"/{user['user']['id']}")["deleted_at"]


def test_soft_deletion_frees_the_address(service: AuthService, user: dict[str, Any]) -> None:
    administer(service, "DELETE", f"/{user['user']['id']}", should_soft_delete=True)

    assert service.sign_up(user["user"]["email"])["user"]["id"] != user["user"]["id"]


async def test_soft_deletion_leaves_nothing_personal(
    service: AuthService, user: dict[str, Any], database: asyncpg.Connection
) -> None:
    administer(service, "DELETE", f"/{user['user']['id']}", should_soft_delete=True)
    row = await database.fetchval(
        """select row_to_json(u)::text || json_agg(i)::text from auth.users u
           join auth.identities i on i.user_id = u.id
           where u.id = $1::text::uuid group by u.id""",
        user["user"]["id"],
    )

    assert user["user"]["email"] not in row


def test_an_administrator_finds_users_by_part_of_their_address(
    service: AuthService, user: dict[str, Any]
) -> None:
    part = user["user"]["email"].partition("@")[0]

    users = administer(service, "GET", f"?filter={part}")["users"]

    assert [one["id"] for one in users] == [user["user"]["id"]]


def test_a_user_with_a_phone_number_has_two_identities(service: AuthService) -> None:
    number = f"49{int.from_bytes(new_email().encode()[5:9]):010d}"

    created = administer(service, "POST", "", email=new_email(), phone=f"+{number}")

    assert created["app_metadata"]["providers"] == ["email", "phone"]


async def test_what_happened_to_a_user_is_in_the_audit_log(
    service: AuthService, user: dict[str, Any], database: asyncpg.Connection
) -> None:
    change(service, user, password="another-password")
    service.refresh(user["refresh_token"])
    service.request("POST", "/logout", token=user["access_token"])

    actions = await database.fetch(
        """select payload ->> 'action' as action from auth.audit_log_entries
           where payload ->> 'actor_id' = $1""",
        user["user"]["id"],
    )

    assert {row["action"] for row in actions} == {
        "user_signedup",
        "login",
        "user_updated_password",
        "user_modified",
        "token_refreshed",
        "token_revoked",
        "logout",
    }


@pytest.mark.parametrize(
    ("setting", "body", "code"),
    [
        ({"GOTRUE_DISABLE_SIGNUP": "true"}, {"email": "a@b.example"}, "signup_disabled"),
        (
            {"GOTRUE_EXTERNAL_EMAIL_ENABLED": "false"},
            {"email": "a@b.example"},
            "email_provider_disabled",
        ),
        (
            {"GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED": "false"},
            {},
            "anonymous_provider_disabled",
        ),
    ],
)
def test_what_is_switched_off_is_refused(
    database_environment: dict[str, str],
    tmp_path: Path,
    setting: dict[str, str],
    body: dict[str, str],
    code: str,
) -> None:
    with running_service(database_environment, tmp_path / "auth.log", setting) as service:
        answer = service.request("POST", "/signup", body={**body, "password": "password-1"})

    assert answer.json()["error_code"] == code
