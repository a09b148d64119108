"""Reading a bundle back: whether what was written can be restored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backup import mongo, postgres
from backup.errors import BackupError
from backup.manifest import Collection, Database

if TYPE_CHECKING:
    from backup.bundle import Bundle
    from backup.manifest import Contents


def check(bundle: Bundle, written: Contents, server: str) -> None:
    """Decrypt a bundle, compare every checksum, and read each dump as a restore would.

    Args:
        bundle: What to read.
        written: What was written into it.
        server: Container of the PostgreSQL server, whose programs read its dumps.

    Raises:
        BackupError: It does not read as it was written.
    """
    if bundle.verify() != written:
        raise BackupError(
            "the bundle does not read as it was written", "Check the disk, run again."
        )
    dumps = sum(isinstance(item.subject, Database | Collection) for item in written.items)
    for item, content in bundle.items(written):
        if dumps == 0:
            return  # files are their bytes, and their checksums were compared
        match item.subject:
            case Database():
                postgres.check(server, item.subject, content)
            case Collection():
                mongo.check(item.subject, content)
            case _:
                continue
        dumps -= 1
