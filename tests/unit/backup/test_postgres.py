"""What is done to pg_dumpall's output, and the checks before a commit."""

import pytest

from backup import postgres
from backup.errors import BackupError

GLOBALS = """\\restrict abcdef
SET default_transaction_read_only = off;

CREATE ROLE anon;
ALTER ROLE anon WITH NOSUPERUSER NOLOGIN;
CREATE ROLE authenticator;
ALTER ROLE authenticator WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$4096:aaa$bbb:ccc';
CREATE ROLE reporter;
ALTER ROLE reporter WITH LOGIN PASSWORD 'SCRAM-SHA-256$4096:ddd$eee:fff' VALID UNTIL 'now';
CREATE ROLE "Strange Name";
ALTER ROLE "Strange" WITH LOGIN PASSWORD 'SCRAM-SHA-256$4096:ggg$hhh:iii';
\\unrestrict abcdef
"""


@pytest.fixture
def cleaned() -> str:
    return postgres.without_passwords(GLOBALS, {"authenticator", "Strange"})


@pytest.mark.parametrize("verifier", ["aaa", "ggg"])
def test_a_managed_role_loses_its_password(cleaned: str, verifier: str) -> None:
    assert verifier not in cleaned


def test_a_managed_role_keeps_its_attributes(cleaned: str) -> None:
    assert "ALTER ROLE authenticator WITH NOSUPERUSER LOGIN;\n" in cleaned


def test_another_role_keeps_its_password(cleaned: str) -> None:
    assert "PASSWORD 'SCRAM-SHA-256$4096:ddd$eee:fff' VALID UNTIL 'now';\n" in cleaned


def test_commands_of_psql_are_left_out(cleaned: str) -> None:
    assert "\\" not in cleaned


def test_roles_that_are_there_are_not_created() -> None:
    left = postgres.without_existing_roles(GLOBALS, {"anon", '"Strange Name"'})
    created = [line for line in left.splitlines() if line.startswith("CREATE ROLE")]
    assert created == ["CREATE ROLE authenticator;", "CREATE ROLE reporter;"]


def test_roles_that_are_there_are_still_altered() -> None:
    assert "ALTER ROLE anon WITH" in postgres.without_existing_roles(GLOBALS, {"anon"})


END = b"""SELECT 'a comment says
COMMIT;
';

COMMIT;

--
-- PostgreSQL database dump complete
--

\\unrestrict abcdef

"""


def test_a_script_loses_its_commit() -> None:
    assert postgres.without_commit(END).count(b"COMMIT;") == 1


def test_the_rest_of_a_script_stays() -> None:
    assert postgres.without_commit(END).endswith(b"complete\n--\n\n\\unrestrict abcdef\n\n")


@pytest.mark.parametrize(
    "end", [b"", b"\nSELECT 1;\n", b"\nCOMMIT;\nSELECT 'more';\n", END[:-5]], ids=repr
)
def test_a_script_without_a_commit_at_its_end_is_refused(end: bytes) -> None:
    with pytest.raises(BackupError, match="does not understand"):
        postgres.without_commit(end)


def test_rows_are_checked_by_table() -> None:
    checks = postgres.check_rows({"public.todos": 3, 'public."Odd"': 0})
    assert "from only public.todos;" in checks
    assert "if found <> 3 then" in checks
    assert 'from only public."Odd";' in checks


def test_no_table_needs_no_check() -> None:
    assert postgres.check_rows({}) == ""
