"""Starting, stopping, logging, metrics, and a database that goes away."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.service.auth.service import (
    CURRENT_KEY,
    ENVIRONMENT,
    REPOSITORY,
    SERVICE_TOKEN,
    AuthService,
    running_service,
    wait_until_ready,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import asyncpg

    from tests.service.postgres import PostgresServer

pytestmark = pytest.mark.engine


@contextlib.contextmanager
def paused(server: PostgresServer) -> Iterator[None]:
    """The database server answers nothing at all."""
    server.container.pause()
    try:
        yield
    finally:
        server.container.unpause()


@contextlib.contextmanager
def refusing(server: PostgresServer) -> Iterator[None]:
    """The database server has dropped every connection of the role and takes no new one."""

    def run(statement: str) -> None:
        command = ["psql", "-qXU", "postgres", "-v", "ON_ERROR_STOP=1", "-c", statement]
        credentials = {"PGPASSWORD": server.password}
        code, output = server.container.exec_run(command, environment=credentials)
        assert code == 0, output

    run("alter role auth_admin nologin")
    run("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'auth_admin'")
    try:
        yield
    finally:
        run("alter role auth_admin login")


OUTAGES = [pytest.param(paused, id="no answer"), pytest.param(refusing, id="no connection")]


@pytest.mark.parametrize("outage", OUTAGES)
def test_without_a_database_requests_answer_503(
    service: AuthService, postgres_server: PostgresServer, outage: Any
) -> None:
    with outage(postgres_server):
        answer = service.sign_in("nobody@example.com")
    wait_until_ready(service)

    assert answer.status_code == 503


@pytest.mark.parametrize("outage", OUTAGES)
def test_without_a_database_the_service_is_live_and_not_ready(
    service: AuthService, postgres_server: PostgresServer, outage: Any
) -> None:
    with outage(postgres_server):
        states = [
            service.request("GET", f"/health/{name}").status_code for name in ("live", "ready")
        ]
    wait_until_ready(service)

    assert states == [200, 503]


@pytest.mark.parametrize("outage", OUTAGES)
def test_the_service_recovers_by_itself(
    service: AuthService, postgres_server: PostgresServer, outage: Any
) -> None:
    with outage(postgres_server):
        service.sign_in("nobody@example.com")
    wait_until_ready(service)

    assert service.sign_up()["access_token"]


async def test_a_failed_sign_up_leaves_nothing_behind(
    service: AuthService, database: asyncpg.Connection
) -> None:
    await database.execute("alter table auth.sessions rename to sessions_away")
    try:
        answer = service.request(
            "POST", "/signup", body={"email": "half@example.com", "password": "password-1"}
        )
    finally:
        await database.execute("alter table auth.sessions_away rename to sessions")

    users = await database.fetchval(
        "select count(*) from auth.users where email = 'half@example.com'"
    )
    assert (answer.status_code, users) == (500, 0)


def start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.auth"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


DATABASE_URL = "postgres://auth_admin:0Jq3xPz8vYt6Lw2Nc5Rb9Hd4@127.0.0.1:1/postgres"
COMPLETE = {**ENVIRONMENT, "GOTRUE_DB_DATABASE_URL": DATABASE_URL}
SECOND_SIGNING_KEY = (
    ENVIRONMENT["GOTRUE_JWT_KEYS"].rstrip("]").partition(", {")[0]
    + ", "
    + ENVIRONMENT["GOTRUE_JWT_KEYS"].lstrip("[").partition("}, {")[0]
    + "}]"
)
REFUSED = {
    "no database": ({"GOTRUE_DB_DATABASE_URL": None}, "GOTRUE_DB_DATABASE_URL is not set"),
    "no password": (
        {"GOTRUE_DB_DATABASE_URL": "postgres://auth_admin@db/postgres"},
        "holds no password",
    ),
    "demo password": (
        {"GOTRUE_DB_DATABASE_URL": "postgres://auth_admin:your-super-secret-password@db/postgres"},
        "demo value",
    ),
    "short password": ({"GOTRUE_DB_DATABASE_URL": "postgres://a:short@db/postgres"}, "at least 16"),
    "no keys": ({"GOTRUE_JWT_KEYS": None}, "GOTRUE_JWT_KEYS is not set"),
    "keys that are no JSON": ({"GOTRUE_JWT_KEYS": "x"}, "GOTRUE_JWT_KEYS is not usable"),
    "no key that signs": ({"GOTRUE_JWT_KEYS": "[]"}, "exactly one"),
    "two keys that sign": ({"GOTRUE_JWT_KEYS": SECOND_SIGNING_KEY}, "exactly one"),
    "demo legacy secret": (
        {"GOTRUE_JWT_SECRET": "super-secret-jwt-token-with-at-least-32-characters-long"},
        "GOTRUE_JWT_SECRET is a demo value",
    ),
    "short legacy secret": ({"GOTRUE_JWT_SECRET": "k3J9"}, "GOTRUE_JWT_SECRET has 4 characters"),
    "no public address": ({"API_EXTERNAL_URL": None}, "API_EXTERNAL_URL is not set"),
    "a port that is none": ({"GOTRUE_API_PORT": "x"}, "GOTRUE_API_PORT is not valid"),
    "mail that is needed": ({"GOTRUE_MAILER_AUTOCONFIRM": "false"}, "GOTRUE_MAILER_AUTOCONFIRM"),
}
# Their values are no secrets: the line that names one repeats it.
REFUSED_MAILS = {
    "mails from nobody": ({"GOTRUE_SMTP_HOST": "mail"}, "GOTRUE_SMTP_ADMIN_EMAIL is not set"),
    "a template that is not there": (
        {"GOTRUE_MAILER_TEMPLATES_INVITE": "/nowhere/invite.html"},
        "/nowhere/invite.html cannot be read",
    ),
    "a subject with a typing mistake": (
        {"GOTRUE_MAILER_SUBJECTS_INVITE": "Hello {{ .Emial }}"},
        "{{ .Emial }}",
    ),
    "a hook without its secret": (
        {
            "GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_ENABLED": "true",
            "GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_URI": "https://hooks.example.com/token",
        },
        "GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_URI is an endpoint",
    ),
    "breached passwords from nowhere": (
        {"GOTRUE_PASSWORD_HIBP_ENABLED": "true"},
        "PLINTH_PASSWORD_HIBP_FOLDER: is not set",
    ),
    "breached passwords that are not there": (
        {"GOTRUE_PASSWORD_HIBP_ENABLED": "true", "PLINTH_PASSWORD_HIBP_FOLDER": "/nowhere"},
        "PLINTH_PASSWORD_HIBP_FOLDER: /nowhere has no readable file 00000",
    ),
    "a rate that is none": ({"GOTRUE_RATE_LIMIT_EMAIL_SENT": "0"}, "GOTRUE_RATE_LIMIT_EMAIL_SENT"),
    "a glob that is none": ({"GOTRUE_URI_ALLOW_LIST": "https://[z-a]/"}, "GOTRUE_URI_ALLOW_LIST"),
    "a duration that is none": ({"GOTRUE_SMTP_MAX_FREQUENCY": "60"}, "GOTRUE_SMTP_MAX_FREQUENCY"),
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [*REFUSED.values(), *REFUSED_MAILS.values()],
    ids=[*REFUSED.keys(), *REFUSED_MAILS.keys()],
)
def test_a_start_that_cannot_go_well_ends_with_one_clear_line(
    changes: dict[str, str | None], expected: str
) -> None:
    environment = {**COMPLETE, **changes}

    ended = start({name: value for name, value in environment.items() if value is not None})

    lines = ended.stderr.splitlines()
    assert (ended.returncode, len(lines), expected in lines[-1]) == (1, 1, True), ended.stderr


@pytest.mark.parametrize(("changes", "_expected"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_start_tells_no_secret(changes: dict[str, str | None], _expected: str) -> None:
    environment = {**COMPLETE, **changes}
    ended = start({name: value for name, value in environment.items() if value is not None})

    values = [value for name, value in changes.items() if value and len(value) > 5]
    assert not [value for value in values if value in ended.stdout + ended.stderr]


def test_the_service_ends_with_0_on_sigterm(
    database_environment: dict[str, str], tmp_path: Path
) -> None:
    with running_service(database_environment, tmp_path / "auth.log") as running:
        running.process.send_signal(signal.SIGTERM)
        code = running.process.wait(timeout=30)

    assert code == 0


@pytest.mark.parametrize(
    ("path", "status"), [("/health/ready", 503), ("/health/live", 200), ("/settings", 200)]
)
def test_a_service_that_was_told_to_stop_only_says_that_it_is_not_ready(
    database_environment: dict[str, str], tmp_path: Path, path: str, status: int
) -> None:
    with running_service(database_environment, tmp_path / "auth.log") as running:
        running.process.send_signal(signal.SIGTERM)
        answer = running.request("GET", path)

    assert answer.status_code == status


def test_unsupported_settings_of_gotrue_are_named_once(
    database_environment: dict[str, str], tmp_path: Path
) -> None:
    settings = {"GOTRUE_SMS_AUTOCONFIRM": "true", "GOTRUE_SAML_PRIVATE_KEY": "c0nfid3ntial-value"}
    with running_service(database_environment, tmp_path / "auth.log", settings) as running:
        named = [line["names"] for line in running.log_lines() if "names" in line]

    assert named == [["GOTRUE_SAML_PRIVATE_KEY", "GOTRUE_SMS_AUTOCONFIRM"]]


def test_log_lines_have_the_common_keys(service: AuthService) -> None:
    service.request("GET", "/settings", headers={"X-Request-ID": "a-known-request"})

    line = next(line for line in service.log_lines() if line.get("request_id") == "a-known-request")
    assert {"level", "service", "version", "time", "request_id", "route", "status"} <= set(line)


def test_the_log_holds_no_secret(service: AuthService, user: dict[str, Any]) -> None:
    service.refresh(user["refresh_token"])
    service.request("GET", "/admin/users", token=SERVICE_TOKEN)
    private_part = str(CURRENT_KEY.private_jwk(signs=True)["d"])
    secrets = ["password-1", user["refresh_token"], user["access_token"], SERVICE_TOKEN]

    log = service.log.read_text()

    assert not [secret for secret in [*secrets, private_part] if secret in log]


def test_a_request_id_comes_back(service: AuthService) -> None:
    answer = service.request("GET", "/health", headers={"X-Request-ID": "0af7651916cd43dd"})

    assert answer.headers["x-request-id"] == "0af7651916cd43dd"


def test_metrics_name_routes_by_their_template(service: AuthService) -> None:
    service.request("GET", "/admin/users/not-an-id", token=SERVICE_TOKEN)

    metrics = service.request("GET", "/metrics").text

    assert 'method="GET",route="/admin/users/{user_id}",status="404"' in metrics


def test_metrics_count_what_users_did(service: AuthService) -> None:
    service.sign_up()

    assert 'plinth_auth_events_total{event="signup"}' in service.request("GET", "/metrics").text


def test_the_interface_describes_itself_as_openapi_3_1(service: AuthService) -> None:
    assert service.request("GET", "/openapi.json").json()["openapi"].startswith("3.1")
