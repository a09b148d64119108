"""Auth: sign-up, sessions and users, by GoTrue's API and GoTrue's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from infra import credentials, keys
from infra.config import REPOSITORY
from infra.container import FILES_DIRECTORY, ContainerService, ContainerSpec, HealthCheck
from infra.services import mail
from infra.watch import HttpProbe, Metrics

if TYPE_CHECKING:
    import pulumi

    from infra.catalog import Source
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


def template_files(context: Context) -> dict[str, str]:
    """Parts of the configured mail templates by the name that they have in the container."""
    files = {}
    for name, path in context.config.auth.mail_templates.items():
        html = REPOSITORY / path
        for part in (html, html.with_suffix(".txt")):
            if part.is_file():
                files[f"{name}{part.suffix}"] = part.read_text(encoding="utf-8")
    return files


def watch(source: Source) -> Watch:
    """How the service is watched: GoTrue itself has no metrics beside its API."""
    return HttpProbe(PORT, "/health") if source == "registry" else Metrics(PORT)


def declare(context: Context, database: postgres.Postgres) -> ContainerService:
    """Declare the service."""
    legacy = (
        {"GOTRUE_JWT_SECRET": context.keys.apply(lambda keys: keys.legacy_secret or "")}
        if context.config.keys.legacy
        else {}
    )
    password = context.config.smtp.password
    login = database.logins[ROLE]
    smtp_password = {"GOTRUE_SMTP_PASS": credentials.given(password)} if password else {}
    return ContainerService(
        ContainerSpec(
            component="auth",
            image=context.images.reference("auth"),
            user="1000:1000",
            environment={
                **environment(context, database.client, login.name),
                **mail_environment(context),
                **provider_environment(context),
            },
            secret_environment={
                "GOTRUE_JWT_KEYS": context.keys.apply(lambda keys: keys.signing_keys),
                "PGPASSWORD": login.password,
                **legacy,
                **smtp_password,
                **provider_secrets(context),
            },
            files={**template_files(context), **database.client.files},
            # Twice the same where the database runs elsewhere.
            networks=tuple(dict.fromkeys(("backend", database.client.network))),
            health=HealthCheck(context.images.health_check("auth")),
            watch=watch(context.config.images.source),
            memory_mebibytes=192,
            stop_grace_seconds=15,
            overlaps=True,
        ),
        context.site,
        after=[database.bootstrap],
    )
