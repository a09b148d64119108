import json
from dataclasses import asdict, replace

import pytest

from drift import catalog, database
from drift.catalog import Row
from drift.finding import Remedy

ROLE = Row(1, "role", "", "anon", "exists", "anon", "yes", "create role anon", None)
ATTRIBUTE = Row(
    2, "role", "", "anon", "superuser", "anon", "no", "alter role anon nosuperuser", None
)
SCHEMA = Row(4, "schema", "auth", "auth", "owner", "", "auth_admin", "alter schema auth", None)
PUBLIC = Row(4, "schema", "public", "public", "owner", "", "postgres", None, None)
TABLE = Row(
    6, "table", "auth", "auth.users", "row-level security", "", "on", "alter table auth.users", None
)
COLUMN = Row(6, "table", "auth", "auth.users", "column email", "", "text", None, None)
GRANT = Row(
    12, "schema", "public", "public", "USAGE to anon", "anon", "granted", "grant it", "revoke it"
)
MIGRATION = Row(14, "migration", "", "20261121000100", "applied", "", "yes", None, None)
REFERENCE = [ROLE, ATTRIBUTE, SCHEMA, PUBLIC, TABLE, COLUMN, GRANT, MIGRATION]

NO_DRIFT = {
    "table in public": Row(6, "table", "public", "public.own", "owner", "", "me", None, None),
    "table in a schema of their own": Row(
        6, "table", "own", "own.own", "owner", "", "", None, None
    ),
    "schema": Row(4, "schema", "own", "own", "owner", "", "me", None, None),
    "role": Row(1, "role", "", "own", "exists", "own", "yes", None, None),
    "role without powers": Row(2, "role", "", "own", "superuser", "own", "no", None, None),
    "membership among their roles": Row(
        3, "membership", "", "own", "of other", "other", "", None, None
    ),
    "right of their role on public": Row(
        12, "schema", "public", "public", "USAGE to own", "own", "granted", None, None
    ),
    "setting of their role": Row(3, "setting", "", "own", "work_mem", "own", "1GB", None, None),
    "trigger on a platform table": Row(
        10, "table", "auth", "auth.users", "trigger own", "public", "", None, None
    ),
    "table with row-level security": Row(
        6, "table", "public", "public.own", "row-level security", "", "on", None, None
    ),
}
DRIFT = {
    "superuser": Row(2, "role", "", "own", "superuser", "own", "yes", None, "undo"),
    "member of a platform role": Row(
        3, "membership", "", "own", "of anon", "anon", "", None, "undo"
    ),
    "platform role in another": Row(
        3, "membership", "", "anon", "of pg_monitor", "pg_monitor", "", None, "undo"
    ),
    "right on a platform table": Row(
        12, "table", "auth", "auth.users", "SELECT to own", "own", "granted", None, "undo"
    ),
    "right of everybody on public": Row(
        12, "schema", "public", "public", "CREATE to public", "public", "granted", None, "undo"
    ),
    "policy": Row(11, "table", "auth", "auth.users", "policy own", "", "", None, "undo"),
    "function among the platform's": Row(
        9, "function", "auth", "auth.own()", "definition", "", "", None, None
    ),
    "extension": Row(5, "extension", "", "citext", "version", "", "1.6", None, None),
    "server setting": Row(3, "setting", "", "server", "log_statement", "", "all", None, "undo"),
    "event trigger": Row(10, "event trigger", "", "own", "definition", "", "", None, None),
}


def compare(live: list[Row], *, automatic: bool = True) -> list[catalog.Difference]:
    return catalog.compare(REFERENCE, live, switches_row_security_on=automatic)


def test_a_database_as_migrated_differs_in_nothing() -> None:
    assert compare(REFERENCE) == []


@pytest.mark.parametrize("what", NO_DRIFT)
def test_what_users_make_is_no_drift(what: str) -> None:
    assert compare([*REFERENCE, NO_DRIFT[what]]) == []


@pytest.mark.parametrize("what", DRIFT)
def test_what_was_the_platforms_to_decide_is_drift(what: str) -> None:
    added = DRIFT[what]
    assert [each.what for each in compare([*REFERENCE, added])] == [added.what]


def test_what_was_added_is_taken_away() -> None:
    assert [each.statement for each in compare([*REFERENCE, DRIFT["policy"]])] == ["undo"]


def test_what_was_changed_is_made_as_migrated() -> None:
    live = [
        replace(TABLE, value="off", make="another") if row is TABLE else row for row in REFERENCE
    ]
    assert [(each.found, each.statement) for each in compare(live)] == [("off", TABLE.make)]


def test_what_is_missing_is_made() -> None:
    live = [row for row in REFERENCE if row is not GRANT]
    assert [(each.found, each.statement) for each in compare(live)] == [("absent", GRANT.make)]


def test_what_could_lose_data_is_left_to_a_person() -> None:
    live = [row for row in REFERENCE if row is not COLUMN]
    assert [each.finding.remedy for each in compare(live)] == [Remedy.BY_HAND]


@pytest.mark.parametrize(("automatic", "count"), [(True, 1), (False, 0)])
def test_a_public_table_without_row_level_security_is_told_where_it_should_have_it(
    automatic: bool,  # noqa: FBT001  (a case)
    count: int,
) -> None:
    own = replace(NO_DRIFT["table with row-level security"], value="off")
    assert len(compare([*REFERENCE, own], automatic=automatic)) == count


def test_roles_come_before_the_rights_that_they_get() -> None:
    assert [each.rank for each in compare([])] == sorted(row.rank for row in REFERENCE)


def test_nothing_is_made_before_a_missing_migration_is_applied() -> None:
    assert database.repairs(compare([])) == []


def test_only_safe_statements_are_run() -> None:
    live = [row for row in REFERENCE if row not in {COLUMN, GRANT}]
    assert database.repairs(compare(live)) == [GRANT.make]


def test_a_longer_text_is_shown_by_its_first_line() -> None:
    body = replace(DRIFT["function among the platform's"], value="create\nbody")
    assert [each.found for each in compare([*REFERENCE, body])] == ["create ..."]


def test_rows_are_read_line_by_line() -> None:
    text = "\n".join(json.dumps(asdict(row)) for row in REFERENCE) + "\n"
    assert catalog.parse(text) == REFERENCE
