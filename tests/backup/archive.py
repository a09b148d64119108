"""Taking a bundle apart and putting it together otherwise, with the passphrase at hand."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

from backup import age

if TYPE_CHECKING:
    from collections.abc import Callable
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


def items(path: Path, passphrase: str) -> dict[str, str]:
    """Text of each item by its folder, as far as it is text."""
    found: dict[str, str] = {}
    for name, content in read(path, passphrase):
        folder = name.rpartition("/")[0]
        found[folder] = found.get(folder, "") + content.decode(errors="replace")
    return found


def rewrite(path: Path, passphrase: str, change: Callable[[Any], Any]) -> None:
    """Change the manifest."""
    members = read(path, passphrase)
    manifest = json.dumps(change(json.loads(members[0][1]))).encode()
    write(path, passphrase, [(members[0][0], manifest), *members[1:]])


def replace_rows(path: Path, passphrase: str, table: str, rows: int) -> None:
    """Let the table of contents say another number of rows."""
    members = read(path, passphrase)
    contents = json.loads(members[-1][1])
    for item in contents["items"]:
        if table in item["subject"].get("tables", {}):
            item["subject"]["tables"][table] = rows
    write(path, passphrase, [*members[:-1], (members[-1][0], json.dumps(contents).encode())])
