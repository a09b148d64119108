"""The audit log: who did what to whom, in GoTrue's form (`auth.audit_log_entries`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from services.auth.models import NO_USER, rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import asyncpg

    from services.auth.models import Page, User

AuditAction = Literal[
    "challenge_created",
    "factor_deleted",
    "factor_in_progress",
    "factor_unenrolled",
    "identity_unlinked",
    "invite_accepted",
    "login",
    "logout",
    "token_refreshed",
    "token_revoked",
    "user_confirmation_requested",
    "user_deleted",
    "user_invited",
    "user_modified",
    "user_reauthenticate_requested",
    "user_recovery_requested",
    "user_repeated_signup",
    "user_signedup",
    "user_updated_password",
    "verification_attempted",
]

# What GoTrue writes as log_type beside each action.
_LOG_TYPES: Mapping[AuditAction, str] = {
    "challenge_created": "factor",
    "factor_deleted": "factor",
    "factor_in_progress": "factor",
    "factor_unenrolled": "factor",
    "identity_unlinked": "user",
    "invite_accepted": "account",
    "login": "account",
    "logout": "account",
    "token_refreshed": "token",
    "token_revoked": "token",
    "user_confirmation_requested": "user",
    "user_deleted": "team",
    "user_invited": "team",
    "user_modified": "user",
    "user_reauthenticate_requested": "user",
    "user_recovery_requested": "user",
    "user_repeated_signup": "user",
    "user_signedup": "team",
    "user_updated_password": "user",
    "verification_attempted": "factor",
}

FILTERS: Mapping[str, tuple[str, ...]] = {
    "author": ("actor_username", "actor_name"),
    "action": ("action",),
    "type": ("log_type",),
}
"""Members of an entry's payload by what an administrator calls them in a query."""


async def add_audit_entry(
    connection: asyncpg.Connection,
    action: AuditAction,
    *,
    actor: User | None = None,
    admin_role: str = "",
    traits: Mapping[str, Any] | None = None,
) -> None:
    """Write down who did what, in GoTrue's form.

    Args:
        connection: The transaction of the change itself.
        action: What was done.
        actor: The user who did it; None when an administrator did.
        admin_role: The administrator's role.
        traits: What it was done to.
    """
    payload: dict[str, Any] = {
        "action": action,
        "actor_id": str(actor.id if actor else NO_USER),
        "actor_username": (actor.phone or actor.email) if actor else admin_role,
        "actor_via_sso": actor.is_sso_user if actor else False,
        "log_type": _LOG_TYPES[action],
    }
    if actor and "full_name" in actor.user_metadata:
        payload["actor_name"] = actor.user_metadata["full_name"]
    if traits is not None:
        payload["traits"] = dict(traits)
    await connection.execute(
        """insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
           values ($1, gen_random_uuid(), $2, now(), '')""",
        NO_USER,
        payload,
    )


async def list_audit_entries(
    connection: asyncpg.Connection, page: Page, members: Sequence[str] = (), contains: str = ""
) -> tuple[list[dict[str, Any]], int]:
    """One page of entries as administrators see them, the newest first, and how many there are.

    Args:
        connection: Any.
        page: Which ones.
        members: Members of the payload to look in; none lists all entries.
        contains: What one of them must contain, whatever its case.
    """
    pattern = "%" + contains.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
    condition = """where instance_id = $1
        and (cardinality($2::text[]) = 0
             or exists (select from unnest($2::text[]) as member
                        where payload ->> member ilike $3))"""
    total = await connection.fetchval(
        f"select count(*) from auth.audit_log_entries {condition}",  # noqa: S608  (a constant)
        NO_USER,
        list(members),
        pattern,
    )
    rows = await connection.fetch(
        f"""select id, payload, created_at, ip_address from auth.audit_log_entries {condition}
            order by created_at desc, id limit $4 offset $5""",  # noqa: S608  (a constant)
        NO_USER,
        list(members),
        pattern,
        page.size,
        page.offset,
    )
    entries = [
        {
            "id": str(row["id"]),
            "payload": row["payload"],
            "created_at": rfc3339(row["created_at"]),
            "ip_address": row["ip_address"],
        }
        for row in rows
    ]
    return entries, int(total)
