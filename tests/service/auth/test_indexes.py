"""However many users there are, no request of a user reads a table from end to end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bcrypt
import pytest
import pytest_asyncio

from tests.service.auth.service import PASSWORD, SERVICE_TOKEN, mail_settings, running_service

if TYPE_CHECKING:
    import asyncpg

    from tests.service.auth.mailbox import Mailbox
    from tests.service.auth.service import AuthService
    from tests.service.postgres import Bootstrap, PostgresServer

pytestmark = pytest.mark.engine

DATABASE = "crowded"
USERS = 5_000
CROWD = Path(__file__).resolve().parents[3] / "bench" / "crowd.sql"
TABLES = ["users", "identities", "sessions", "refresh_tokens", "mfa_amr_claims", "one_time_tokens"]

SCANS = "select relname, seq_scan from pg_stat_user_tables where schemaname = 'auth'"


def use(service: AuthService, mailbox: Mailbox) -> None:
    """Everything that users do, and what an administrator does with one of them."""
    email = "user-7@load.example"
    session = service.sign_in(email).json()
    refreshed = service.refresh(session["refresh_token"]).json()
    assert service.refresh("active-9").status_code == 200
    token = refreshed["access_token"]
    service.request("GET", "/user", token=token)
    service.request("PUT", "/user", token=token, body={"data": {"name": "Ann"}})
    service.request("POST", "/recover", body={"email": email})
    code = mailbox.newest(email).token
    service.request("POST", "/verify", body={"type": "recovery", "token_hash": code})
    service.request("POST", "/logout", token=token)
    new = service.sign_up()
    path = f"/admin/users/{new['user']['id']}"
    service.request("GET", path, token=SERVICE_TOKEN)
    assert service.request("DELETE", path, token=SERVICE_TOKEN).status_code == 200


async def scans(connection: asyncpg.Connection) -> dict[str, int]:
    return dict(await connection.fetch(SCANS))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scans_of_use(
    postgres_server: PostgresServer,
    bootstrap: Bootstrap,
    mailbox: Mailbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, int]:
    """How often the service has read a whole table, by table, while it was used."""
    server = await postgres_server.connect()
    await server.execute(f"create database {DATABASE}")
    await server.close()
    prepared = bootstrap({"PGDATABASE": DATABASE})
    assert prepared.exit_code == 0, prepared.output
    postgres_server.run_script(
        CROWD.read_text(encoding="utf-8"),
        database=DATABASE,
        users=str(USERS),
        password_hash=bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
    )
    connection = await postgres_server.connect(database=DATABASE)
    before = await scans(connection)
    address = f"{postgres_server.host}:{postgres_server.port}"
    environment = {
        "GOTRUE_DB_DATABASE_URL": f"postgres://auth_admin@{address}/{DATABASE}",
        "PGPASSWORD": postgres_server.role_passwords["auth_admin"],
    }
    log = tmp_path_factory.mktemp("auth") / "auth.log"
    with running_service(environment, log, mail_settings(mailbox)) as service:
        use(service, mailbox)
    # The connections of the service have ended, and with that they have reported what they did.
    after = await scans(connection)
    await connection.close()
    return {table: after[table] - before[table] for table in after}


@pytest.mark.parametrize("table", TABLES)
def test_what_users_do_is_found_by_an_index(scans_of_use: dict[str, int], table: str) -> None:
    assert scans_of_use[table] == 0
