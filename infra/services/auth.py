"""Auth: sign-up, sessions and users, by GoTrue's API and GoTrue's settings.

GoTrue itself runs in this place where the stack says so: it gets the same environment, without what
it does not know.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from infra import credentials, keys
from infra.config.section import REPOSITORY
from infra.container import (
    FILES_DIRECTORY,
    GIVEN_DIRECTORY,
    ContainerService,
    ContainerSpec,
)
from infra.services import mail
from infra.watch import HttpProbe, Metrics

if TYPE_CHECKING:
    import pulumi

    from infra.context import Context
    from infra.stores import postgres
    from infra.watch import Watch

PORT = 9999
ROLE = "auth_admin"
LINKS = ("CONFIRMATION", "EMAIL_CHANGE", "INVITE", "RECOVERY")
SINK_SENDER = "auth@plinth.example"


def issuer(public_url: str) -> str:
    """The `iss` of every token."""
    return f"{public_url}/auth/v1"


def environment(context: Context, database: postgres.Client, login: str) -> dict[str, str]:
    """Settings by GoTrue's names, so that GoTrue itself can stand in this place.

    Args:
        context: What the component is declared from.
        database: How the database is reached.
        login: Role to log in as; it acts as `ROLE`.
    """
    auth, public_url = context.config.auth, context.config.public_url
    return {
        "API_EXTERNAL_URL": issuer(public_url),
        "GOTRUE_API_HOST": "0.0.0.0",  # noqa: S104  (inside the container)
        "GOTRUE_API_PORT": str(PORT),
        # The password comes in a variable of its own: libpq's name for it, which both engines read.
        "GOTRUE_DB_DRIVER": "postgres",
        "GOTRUE_DB_DATABASE_URL": database.url(login),
        "GOTRUE_DISABLE_SIGNUP": str(not auth.signup).lower(),
        "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED": str(auth.anonymous_users).lower(),
        "GOTRUE_EXTERNAL_EMAIL_ENABLED": "true",
        "GOTRUE_JWT_ADMIN_ROLES": "service_role",
        "GOTRUE_JWT_AUD": keys.AUDIENCE,
        "GOTRUE_JWT_DEFAULT_GROUP_NAME": "authenticated",
        "GOTRUE_JWT_EXP": str(auth.token_lifetime_seconds),
        "GOTRUE_JWT_ISSUER": issuer(public_url),
        "GOTRUE_MAILER_AUTOCONFIRM": str(auth.autoconfirm).lower(),
        "GOTRUE_PASSWORD_MIN_LENGTH": str(auth.password_minimum_length),
        "GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL": str(auth.refresh_reuse_seconds),
        "GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED": "true",
        "GOTRUE_SITE_URL": auth.site_url,
        **database.environment,
    }


def mail_environment(context: Context) -> dict[str, str]:
    """How mails are sent, and what they say."""
    smtp, auth, public_url = context.config.smtp, context.config.auth, context.config.public_url
    verify_path = f"{urlsplit(issuer(public_url)).path}/verify"
    settings = {
        "GOTRUE_MAILER_OTP_EXP": str(auth.mail_code_seconds),
        "GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION": str(
            auth.reauthenticate_to_change_password
        ).lower(),
        "GOTRUE_SMTP_MAX_FREQUENCY": f"{auth.mail_interval_seconds}s",
        "GOTRUE_URI_ALLOW_LIST": ",".join(auth.redirects),
        **{f"GOTRUE_MAILER_URLPATHS_{link}": verify_path for link in LINKS},
        **{
            f"GOTRUE_MAILER_SUBJECTS_{name.upper()}": subject
            for name, subject in auth.mail_subjects.items()
        },
        **{
            f"GOTRUE_MAILER_TEMPLATES_{name.upper()}": f"{FILES_DIRECTORY}/{name}.html"
            for name in auth.mail_templates
        },
    }
    if smtp.host and smtp.sender_address:
        settings |= {
            "GOTRUE_SMTP_HOST": smtp.host,
            "GOTRUE_SMTP_PORT": str(smtp.port),
            "GOTRUE_SMTP_USER": smtp.user,
            "GOTRUE_SMTP_ADMIN_EMAIL": smtp.sender_address,
            "GOTRUE_SMTP_SENDER_NAME": smtp.sender_name,
            "PLINTH_SMTP_VERIFIED_TLS": str(smtp.verified_tls).lower(),
        }
    elif context.config.mail.enabled:
        settings |= {
            "GOTRUE_SMTP_HOST": "mail",
            "GOTRUE_SMTP_PORT": str(mail.SMTP_PORT),
            "GOTRUE_SMTP_ADMIN_EMAIL": smtp.sender_address or SINK_SENDER,
            "GOTRUE_SMTP_SENDER_NAME": smtp.sender_name,
            "PLINTH_SMTP_VERIFIED_TLS": "false",
        }
    return settings


def provider_environment(context: Context) -> dict[str, str]:
    """Identity providers, and whether users link them by hand."""
    auth = context.config.auth
    settings = {"GOTRUE_SECURITY_MANUAL_LINKING_ENABLED": str(auth.manual_linking).lower()}
    for name, provider in auth.providers.items():
        prefix = _provider_prefix(name)
        settings |= {
            f"{prefix}_ENABLED": "true",
            f"{prefix}_CLIENT_ID": provider.client_id,
            f"{prefix}_REDIRECT_URI": f"{issuer(context.config.public_url)}/callback",
        }
        if provider.url:
            settings[f"{prefix}_URL"] = provider.url
    if any((provider.url or "").startswith("http:") for provider in auth.providers.values()):
        settings["PLINTH_EXTERNAL_PLAIN_HTTP"] = "true"
    return settings


def provider_secrets(context: Context) -> dict[str, pulumi.Output[str]]:
    """What the application shows to its providers."""
    return {
        f"{_provider_prefix(name)}_SECRET": credentials.given(provider.secret)
        for name, provider in context.config.auth.providers.items()
    }


def _provider_prefix(name: str) -> str:
    return f"GOTRUE_EXTERNAL_{name.upper()}"


def limits_environment(context: Context) -> dict[str, str]:
    """How often something may be tried or asked for."""
    attempts, rates = context.config.auth.attempts, context.config.auth.rate_limits
    settings = {
        "GOTRUE_MFA_RATE_LIMIT_CHALLENGE_AND_VERIFY": rates.challenges,
        "GOTRUE_RATE_LIMIT_ANONYMOUS_USERS": rates.anonymous_sign_ups,
        "GOTRUE_RATE_LIMIT_EMAIL_SENT": rates.mails,
        "GOTRUE_RATE_LIMIT_OTP": rates.mail_requests,
        "GOTRUE_RATE_LIMIT_TOKEN_REFRESH": rates.sign_ins,
        "GOTRUE_RATE_LIMIT_VERIFY": rates.verifications,
        "PLINTH_ATTEMPTS_BY_ACCOUNT": attempts.by_account,
        "PLINTH_ATTEMPTS_BY_ACCOUNT_LONGEST_SECONDS": attempts.by_account_longest_seconds,
        "PLINTH_ATTEMPTS_BY_ADDRESS": attempts.by_address,
        "PLINTH_ATTEMPTS_BY_ADDRESS_LONGEST_SECONDS": attempts.by_address_longest_seconds,
        "PLINTH_ATTEMPTS_FIRST_WAIT_SECONDS": attempts.first_wait_seconds,
    }
    header = {"GOTRUE_RATE_LIMIT_HEADER": "X-Forwarded-For"}
    limited = header if context.config.limits_auth_by_address else {}
    return {name: str(value) for name, value in settings.items()} | limited


def checks_environment(context: Context) -> dict[str, str]:
    """What passwords and claims are checked against."""
    breached, hook = context.config.auth.breached_passwords, context.config.auth.access_token_hook
    settings: dict[str, str] = {}
    if breached:
        settings |= {
            "GOTRUE_PASSWORD_HIBP_ENABLED": "true",
            "GOTRUE_PASSWORD_HIBP_FAIL_CLOSED": str(breached.refuse_unchecked).lower(),
            "PLINTH_PASSWORD_HIBP_PATH": GIVEN_DIRECTORY,
        }
    if hook:
        settings |= {
            "GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_ENABLED": "true",
            "GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_URI": hook.address,
        }
    return settings


def unused_secret(signing_keys: str) -> str:
    """HS256 secret that GoTrue must have and nobody signs with, where no legacy keys are issued."""
    return hmac.new(signing_keys.encode(), b"plinth unused secret", hashlib.sha256).hexdigest()


def template_files(context: Context) -> dict[str, str]:
    """Parts of the configured mail templates by the name that they have in the container."""
    files = {}
    for name, path in context.config.auth.mail_templates.items():
        html = REPOSITORY / path
        for part in (html, html.with_suffix(".txt")):
            if part.is_file():
                files[f"{name}{part.suffix}"] = part.read_text(encoding="utf-8")
    return files


def watch(*, is_gotrue: bool) -> Watch:
    """How the service is watched: GoTrue itself has no metrics beside its API."""
    return HttpProbe(PORT, "/health") if is_gotrue else Metrics(PORT)


def secret_environment(
    context: Context, database: postgres.Postgres
) -> dict[str, pulumi.Output[str]]:
    """Keys and passwords."""
    config = context.config
    hook = config.auth.access_token_hook
    secrets = {
        "GOTRUE_JWT_KEYS": context.keys.apply(lambda keys: keys.signing_keys),
        "PGPASSWORD": database.logins[ROLE].password,
    }
    if config.keys.legacy:
        secrets["GOTRUE_JWT_SECRET"] = context.keys.apply(lambda keys: keys.legacy_secret or "")
    elif config.runs_gotrue:
        secrets["GOTRUE_JWT_SECRET"] = context.keys.apply(
            lambda keys: unused_secret(keys.signing_keys)
        )
    if config.smtp.password:
        secrets["GOTRUE_SMTP_PASS"] = credentials.given(config.smtp.password)
    if hook and hook.secret:
        secrets["GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_SECRETS"] = credentials.given(hook.secret)
    return {**secrets, **provider_secrets(context)}


def declare(context: Context, database: postgres.Postgres) -> ContainerService:
    """Declare the service."""
    settings = {
        **environment(context, database.client, database.logins[ROLE].name),
        **mail_environment(context),
        **provider_environment(context),
        **limits_environment(context),
        **checks_environment(context),
    }
    if context.config.runs_gotrue:
        settings = {
            name: value for name, value in settings.items() if not name.startswith("PLINTH_")
        }
    breached = context.config.auth.breached_passwords
    return ContainerService(
        ContainerSpec(
            component="auth",
            image=context.images.reference("auth"),
            user="1000:1000",
            environment=settings,
            secret_environment=secret_environment(context, database),
            files={**template_files(context), **database.client.files},
            given_volumes={breached.volume: GIVEN_DIRECTORY} if breached else {},
            # Twice the same where the database runs elsewhere.
            networks=tuple(dict.fromkeys(("backend", database.client.network))),
            health=context.images.health_check("auth"),
            watch=watch(is_gotrue=context.config.runs_gotrue),
            memory_mebibytes=192,
            stop_grace_seconds=15,
            overlaps=True,
        ),
        context.site,
        after=[database.bootstrap],
    )
