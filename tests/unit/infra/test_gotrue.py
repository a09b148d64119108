"""GoTrue in the place of the auth service: what it is told, and what it finds in the database.

It has never run in a test of this repository: its image comes from a registry alone. What can be
said without it is said here, from its public source (`internal/conf/configuration.go`).
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.config.loading import parse
from infra.config.section import ConfigurationError
from infra.services.auth import unused_secret
from tests.unit.infra.conftest import ROOT, Recorder, run_program

CONTAINER = "docker:index/container:Container"
REMOTE_IMAGE = "docker:index/remoteImage:RemoteImage"
CONTRACT: dict[str, Any] = json.loads(
    (ROOT / "../shared/contracts/auth-schema.json").read_text(encoding="utf-8")
)

REQUIRED = {
    "API_EXTERNAL_URL",
    "GOTRUE_DB_DATABASE_URL",
    "GOTRUE_DB_DRIVER",
    "GOTRUE_JWT_SECRET",
    "GOTRUE_SITE_URL",
}
"""Fields that GoTrue's configuration marks as required."""

KNOWN = REQUIRED | {
    "GOTRUE_API_HOST",
    "GOTRUE_API_PORT",
    "GOTRUE_DISABLE_SIGNUP",
    "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED",
    "GOTRUE_EXTERNAL_EMAIL_ENABLED",
    "GOTRUE_EXTERNAL_GOOGLE_CLIENT_ID",
    "GOTRUE_EXTERNAL_GOOGLE_ENABLED",
    "GOTRUE_EXTERNAL_GOOGLE_REDIRECT_URI",
    "GOTRUE_EXTERNAL_GOOGLE_SECRET",
    "GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_ENABLED",
    "GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_SECRETS",
    "GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_URI",
    "GOTRUE_JWT_ADMIN_ROLES",
    "GOTRUE_JWT_AUD",
    "GOTRUE_JWT_DEFAULT_GROUP_NAME",
    "GOTRUE_JWT_EXP",
    "GOTRUE_JWT_ISSUER",
    "GOTRUE_JWT_KEYS",
    "GOTRUE_MAILER_AUTOCONFIRM",
    "GOTRUE_MAILER_OTP_EXP",
    "GOTRUE_MAILER_SUBJECTS_CONFIRMATION",
    "GOTRUE_MAILER_SUBJECTS_EMAIL_CHANGE",
    "GOTRUE_MAILER_SUBJECTS_INVITE",
    "GOTRUE_MAILER_SUBJECTS_MAGIC_LINK",
    "GOTRUE_MAILER_SUBJECTS_REAUTHENTICATION",
    "GOTRUE_MAILER_SUBJECTS_RECOVERY",
    "GOTRUE_MAILER_URLPATHS_CONFIRMATION",
    "GOTRUE_MAILER_URLPATHS_EMAIL_CHANGE",
    "GOTRUE_MAILER_URLPATHS_INVITE",
    "GOTRUE_MAILER_URLPATHS_RECOVERY",
    "GOTRUE_MFA_RATE_LIMIT_CHALLENGE_AND_VERIFY",
    "GOTRUE_PASSWORD_MIN_LENGTH",
    "GOTRUE_RATE_LIMIT_ANONYMOUS_USERS",
    "GOTRUE_RATE_LIMIT_EMAIL_SENT",
    "GOTRUE_RATE_LIMIT_HEADER",
    "GOTRUE_RATE_LIMIT_OTP",
    "GOTRUE_RATE_LIMIT_TOKEN_REFRESH",
    "GOTRUE_RATE_LIMIT_VERIFY",
    "GOTRUE_SECURITY_MANUAL_LINKING_ENABLED",
    "GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL",
    "GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED",
    "GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION",
    "GOTRUE_SMTP_ADMIN_EMAIL",
    "GOTRUE_SMTP_HOST",
    "GOTRUE_SMTP_MAX_FREQUENCY",
    "GOTRUE_SMTP_PASS",
    "GOTRUE_SMTP_PORT",
    "GOTRUE_SMTP_SENDER_NAME",
    "GOTRUE_SMTP_USER",
    "GOTRUE_URI_ALLOW_LIST",
}
"""What of its configuration this platform sets."""

EVERYTHING: dict[str, Any] = {
    "plinth:environment": "development",
    "plinth:auth": {
        "engine": "gotrue",
        "access_token_hook": {
            "address": "https://hooks.example.com/token",
            "secret": "v1,whsec_bm90IGEgc2VjcmV0IG9mIGFueWJvZHkgYXQgYWxs",
        },
        "mail_subjects": {"invite": "Welcome"},
        "providers": {"google": {"client_id": "web", "secret": "k7Qw2"}},
        "rate_limits": {"by_address": True},
    },
    "plinth:smtp": {
        "host": "smtp.example.com",
        "user": "plinth",
        "password": "k7Qw2",
        "sender_address": "auth@example.com",
    },
}


@pytest.fixture(scope="module")
def program() -> Recorder:
    """The program of a stack that runs GoTrue and sets everything."""
    return run_program("dev", EVERYTHING, ["plinth:auth", "plinth:smtp"])


@pytest.fixture
def environment(program: Recorder) -> dict[str, str]:
    """What GoTrue is told."""
    return dict(line.split("=", 1) for line in program.resources[CONTAINER]["auth"]["envs"])


def test_gotrue_is_told_all_that_it_requires(environment: dict[str, str]) -> None:
    assert all(environment.get(name) for name in REQUIRED)


def test_gotrue_is_told_nothing_that_it_does_not_know(environment: dict[str, str]) -> None:
    # The client of PostgreSQL, which GoTrue has inside, reads the variables of libpq.
    assert {name for name in environment if not name.startswith("PG")} <= KNOWN


def test_gotrue_has_a_secret_of_its_own_without_legacy_keys(environment: dict[str, str]) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", environment["GOTRUE_JWT_SECRET"])


def test_that_secret_follows_the_signing_keys() -> None:
    assert unused_secret("one") != unused_secret("another")


def test_the_own_service_has_no_secret_without_legacy_keys() -> None:
    auth = {"plinth:auth": {"autoconfirm": True}, "plinth:environment": "development"}
    lines = run_program("dev", auth).resources[CONTAINER]["auth"]["envs"]

    assert not [line for line in lines if line.startswith("GOTRUE_JWT_SECRET=")]


def test_gotrue_comes_from_upstream_while_the_others_are_built(program: Recorder) -> None:
    images = program.resources[REMOTE_IMAGE]

    assert {name: image["name"].partition("@")[0] for name, image in images.items()} == {
        "auth-image": "supabase/gotrue:v2.196.0"
    }


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("mail_templates", {"invite": "services/auth/mail/built_in/invite.html"}),
        ("breached_passwords", {"volume": "breached"}),
    ],
)
@pytest.mark.parametrize(
    ("engine", "source"), [("gotrue", "packages"), ("plinth", "registry")], ids=str
)
def test_what_gotrue_cannot_do_is_refused(
    engine: str, source: str, setting: str, value: object
) -> None:
    with pytest.raises(ConfigurationError, match=rf"auth\.{setting}: GoTrue"):
        parse(
            {
                "environment": "development",
                "auth": {"autoconfirm": True, "engine": engine, setting: value},
                "images": {"source": source},
            }
        )


def used_tables() -> set[str]:
    """Tables of schema auth that statements of the auth service name."""
    named = set()
    for file in Path(ROOT / "services" / "auth").rglob("*.py"):
        pattern = r"(?:from|into|update|join)\s+auth\.([a-z_]+)"
        named |= set(re.findall(pattern, file.read_text(encoding="utf-8")))
    return named


def test_the_service_uses_gotrues_tables_alone() -> None:
    assert used_tables()
    assert used_tables() <= set(CONTRACT["tables"])


def test_the_service_leaves_gotrues_list_of_migrations_alone() -> None:
    assert "schema_migrations" not in used_tables()


def test_no_migration_of_the_platform_fills_gotrues_list() -> None:
    migrations = (ROOT / "database" / "migrations").glob("*.sql")

    assert not [file for file in migrations if "into auth.schema_migrations" in file.read_text()]
