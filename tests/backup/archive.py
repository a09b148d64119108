"""Taking a bundle apart and putting it together otherwise, with the passphrase at hand."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING

from backup import age

if TYPE_CHECKING:
    from pathlib import Path

Members = list[tuple[str, bytes]]


def read(path: Path, passphrase: str) -> Members:
    """Name and content of each member."""
    with path.open("rb") as file:
        key = age.read_header(file).file_key(passphrase)
        plain = io.BytesIO(age.Reader(file, key).readall())
    with tarfile.open(fileobj=plain) as tar:
        found = [(entry.name, tar.extractfile(entry)) for entry in tar]
        return [(name, content.read()) for name, content in found if content]


def write(path: Path, passphrase: str, members: Members) -> None:
    """Put members into an encrypted archive."""
    with (
        path.open("wb") as file,
        age.Writer(file, passphrase, work_factor=4) as plain,
        tarfile.open(fileobj=plain, mode="w|") as tar,
    ):
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def items(members: Members) -> dict[str, str]:
    """Text of each item by its folder, as far as it is text."""
    found: dict[str, str] = {}
    for name, content in members:
        folder = name.rpartition("/")[0]
        found[folder] = found.get(folder, "") + content.decode(errors="replace")
    return found


def with_manifest(members: Members, **said: object) -> Members:
    """The members with a manifest that says something else."""
    (name, manifest), *rest = members
    return [(name, json.dumps(json.loads(manifest) | said).encode()), *rest]


def with_rows(members: Members, table: str, rows: int) -> Members:
    """The members with a table of contents that says another number of rows."""
    *rest, (name, text) = members
    contents = json.loads(text)
    for item in contents["items"]:
        if table in item["subject"].get("tables", {}):
            item["subject"]["tables"][table] = rows
    return [*rest, (name, json.dumps(contents).encode())]
