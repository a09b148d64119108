"""PostgreSQL: every database and role, dumped and restored by the server's own programs.

A database's dump is one snapshot. It is restored in one transaction, which first empties the
database and is committed once every table has as many rows as the dump: a reader sees the old
content or the new one, and a failure leaves the old one.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import threading
from typing import IO, TYPE_CHECKING, Any

from backup import engine, sql
from backup.errors import BackupError
from backup.manifest import Database, Roles

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from backup.bundle import BundleWriter, ItemReader

PLATFORM_DATABASE = "postgres"
COPY_BYTES = 1024 * 1024
LOCK_SECONDS = 30
UNCOUNTED = frozenset({"plinth.schema_migrations", "auth.schema_migrations"})
"""Tables that the bootstrap fills in an empty stack."""

# As the superuser over TCP; the password is in the container's environment, not in an argument.
_AS_SUPERUSER = 'PGPASSWORD="$POSTGRES_PASSWORD" exec "$0" -h 127.0.0.1 -U "$POSTGRES_USER" "$@"'
_PSQL = ("psql", "-XqAt", "-w", "-v", "ON_ERROR_STOP=1")
_MARK = "-- end of answer"
_ROLE_PASSWORD = re.compile(r"^(ALTER ROLE (\S+) WITH .*?) PASSWORD '[^']*'", re.MULTILINE)
_CREATE_ROLE = re.compile(r"^CREATE ROLE ((?:\"[^\"]+\"|[^\s\";]+));\n", re.MULTILINE)
_VERIFIER = re.compile(r"(?:SCRAM-SHA-256\$|md5[0-9a-f]{32})[^\s']*")
_COMMIT = re.compile(rb"\nCOMMIT;\n((?:\n|--[^\n]*\n|\\unrestrict [^\n]*\n)*)\Z")
_END_BYTES = 4096
_RESTRICTION = re.compile(r"^\\(?:un)?restrict .*\n", re.MULTILINE)


def command(*words: str) -> list[str]:
    """A program of PostgreSQL in the server's container, as the superuser."""
    return ["sh", "-c", _AS_SUPERUSER, *words]


def query(container: str, text: str, database: str = PLATFORM_DATABASE) -> list[str]:
    """The rows of one or more queries, as lines.

    Raises:
        BackupError: The server refused.
    """
    printed = engine.output(
        container,
        command(*_PSQL, "-d", database, "-c", text),
        BackupError(f"database {database} could not be read", "Mend what PostgreSQL says above."),
    )
    return printed.decode().splitlines()


def execute(container: str, statement: str) -> None:
    """Run a statement that creates or drops a database.

    Raises:
        BackupError: The server refused.
    """
    engine.run(
        container,
        command(*_PSQL, "-d", PLATFORM_DATABASE, "-c", statement),
        BackupError("a database could not be replaced", "Mend what PostgreSQL says above."),
    )


class _Snapshot:
    """A transaction in which everything stays as it was at its start."""

    def __init__(self, program: engine.Program, database: str) -> None:
        self._program = program
        self._database = database
        self.identifier = self.query(
            "begin isolation level repeatable read read only;\nselect pg_export_snapshot();"
        )[0]

    def query(self, text: str) -> list[str]:
        """The rows of a query, as lines."""
        self._program.stdin.write(f"{text}\n\\echo {_MARK}\n".encode())
        self._program.stdin.flush()
        lines: list[str] = []
        for line in self._program.stdout:
            if line.decode().rstrip("\n") == _MARK:
                return lines
            lines.append(line.decode().rstrip("\n"))
        _code, said = self._program.end()
        raise BackupError(
            f"database {self._database} could not be read",
            "Mend what PostgreSQL says above.",
            evidence=said,
        )


def databases(container: str) -> list[dict[str, Any]]:
    """Name, creation and properties of each database, the platform's first."""
    return [json.loads(line) for line in query(container, sql.read("databases"))]


def server_version(container: str) -> int:
    """Major version of the server."""
    return int(query(container, "select current_setting('server_version_num')::int / 10000")[0])


def migrations(container: str) -> tuple[str, ...]:
    """Versions of the applied migrations."""
    return tuple(query(container, "select version from plinth.schema_migrations order by version"))


def _count(lines: Sequence[str]) -> dict[str, int]:
    return {table: rows for line in lines for table, rows in json.loads(line).items()}


def dump(container: str, bundle: BundleWriter, managed_roles: Collection[str]) -> Iterator[str]:
    """Add the roles and every database to a bundle.

    Args:
        container: The server's.
        bundle: Takes them.
        managed_roles: Roles whose passwords Plinth sets; they are left out.

    Yields:
        What was added, in words.

    Raises:
        BackupError: The server refused.
    """
    with bundle.item("postgres") as item:
        item.write(roles(container, managed_roles).encode())
        item.describe(Roles())
    for properties in databases(container):
        name = properties["name"]
        with (
            bundle.item("postgres") as item,
            engine.program(container, command(*_PSQL, "-d", name), takes_input=True) as psql,
        ):
            snapshot = _Snapshot(psql, name)
            options = ("--format=custom", "--no-password", f"--snapshot={snapshot.identifier}")
            with engine.program(container, command("pg_dump", *options, "-d", name)) as program:
                shutil.copyfileobj(program.stdout, item.content, COPY_BYTES)
                code, said = program.end()
            if code != 0:
                raise BackupError(
                    f"database {name} could not be dumped",
                    "Mend what PostgreSQL says above, then run this again.",
                    evidence=said,
                )
            tables = _count(snapshot.query(sql.read("tables")))
            item.describe(Database(**properties, tables=tables))
        yield f"database {name}: {sum(tables.values())} rows in {len(tables)} tables"


def roles(container: str, managed_roles: Collection[str]) -> str:
    """SQL that makes the roles, without the passwords of the managed ones."""
    printed = engine.output(
        container,
        command("pg_dumpall", "--globals-only", "--no-tablespaces", "--no-password"),
        BackupError("the database roles could not be read", "Mend what PostgreSQL says above."),
    )
    return without_passwords(printed.decode(), managed_roles)


def without_passwords(globals_sql: str, managed_roles: Collection[str]) -> str:
    """pg_dumpall's output without the passwords of some roles, and without psql's commands."""

    def strip(found: re.Match[str]) -> str:
        name = found[2].strip('"')
        return found[1] if name in managed_roles else found[0]

    return _RESTRICTION.sub("", _ROLE_PASSWORD.sub(strip, globals_sql))


def without_existing_roles(globals_sql: str, existing: Collection[str]) -> str:
    """pg_dumpall's output without the creation of roles that are there.

    Args:
        globals_sql: The output.
        existing: Roles, quoted as SQL needs it.
    """
    return _CREATE_ROLE.sub(
        lambda found: "" if found[1] in existing else found[0],
        globals_sql,
    )


def held_data(container: str) -> list[str]:
    """What a target holds that a restore would replace, in words; nothing in a new stack."""
    found: list[str] = []
    for properties in databases(container):
        name = properties["name"]
        if name != PLATFORM_DATABASE:
            found.append(f"database {name}")
            continue
        # -c takes no \gexec, standard input does.
        with engine.program(container, command(*_PSQL, "-d", name), takes_input=True) as psql:
            tables = _count(_Snapshot(psql, name).query(sql.read("tables")))
        found += [
            f"{table} ({rows} rows)"
            for table, rows in tables.items()
            if rows and table not in UNCOUNTED
        ]
    return found


def restore(container: str, database: Database, content: ItemReader, roles_sql: str) -> None:
    """Replace a database by a dump of it, in one transaction.

    Args:
        container: The server's.
        database: What the dump is of; it is created if it is missing.
        content: pg_dump's custom format.
        roles_sql: What makes the roles, to run before in the same transaction; may be empty.

    Raises:
        BackupError: The server refused; the database is as it was.
    """
    present = {properties["name"] for properties in databases(container)}
    if database.name not in present:
        execute(container, database.creation)
    existing = query(container, "select quote_ident(rolname) from pg_roles")
    with (
        engine.program(
            container,
            # Otherwise it commits in the middle, around large objects.
            command("pg_restore", "--single-transaction", "--no-tablespaces", "-f", "-"),
            takes_input=True,
        ) as archive,
        engine.program(container, command(*_PSQL, "-d", database.name), takes_input=True) as psql,
    ):
        feeding = _Feed(content, archive.stdin)
        end = b""
        try:
            psql.stdin.write(_opening(without_existing_roles(roles_sql, existing)).encode())
            end = _copy_all_but_end(archive.stdout, psql.stdin)
        except BrokenPipeError:
            archive.stop()  # psql has ended, and says why
        error = feeding.join()
        code, said = archive.end() if error is None else (1, (str(error),))
        if code == 0:
            # Only here: whatever happened before, the transaction is not committed.
            _write(psql.stdin, without_commit(end) + _closing(database).encode())
        psql_code, psql_said = psql.end()
    if code != 0 or psql_code != 0:
        raise BackupError(
            f"database {database.name} could not be restored; it is as it was",
            "Mend what PostgreSQL says above, then run this again.",
            # PostgreSQL repeats a statement that it does not understand.
            evidence=tuple(_VERIFIER.sub("[password]", line) for line in psql_said or said),
        )


def check(container: str, database: Database, content: ItemReader) -> None:
    """Read a dump to its end, as a restore would, and restore nothing.

    Args:
        container: The server's; it has the program that reads dumps.
        database: What the dump is of.
        content: pg_dump's custom format.

    Raises:
        BackupError: It is no whole dump.
    """
    reading = command("pg_restore", "--file=/dev/null")
    with engine.program(container, reading, takes_input=True) as archive:
        feeding = _Feed(content, archive.stdin)
        archive.stdout.read()
        error = feeding.join()
        code, said = archive.end()
    if error is not None:
        raise error
    if code != 0:
        raise BackupError(
            f"the dump of database {database.name} cannot be read back",
            "Mend what PostgreSQL says above, then run this again.",
            evidence=said,
        )


def drop_others(container: str, kept: Collection[str]) -> None:
    """Remove databases that a bundle does not have."""
    for properties in databases(container):
        if properties["name"] not in kept:
            name = properties["name"].replace('"', '""')
            execute(container, f'drop database "{name}" with (force)')


def _write(stream: IO[bytes], text: bytes) -> None:
    try:
        stream.write(text)
    except BrokenPipeError:
        return  # psql has ended, and says why


def _copy_all_but_end(source: IO[bytes], target: IO[bytes]) -> bytes:
    """Copy a stream except for its last bytes, which are returned."""
    end = b""
    while data := source.read(COPY_BYTES):
        end += data
        target.write(end[:-_END_BYTES])
        end = end[-_END_BYTES:]
    return end


def without_commit(end: bytes) -> bytes:
    """The end of pg_restore's script without the commit: the rows are checked before it.

    Raises:
        BackupError: There is no commit where one is expected.
    """
    found = _COMMIT.search(end)
    if found is None:
        raise BackupError(
            "pg_restore wrote a script that this Plinth does not understand; the database is as it "
            "was",
            "Restore with the version of PostgreSQL that the catalogue names.",
        )
    return end[: found.start()] + b"\n" + found[1]


def _opening(roles_sql: str) -> str:
    return (
        f"set lock_timeout = '{LOCK_SECONDS}s';\nset client_min_messages = warning;\n"
        # Whoever looks for a deadlock first is ended: readers look after a second, this does not.
        f"set deadlock_timeout = '{2 * LOCK_SECONDS}s';\n"
        # Verifiers of passwords stay out of the server's log.
        "set log_statement = 'none';\nset log_min_error_statement = panic;\n"
        f"begin;\n{roles_sql}\n{sql.read('empty_database')}\n"
    )


def _closing(database: Database) -> str:
    return (
        "reset search_path;\n"
        + "".join(f"{statement};\n" for statement in database.properties)
        + check_rows(database.tables)
        + "notify pgrst, 'reload schema';\ncommit;\n"
    )


def check_rows(tables: Mapping[str, int]) -> str:
    """SQL that fails when a table has not as many rows as expected."""
    template = sql.read("check_rows")
    return "".join(
        template.replace("<rows>", str(rows)).replace("<table>", table)
        for table, rows in tables.items()
    )


class _Feed:
    """Copies an item into a program on a thread of its own, while this one reads its output."""

    def __init__(self, source: ItemReader, target: IO[bytes]) -> None:
        self._source = source
        self._target = target
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._copy)
        self._thread.start()

    def join(self) -> Exception | None:
        """Wait for the end; what went wrong with the source, if anything."""
        self._thread.join()
        return self._error

    def _copy(self) -> None:
        try:
            shutil.copyfileobj(self._source, self._target, COPY_BYTES)
        except BrokenPipeError:
            return  # the program has ended, and says why
        except Exception as error:  # noqa: BLE001  (handed to the thread that waits)
            self._error = error
        finally:
            with contextlib.suppress(BrokenPipeError):
                self._target.close()
