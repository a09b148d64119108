"""Second factors: who may enrol, verify and remove one, and that a code is good once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import jwt
import pyotp
import pytest

from tests.service.auth.service import SERVICE_TOKEN, AuthService, running_service

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg
    import httpx

pytestmark = pytest.mark.engine


def request(
    service: AuthService, session: dict[str, Any], method: str, path: str, **body: str
) -> httpx.Response:
    return service.request(method, path, body=body, token=session["access_token"])


def enrol(service: AuthService, session: dict[str, Any], name: str = "phone") -> dict[str, Any]:
    answer = request(service, session, "POST", "/factors", factor_type="totp", friendly_name=name)
    assert answer.status_code == 200, answer.text
    factor: dict[str, Any] = answer.json()
    return factor


def begin(service: AuthService, session: dict[str, Any], factor: dict[str, Any]) -> str:
    answer = request(service, session, "POST", f"/factors/{factor['id']}/challenge")
    assert answer.status_code == 200, answer.text
    challenge: str = answer.json()["id"]
    return challenge


def code_of(factor: dict[str, Any], *, steps: int = 0) -> str:
    """What the authenticator shows now, or some steps of 30 seconds from now."""
    return pyotp.TOTP(factor["totp"]["secret"]).at(int(time.time()) + 30 * steps)


def answer_with(
    service: AuthService, session: dict[str, Any], factor: dict[str, Any], code: str
) -> httpx.Response:
    challenge = begin(service, session, factor)
    path = f"/factors/{factor['id']}/verify"
    return request(service, session, "POST", path, challenge_id=challenge, code=code)


@pytest.fixture
def factor(service: AuthService, user: dict[str, Any]) -> dict[str, Any]:
    """A factor that is not verified yet."""
    return enrol(service, user)


@pytest.fixture
def raised(service: AuthService, user: dict[str, Any], factor: dict[str, Any]) -> dict[str, Any]:
    """The user's session once it has shown the factor. The code was the one before the present."""
    answer: dict[str, Any] = answer_with(service, user, factor, code_of(factor, steps=-1)).json()
    return answer


def claims_of(session: dict[str, Any]) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        session["access_token"], options={"verify_signature": False}
    )
    return claims


def test_a_code_is_good_once(
    service: AuthService, factor: dict[str, Any], raised: dict[str, Any]
) -> None:
    first = answer_with(service, raised, factor, code := code_of(factor))
    again = answer_with(service, first.json(), factor, code)

    assert (first.status_code, again.json()["error_code"]) == (200, "mfa_verification_failed")


def test_an_older_code_is_no_longer_good(
    service: AuthService, factor: dict[str, Any], raised: dict[str, Any]
) -> None:
    present = answer_with(service, raised, factor, code_of(factor)).json()

    answer = answer_with(service, present, factor, code_of(factor, steps=-1))

    assert answer.status_code == 422


def test_of_many_requests_with_one_code_one_is_accepted(
    service: AuthService, user: dict[str, Any], factor: dict[str, Any]
) -> None:
    challenges = [begin(service, user, factor) for _ in range(6)]
    code, path = code_of(factor), f"/factors/{factor['id']}/verify"

    def send(challenge: str) -> int:
        answer = request(service, user, "POST", path, challenge_id=challenge, code=code)
        return answer.status_code

    with ThreadPoolExecutor(6) as threads:
        statuses = list(threads.map(send, challenges))

    assert statuses.count(200) == 1


def test_a_challenge_is_answered_once(
    service: AuthService, user: dict[str, Any], factor: dict[str, Any]
) -> None:
    challenge, path = begin(service, user, factor), f"/factors/{factor['id']}/verify"
    body = {"challenge_id": challenge, "code": code_of(factor, steps=-1)}
    session = request(service, user, "POST", path, **body).json()

    again = request(service, session, "POST", path, challenge_id=challenge, code=code_of(factor))

    assert again.status_code == 422


async def test_a_challenge_that_is_too_old_is_refused(
    service: AuthService,
    user: dict[str, Any],
    factor: dict[str, Any],
    database: asyncpg.Connection,
) -> None:
    challenge, path = begin(service, user, factor), f"/factors/{factor['id']}/verify"
    await database.execute(
        """update auth.mfa_challenges set created_at = created_at - interval '6 minutes'
           where id = $1::text::uuid""",
        challenge,
    )

    answer = request(service, user, "POST", path, challenge_id=challenge, code=code_of(factor))

    assert answer.json()["error_code"] == "mfa_challenge_expired"


def test_a_challenge_from_another_address_is_refused(
    service: AuthService, user: dict[str, Any], factor: dict[str, Any]
) -> None:
    challenge, path = begin(service, user, factor), f"/factors/{factor['id']}/verify"
    answer = service.request(
        "POST",
        path,
        body={"challenge_id": challenge, "code": code_of(factor)},
        token=user["access_token"],
        headers={"X-Forwarded-For": "203.0.113.9"},
    )

    assert answer.json()["error_code"] == "mfa_ip_address_mismatch"


@pytest.mark.parametrize("challenge", ["", "x", "5e1c1c3e-6f0a-4b52-8a31-0c6d3f6f1a11"])
def test_a_challenge_that_is_none_is_refused(
    service: AuthService, user: dict[str, Any], factor: dict[str, Any], challenge: str
) -> None:
    path = f"/factors/{factor['id']}/verify"

    answer = request(service, user, "POST", path, challenge_id=challenge, code=code_of(factor))

    assert answer.json()["error_code"] == "mfa_factor_not_found"


def test_an_empty_code_is_refused(
    service: AuthService, user: dict[str, Any], factor: dict[str, Any]
) -> None:
    assert answer_with(service, user, factor, "").status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/challenge"), ("POST", "/verify"), ("DELETE", "")],
)
def test_another_users_factor_is_not_found(
    service: AuthService, factor: dict[str, Any], method: str, path: str
) -> None:
    stranger = service.sign_up()

    answer = request(service, stranger, method, f"/factors/{factor['id']}{path}", code="123456")

    assert (answer.status_code, answer.json()["error_code"]) == (404, "mfa_factor_not_found")


@pytest.mark.parametrize("identifier", ["x", "00000000-0000-0000-0000-000000000000"])
def test_a_factor_that_is_none_is_not_found(
    service: AuthService, user: dict[str, Any], identifier: str
) -> None:
    assert request(service, user, "DELETE", f"/factors/{identifier}").status_code == 404


@pytest.mark.parametrize("token", [None, SERVICE_TOKEN])
def test_factors_are_for_signed_in_users(service: AuthService, token: str | None) -> None:
    answer = service.request("POST", "/factors", body={"factor_type": "totp"}, token=token)

    assert answer.status_code in {401, 403}


def test_a_second_factor_ends_sessions_without_one(
    service: AuthService, user: dict[str, Any], factor: dict[str, Any]
) -> None:
    other = service.sign_in(user["user"]["email"]).json()
    answer_with(service, user, factor, code_of(factor))

    assert service.refresh(other["refresh_token"]).status_code == 400


def test_an_earlier_refresh_token_gives_no_tokens_with_a_second_factor(
    service: AuthService, user: dict[str, Any], raised: dict[str, Any]
) -> None:
    assert raised["user"]["id"] == user["user"]["id"]
    assert service.refresh(user["refresh_token"]).json()["error_code"] == "refresh_token_not_found"


def test_a_refreshed_session_keeps_its_level(service: AuthService, raised: dict[str, Any]) -> None:
    refreshed = service.refresh(raised["refresh_token"]).json()

    assert claims_of(refreshed)["aal"] == "aal2"


def test_a_new_session_has_shown_no_second_factor(
    service: AuthService, raised: dict[str, Any]
) -> None:
    session = service.sign_in(raised["user"]["email"]).json()

    assert claims_of(session)["aal"] == "aal1"


@pytest.mark.parametrize("body", [{"password": "password-2"}, {"email": "x@example.com"}])
def test_a_session_without_the_factor_changes_no_sign_in(
    service: AuthService, raised: dict[str, Any], body: dict[str, str]
) -> None:
    session = service.sign_in(raised["user"]["email"]).json()

    answer = request(service, session, "PUT", "/user", **body)

    assert (answer.status_code, answer.json()["error_code"]) == (401, "insufficient_aal")


def test_a_session_without_the_factor_does_not_remove_it(
    service: AuthService, raised: dict[str, Any], factor: dict[str, Any]
) -> None:
    session = service.sign_in(raised["user"]["email"]).json()

    answer = request(service, session, "DELETE", f"/factors/{factor['id']}")

    assert answer.json()["error_code"] == "insufficient_aal"


def test_a_session_without_the_factor_enrols_no_other(
    service: AuthService, raised: dict[str, Any]
) -> None:
    session = service.sign_in(raised["user"]["email"]).json()
    body = {"factor_type": "totp", "friendly_name": "another"}

    assert request(service, session, "POST", "/factors", **body).status_code == 403


def test_a_removed_factor_lowers_the_session(
    service: AuthService, raised: dict[str, Any], factor: dict[str, Any]
) -> None:
    request(service, raised, "DELETE", f"/factors/{factor['id']}")
    claims = claims_of(service.refresh(raised["refresh_token"]).json())

    assert (claims["aal"], [one["method"] for one in claims["amr"]]) == ("aal1", ["password"])


def test_two_factors_have_two_names(
    service: AuthService, user: dict[str, Any], factor: dict[str, Any]
) -> None:
    body = {"factor_type": "totp", "friendly_name": factor["friendly_name"]}

    answer = request(service, user, "POST", "/factors", **body)

    assert answer.json()["error_code"] == "mfa_factor_name_conflict"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"factor_type": "nonsense"}, 400),
        ({"factor_type": "phone", "phone": "+4912345"}, 422),
        ({"factor_type": "webauthn"}, 422),
        ({"factor_type": "totp", "friendly_name": "x" * 300}, 400),
    ],
)
def test_a_factor_that_is_not_offered_is_refused(
    service: AuthService, user: dict[str, Any], body: dict[str, str], status: int
) -> None:
    assert request(service, user, "POST", "/factors", **body).status_code == status


def test_a_factor_that_was_never_verified_may_be_removed(
    service: AuthService, user: dict[str, Any], factor: dict[str, Any]
) -> None:
    assert request(service, user, "DELETE", f"/factors/{factor['id']}").status_code == 200


def test_factors_in_a_user_hold_no_secret(
    service: AuthService, user: dict[str, Any], factor: dict[str, Any]
) -> None:
    assert factor["totp"]["secret"] not in request(service, user, "GET", "/user").text


def test_the_number_of_factors_has_a_limit(
    database_environment: dict[str, str], tmp_path: Path
) -> None:
    settings = {"GOTRUE_MFA_MAX_ENROLLED_FACTORS": "1"}
    with running_service(database_environment, tmp_path / "auth.log", settings) as limited:
        session = limited.sign_up()
        enrol(limited, session)
        body = {"factor_type": "totp", "friendly_name": "another"}
        answer = request(limited, session, "POST", "/factors", **body)

    assert answer.json()["error_code"] == "too_many_enrolled_mfa_factors"


def test_administrators_look_for_what_happened(service: AuthService, user: dict[str, Any]) -> None:
    enrol(service, user, "audited")
    path = f"/admin/audit?query=author:{user['user']['email']}"

    entries = service.request("GET", path, token=SERVICE_TOKEN).json()

    assert entries[0]["payload"]["action"] == "factor_in_progress"


@pytest.mark.parametrize("query", ["nonsense", "secret:x", "payload:login"])
def test_a_query_of_the_audit_log_that_is_none_is_refused(service: AuthService, query: str) -> None:
    answer = service.request("GET", f"/admin/audit?query={query}", token=SERVICE_TOKEN)

    assert answer.json()["error_code"] == "validation_failed"


def test_users_read_no_audit_log(service: AuthService, user: dict[str, Any]) -> None:
    assert request(service, user, "GET", "/admin/audit").status_code == 403


def factors_path(session: dict[str, Any]) -> str:
    return f"/admin/users/{session['user']['id']}/factors"


def test_administrators_see_a_users_factors(
    service: AuthService, user: dict[str, Any], factor: dict[str, Any]
) -> None:
    factors = service.request("GET", factors_path(user), token=SERVICE_TOKEN).json()

    assert [(one["id"], one["status"]) for one in factors] == [(factor["id"], "unverified")]


def test_administrators_help_who_has_lost_the_authenticator(
    service: AuthService, raised: dict[str, Any], factor: dict[str, Any]
) -> None:
    path = f"{factors_path(raised)}/{factor['id']}"
    service.request("DELETE", path, token=SERVICE_TOKEN)
    session = service.sign_in(raised["user"]["email"]).json()

    assert request(service, session, "PUT", "/user", password="password-2").status_code == 200


def test_a_factor_that_an_administrator_removed_lowers_its_sessions(
    service: AuthService, raised: dict[str, Any], factor: dict[str, Any]
) -> None:
    path = f"{factors_path(raised)}/{factor['id']}"
    service.request("DELETE", path, token=SERVICE_TOKEN)

    assert claims_of(service.refresh(raised["refresh_token"]).json())["aal"] == "aal1"


@pytest.mark.parametrize("identifier", ["x", "00000000-0000-0000-0000-000000000000"])
def test_administrators_do_not_find_a_factor_that_is_none(
    service: AuthService, user: dict[str, Any], identifier: str
) -> None:
    path = f"{factors_path(user)}/{identifier}"

    assert service.request("DELETE", path, token=SERVICE_TOKEN).status_code == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_users_have_no_say_in_factors_of_others(
    service: AuthService, user: dict[str, Any], factor: dict[str, Any], method: str
) -> None:
    stranger = service.sign_up()
    path = factors_path(user) + (f"/{factor['id']}" if method == "DELETE" else "")

    assert request(service, stranger, method, path).status_code == 403
