"""Auth: sign-up, sessions and users, by GoTrue's API and GoTrue's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra import keys
from infra.container import ContainerService, ContainerSpec, HealthCheck

if TYPE_CHECKING:
    from infra.context import Context
    from infra.stores import postgres

PORT = 9999
ROLE = "auth_admin"


def issuer(public_url: str) -> str:
    """The `iss` of every token."""
    return f"{public_url}/auth/v1"


def environment(context: Context, database: postgres.Client) -> dict[str, str]:
    """Settings by GoTrue's names, so that GoTrue itself can stand in this place."""
    auth, public_url = context.config.auth, context.config.public_url
    return {
        "API_EXTERNAL_URL": issuer(public_url),
        "GOTRUE_API_HOST": "0.0.0.0",  # noqa: S104  (inside the container)
        "GOTRUE_API_PORT": str(PORT),
        # The password comes in a variable of its own: libpq's name for it, which both engines read.
        "GOTRUE_DB_DATABASE_URL": database.url(ROLE),
        "GOTRUE_DISABLE_SIGNUP": str(not auth.signup).lower(),
        "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED": str(auth.anonymous_users).lower(),
        "GOTRUE_EXTERNAL_EMAIL_ENABLED": "true",
        "GOTRUE_JWT_ADMIN_ROLES": "service_role",
        "GOTRUE_JWT_AUD": keys.AUDIENCE,
        "GOTRUE_JWT_DEFAULT_GROUP_NAME": "authenticated",
        "GOTRUE_JWT_EXP": str(auth.token_lifetime_seconds),
        "GOTRUE_JWT_ISSUER": issuer(public_url),
        # No mail is sent yet. Where nobody signs up, addresses are those that a server gave.
        "GOTRUE_MAILER_AUTOCONFIRM": str(auth.autoconfirm or not auth.signup).lower(),
        "GOTRUE_PASSWORD_MIN_LENGTH": str(auth.password_minimum_length),
        "GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL": str(auth.refresh_reuse_seconds),
        "GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED": "true",
        "GOTRUE_SITE_URL": auth.site_url,
        **database.environment,
    }


def declare(context: Context, database: postgres.Postgres) -> ContainerService:
    """Declare the service."""
    legacy = (
        {"GOTRUE_JWT_SECRET": context.keys.apply(lambda keys: keys.legacy_secret or "")}
        if context.config.keys.legacy
        else {}
    )
    return ContainerService(
        ContainerSpec(
            component="auth",
            image=context.images.reference("auth"),
            user="1000:1000",
            environment=environment(context, database.client),
            secret_environment={
                "GOTRUE_JWT_KEYS": context.keys.apply(lambda keys: keys.signing_keys),
                "PGPASSWORD": database.role_passwords[ROLE],
                **legacy,
            },
            files=database.client.files,
            # Twice the same where the database runs elsewhere.
            networks=tuple(dict.fromkeys(("backend", database.client.network))),
            health=HealthCheck(context.images.health_check("auth")),
            memory_mebibytes=192,
            stop_grace_seconds=15,
            overlaps=True,
        ),
        context.site,
        after=[database.bootstrap],
    )
