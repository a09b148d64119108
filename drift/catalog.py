"""Compares the catalogue of a database with that of a reference database.

The reference is made by the same bootstrap from the same migrations (`drift.reference`). Each row
of `catalog.sql` knows the statement that brings it about and the one that takes it away, so what
puts a difference right comes from the catalogue as well.

What is compared: everything in the platform's own schemas, which are those of the reference except
`public`; roles of the reference; rights on `public` and the database that those roles have; and
extensions, event triggers and server settings. What is the users' own is no drift: tables, types
and functions in `public` or in schemas of their own, their roles, and triggers of theirs on a
platform table. Two things of theirs are reported all the same: a role that passes by row-level
security or makes other roles, and a table in `public` without row-level security where the stack
switches it on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drift.finding import ABSENT, Finding, Remedy

if TYPE_CHECKING:
    from collections.abc import Iterable

PUBLIC = "public"
ROW_SECURITY = "row-level security"
COMPONENT = "database"
_POWERS = frozenset(
    {
        "superuser",
        "create roles",
        "create databases",
        "replication",
        "bypass row-level security",
    }
)
_RIGHTS_KINDS = frozenset({"schema", "database", "default privileges"})
_SERVER_KINDS = frozenset({"extension", "event trigger", "setting", "migration"})


@dataclass(frozen=True)
class Row:
    """One line of `catalog.sql`; its columns are explained there."""

    rank: int
    kind: str
    schema: str
    object: str
    aspect: str
    party: str
    value: str
    make: str | None
    undo: str | None

    @property
    def key(self) -> tuple[str, str, str]:
        """What the row is about; unique in a catalogue."""
        return self.kind, self.object, self.aspect

    @property
    def what(self) -> str:
        """The row's name for a reader."""
        return f"{self.kind} {self.object}: {self.aspect}"


@dataclass(frozen=True)
class Difference:
    """A row that differs, and the statement that puts it right where there is a safe one."""

    rank: int
    what: str
    declared: str
    found: str
    statement: str | None
    is_migration: bool = False

    @property
    def finding(self) -> Finding:
        """The row of the report."""
        is_repaired = self.statement is not None or self.is_migration
        remedy = Remedy.DATABASE if is_repaired else Remedy.BY_HAND
        return Finding(COMPONENT, self.what, self.declared, self.found, remedy)


def parse(text: str) -> list[Row]:
    """Read what `catalog.sql` printed."""
    return [Row(**json.loads(line)) for line in text.splitlines() if line]


def compare(
    reference: Iterable[Row], live: Iterable[Row], *, switches_row_security_on: bool
) -> list[Difference]:
    """What differs, in the order in which it is put right.

    Args:
        reference: what the migrations give.
        live: what is there.
        switches_row_security_on: whether every table in `public` should have it.
    """
    expected = {row.key: row for row in reference}
    actual = {row.key: row for row in live}
    own_schemas = {row.schema for row in expected.values() if row.kind == "schema"} - {PUBLIC}
    own_roles = {row.object for row in expected.values() if row.kind == "role"}
    differences = [
        *(_missing(row) for key, row in expected.items() if key not in actual),
        *(
            _changed(row, actual[key])
            for key, row in expected.items()
            if key in actual and actual[key].value != row.value
        ),
        *(
            _extra(row)
            for key, row in actual.items()
            if key not in expected and _is_drift(row, own_schemas, own_roles)
        ),
        *(
            _without_row_security(row)
            for key, row in actual.items()
            if key not in expected and switches_row_security_on and _lacks_row_security(row)
        ),
    ]
    return sorted(differences, key=lambda each: (each.rank, each.what))


def _is_drift(row: Row, own_schemas: set[str], own_roles: set[str]) -> bool:
    """Whether a row that the reference lacks was the platform's to decide."""
    match row.kind:
        case "role":
            return row.aspect in _POWERS and row.value == "yes"
        case "membership":
            return row.party in own_roles or row.object in own_roles
        case kind if kind in _RIGHTS_KINDS and row.schema not in own_schemas:
            return row.party in own_roles | {PUBLIC} and row.schema in {"", PUBLIC}
        case kind if kind in _SERVER_KINDS:
            return row.kind != "setting" or row.party in own_roles | {""}
        case _ if row.aspect.startswith("trigger "):
            return row.schema in own_schemas and row.party in own_schemas
        case _:
            return row.schema in own_schemas


def _lacks_row_security(row: Row) -> bool:
    return row.schema == PUBLIC and row.aspect == ROW_SECURITY and row.value == "off"


def _missing(row: Row) -> Difference:
    return Difference(
        row.rank, row.what, _shown(row), ABSENT, row.make, is_migration=row.kind == "migration"
    )


def _changed(row: Row, found: Row) -> Difference:
    declared, there = _shown(row), _shown(found)
    if declared == there:
        declared, there = "as migrated", "another"
    return Difference(row.rank, row.what, declared, there, row.make)


def _extra(row: Row) -> Difference:
    return Difference(row.rank, row.what, ABSENT, _shown(row), row.undo)


def _without_row_security(row: Row) -> Difference:
    statement = f"alter table {row.object} enable row level security"
    return Difference(row.rank, row.what, "on", "off", statement)


def _shown(row: Row) -> str:
    """A value as it is shown: long texts, such as a function's body, by their first line."""
    lines = row.value.splitlines() or [""]
    return lines[0] if len(lines) == 1 else f"{lines[0]} ..."
