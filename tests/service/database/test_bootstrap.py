"""The bootstrap: repeatable, all or nothing, clear about what is wrong, silent about secrets."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.service.postgres import REPOSITORY, Bootstrap, BootstrapRun, PostgresServer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine

MIGRATIONS = sorted(path.name for path in (REPOSITORY / "database/migrations").glob("*.sql"))
BROKEN = "29990101000000_broken.sql"
BROKEN_SQL = """-- migrate:up
create table public.half_applied (id int);
insert into public.no_such_table values (1);

-- migrate:down
drop table public.half_applied;
"""

# What a run could change: settings of roles and databases, objects with their privileges.
STATE = """
select jsonb_build_object(
  'roles', (select jsonb_agg(to_jsonb(r) order by rolname) from pg_authid as r),
  'members', (select jsonb_agg(to_jsonb(m) order by oid) from pg_auth_members as m),
  'settings', (select jsonb_agg(to_jsonb(s) order by setrole) from pg_db_role_setting as s),
  'databases', (select jsonb_agg(jsonb_build_array(datname, datacl) order by oid)
    from pg_database),
  'schemas', (select jsonb_agg(to_jsonb(n) order by oid) from pg_namespace as n
    where nspname !~ '^pg_'),
  'objects', (select jsonb_agg(jsonb_build_array(oid, xmin::text, relname, relacl) order by oid)
    from pg_class where relnamespace::regnamespace::text in ('public', 'auth', 'plinth')
      and relkind in ('r', 'S', 'v')),
  'functions', (select jsonb_agg(jsonb_build_array(oid, xmin::text, proacl) order by oid)
    from pg_proc where pronamespace::regnamespace::text in ('auth', 'plinth', 'extensions')),
  'triggers', (select jsonb_agg(to_jsonb(t) order by oid) from pg_event_trigger as t),
  'extensions', (select jsonb_agg(to_jsonb(e) order by oid) from pg_extension as e)
)::text
"""


@pytest.fixture(scope="session")
def broken_migrations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one migration that fails after its first statement."""
    folder = tmp_path_factory.mktemp("migrations")
    (folder / BROKEN).write_text(BROKEN_SQL, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def first_run(bootstrap: Bootstrap, prepared_database: str) -> BootstrapRun:
    """A run on a server that has the roles, with every usual setting."""
    return bootstrap({"PGDATABASE": prepared_database})


async def test_every_migration_is_recorded(superuser: asyncpg.Connection) -> None:
    versions = await superuser.fetch("select version from plinth.schema_migrations order by 1")
    assert [row["version"] for row in versions] == [name.split("_")[0] for name in MIGRATIONS]


async def test_a_new_database_gets_every_migration(
    bootstrap: Bootstrap, empty_database: str
) -> None:
    run = bootstrap({"PGDATABASE": empty_database})
    applied = [line.split()[2].rstrip(":") for line in run.lines if "migration " in line]
    assert applied == MIGRATIONS


async def test_a_second_run_changes_nothing(
    bootstrap: Bootstrap, superuser: asyncpg.Connection
) -> None:
    before = json.loads(await superuser.fetchval(STATE))
    bootstrap()
    assert json.loads(await superuser.fetchval(STATE)) == before


@pytest.mark.parametrize(
    "line",
    [
        "migrations: nothing new",
        "extension pgcrypto: unchanged",
        "row-level security for new tables in public: true (unchanged)",
        "password of authenticator: unchanged",
        "password of auth_admin: unchanged",
        "done",
    ],
)
def test_a_second_run_says_so(first_run: BootstrapRun, line: str) -> None:
    assert f"db-bootstrap: {line}" in first_run.lines


async def test_extensions_live_in_their_own_schema(superuser: asyncpg.Connection) -> None:
    schema = await superuser.fetchval(
        "select extnamespace::regnamespace::text from pg_extension where extname = 'pgcrypto'"
    )
    assert schema == "extensions"


async def test_a_failing_migration_is_one_line(
    bootstrap: Bootstrap, empty_database: str, broken_migrations: Path
) -> None:
    run = bootstrap({"PGDATABASE": empty_database}, broken_migrations)
    assert run.lines[-1] == (
        f"db-bootstrap: migration {BROKEN} failed and was rolled back:"
        ' relation "public.no_such_table" does not exist'
    )


async def test_a_failing_migration_fails_the_run(
    bootstrap: Bootstrap, empty_database: str, broken_migrations: Path
) -> None:
    run = bootstrap({"PGDATABASE": empty_database}, broken_migrations)
    assert run.exit_code == 1


async def test_a_failing_migration_leaves_nothing_behind(
    bootstrap: Bootstrap,
    postgres_server: PostgresServer,
    empty_database: str,
    broken_migrations: Path,
) -> None:
    bootstrap({"PGDATABASE": empty_database}, broken_migrations)
    connection = await postgres_server.connect(database=empty_database)
    table = await connection.fetchval("select to_regclass('public.half_applied')")
    await connection.close()
    assert table is None


async def test_a_run_after_the_mend_goes_on(
    bootstrap: Bootstrap, empty_database: str, broken_migrations: Path
) -> None:
    bootstrap({"PGDATABASE": empty_database}, broken_migrations)
    assert bootstrap({"PGDATABASE": empty_database}).exit_code == 0


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"ROLE_PASSWORD_AUTHENTICATOR": None},
            "ROLE_PASSWORD_AUTHENTICATOR is not set; give role authenticator a password",
        ),
        (
            {"ROLE_PASSWORD_AUTH_ADMIN": "short"},
            "ROLE_PASSWORD_AUTH_ADMIN is too short (5 characters); use 32 or more",
        ),
        (
            {"ROLE_PASSWORD_AUTH_ADMIN": f"{'a' * 40}\nb"},
            "ROLE_PASSWORD_AUTH_ADMIN: only printable ASCII characters without blanks are allowed",
        ),
        (
            {"ROLE_PASSWORD_NOBODY": "a" * 32},
            (
                "ROLE_PASSWORD_NOBODY names no role; known are:"
                " ROLE_PASSWORD_AUTHENTICATOR ROLE_PASSWORD_AUTHENTICATOR_ALTERNATE"
                " ROLE_PASSWORD_AUTH_ADMIN ROLE_PASSWORD_AUTH_ADMIN_ALTERNATE"
            ),
        ),
        (
            {"DATABASE_EXTENSIONS": "pgcrypto,no_such_one,nor_this"},
            "DATABASE_EXTENSIONS: the PostgreSQL image does not have: no_such_one, nor_this",
        ),
        (
            {"DATABASE_EXTENSIONS": "pgcrypto; drop table x"},
            "DATABASE_EXTENSIONS is 'pgcrypto;droptablex'; use names separated by commas",
        ),
        ({"DATABASE_AUTO_RLS": "maybe"}, "DATABASE_AUTO_RLS is 'maybe'; use true or false"),
        ({"PGHOST": None}, "PGHOST is not set; it is needed to connect as superuser"),
        (
            {"PGPORT": "1", "DATABASE_WAIT_SECONDS": "1"},
            "no PostgreSQL server answers at postgres:1 after 1 s; see that container's log",
        ),
    ],
)
def test_bad_input_is_one_clear_line(
    bootstrap: Bootstrap, environment: dict[str, str | None], message: str
) -> None:
    run = bootstrap(environment)
    assert (run.exit_code, run.lines[-1]) == (1, f"db-bootstrap: {message}")


def test_a_wrong_superuser_password_is_one_clear_line(bootstrap: Bootstrap) -> None:
    run = bootstrap({"PGPASSWORD": secrets.token_urlsafe(32)})
    (line,) = run.lines
    assert line.endswith('FATAL: password authentication failed for user "postgres"')


@pytest.mark.usefixtures("usual_settings_afterwards")
async def test_a_changed_password_signs_in(
    bootstrap: Bootstrap, postgres_server: PostgresServer, prepared_database: str
) -> None:
    changed = secrets.token_urlsafe(32)
    bootstrap({"ROLE_PASSWORD_AUTH_ADMIN": changed})
    connection = await postgres_server.connect(
        "auth_admin", database=prepared_database, password=changed
    )
    user = await connection.fetchval("select current_user")
    await connection.close()
    assert user == "auth_admin"


@pytest.mark.usefixtures("usual_settings_afterwards")
async def test_the_old_password_is_refused(
    bootstrap: Bootstrap, postgres_server: PostgresServer, prepared_database: str
) -> None:
    bootstrap({"ROLE_PASSWORD_AUTH_ADMIN": secrets.token_urlsafe(32)})
    with pytest.raises(asyncpg.InvalidPasswordError):
        await postgres_server.connect("auth_admin", database=prepared_database)


@pytest.mark.usefixtures("usual_settings_afterwards")
async def test_a_password_of_punctuation_signs_in(
    bootstrap: Bootstrap, postgres_server: PostgresServer, prepared_database: str
) -> None:
    awkward = """'"\\%@:/?#&=$`!;-- {}[]()<>|^~*+,.""".replace(" ", "_") + secrets.token_urlsafe(8)
    bootstrap({"ROLE_PASSWORD_AUTH_ADMIN": awkward})
    connection = await postgres_server.connect(
        "auth_admin", database=prepared_database, password=awkward
    )
    user = await connection.fetchval("select current_user")
    await connection.close()
    assert user == "auth_admin"


@pytest.mark.parametrize("role", ["authenticator", "auth_admin"])
async def test_passwords_are_kept_as_scram_verifiers(
    superuser: asyncpg.Connection, role: str
) -> None:
    verifier = await superuser.fetchval(
        "select rolpassword from pg_authid where rolname = $1", role
    )
    assert verifier.startswith("SCRAM-SHA-256$")


@pytest.mark.parametrize("role", ["postgres", "authenticator", "auth_admin"])
def test_no_password_in_the_output(
    postgres_server: PostgresServer, first_run: BootstrapRun, role: str
) -> None:
    assert postgres_server.passwords[role] not in first_run.output


@pytest.mark.parametrize("role", ["postgres", "authenticator", "auth_admin"])
def test_no_password_in_the_log_of_the_server(
    postgres_server: PostgresServer, prepared_database: str, role: str
) -> None:
    assert prepared_database == "postgres"
    assert postgres_server.passwords[role] not in postgres_server.log()


def test_the_log_of_the_server_would_show_it(
    postgres_server: PostgresServer, prepared_database: str
) -> None:
    assert prepared_database == "postgres"
    assert "alter role authenticator set statement_timeout" in postgres_server.log()


def test_no_verifier_in_the_log_of_the_server(
    postgres_server: PostgresServer, prepared_database: str
) -> None:
    assert prepared_database == "postgres"
    assert "SCRAM-SHA-256$4096" not in postgres_server.log()
