"""The bundle: an encrypted tar archive that is written and read as a stream.

Layout: `manifest.json`, then each item as a folder of numbered parts, then `contents.json`. A
stream's length is not known before its end and a tar entry's must be, hence the parts. With age and
tar alone, `age --decrypt BUNDLE | tar --extract` opens it and `cat FOLDER/*` puts an item together.

A bundle is read twice: `verify` reads all of it before anything is done with it, `items` then hands
out the content. Both check every chunk and every checksum.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import tarfile
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from backup import age
from backup.errors import BackupError
from backup.manifest import (
    Contents,
    FormatVersionError,
    Item,
    Manifest,
    Record,
    parse_contents,
    parse_manifest,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typing_extensions import Buffer

    from backup.manifest import Subject

PART_BYTES = 8 * 1024 * 1024
MANIFEST = "manifest.json"
CONTENTS = "contents.json"
_READ_BYTES = 1024 * 1024


class _ItemWriter(io.RawIOBase):
    """Cuts what is written to it into parts."""

    def __init__(self, writer: BundleWriter, path: str) -> None:
        super().__init__()
        self._writer = writer
        self.path = path
        self.parts = 0
        self.size = 0
        self.digest = hashlib.sha256()
        self._pending = bytearray()

    def writable(self) -> bool:
        """Whether it takes content."""
        return True

    def write(self, data: Buffer, /) -> int:
        """Take content."""
        self._pending += data
        while len(self._pending) >= PART_BYTES:
            self._cut(bytes(self._pending[:PART_BYTES]))
            del self._pending[:PART_BYTES]
        return memoryview(data).nbytes

    def close(self) -> None:
        """Write the last part."""
        if not self.closed and self._pending:
            self._cut(bytes(self._pending))
            self._pending.clear()
        super().close()

    def _cut(self, part: bytes) -> None:
        self.parts += 1
        self.size += len(part)
        self.digest.update(part)
        self._writer.member(_part_name(self.path, self.parts), part)


@dataclass
class BundleWriter:
    """Writes a bundle; `close` completes it."""

    file: IO[bytes]
    passphrase: str
    manifest: Manifest
    work_factor: int = age.WORK_FACTOR
    items: list[Item] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start with the manifest."""
        self._encrypted = age.Writer(self.file, self.passphrase, work_factor=self.work_factor)
        self._archive = tarfile.open(  # noqa: SIM115  (closed by close)
            fileobj=self._encrypted, mode="w|", format=tarfile.PAX_FORMAT
        )
        self.member(MANIFEST, _json(self.manifest))

    def member(self, name: str, content: bytes) -> None:
        """Write one file of the archive."""
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        entry.mode = 0o600
        entry.mtime = int(self.manifest.created.timestamp())
        self._archive.addfile(entry, io.BytesIO(content))

    @contextlib.contextmanager
    def item(self, folder: str) -> Iterator[ItemInProgress]:
        """Add an item: write its content, and say by `describe` what it is."""
        parts = _ItemWriter(self, f"{folder}/{len(self.items) + 1:06}")
        progress = ItemInProgress(parts)
        yield progress
        parts.close()
        if progress.subject is None:
            raise RuntimeError(f"{parts.path}: an item must be described")
        self.items.append(
            Item(
                path=parts.path,
                parts=parts.parts,
                size=parts.size,
                sha256=parts.digest.hexdigest(),
                subject=progress.subject,
            )
        )

    def close(self) -> Contents:
        """Write the table of contents and the last chunk."""
        contents = Contents(items=tuple(self.items))
        self.member(CONTENTS, _json(contents))
        self._archive.close()
        self._encrypted.close()
        return contents


@dataclass
class ItemInProgress:
    """An item that is being written."""

    content: IO[bytes] | io.RawIOBase
    subject: Subject | None = None

    def write(self, data: bytes) -> None:
        """Take content."""
        self.content.write(data)

    def describe(self, subject: Subject) -> None:
        """Say what it is; may be known only at its end."""
        self.subject = subject


class ItemReader(io.RawIOBase):
    """An item's content, put together from its parts. Complete when it was read to its end.

    Raises `BackupError` at the end of content that is not what the table of contents says.
    """

    def __init__(self, item: Item, parts: Iterator[IO[bytes]]) -> None:
        super().__init__()
        self.item = item
        self._parts = parts
        self._part: IO[bytes] | None = None
        self._digest = hashlib.sha256()
        self._size = 0
        self._ended = False

    def readable(self) -> bool:
        """Whether it gives content."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill a buffer, perhaps in part; 0 at the end."""
        target = memoryview(buffer).cast("B")
        while not self._ended:
            if self._part is None:
                self._part = next(self._parts, None)
                if self._part is None:
                    self._end()
                    break
            with _as_damage():
                data = self._part.read(len(target))
            if data:
                target[: len(data)] = data
                self._digest.update(data)
                self._size += len(data)
                return len(data)
            self._part = None
        return 0

    def drain(self) -> None:
        """Read what is left, for the checksum's sake."""
        while self.read(_READ_BYTES):
            pass

    def _end(self) -> None:
        self._ended = True
        if (self._size, self._digest.hexdigest()) != (self.item.size, self.item.sha256):
            raise damaged(f"{self.item.path} is not what the table of contents says")


@dataclass(frozen=True)
class Bundle:
    """A bundle whose passphrase fits."""

    file: IO[bytes]
    file_key: bytes
    start: int
    """Where the encrypted content starts."""
    manifest: Manifest

    def verify(self) -> Contents:
        """Read everything and check it.

        Raises:
            BackupError: Something is missing, changed or not in its place.
        """
        with self._archive() as archive:
            seen: dict[str, tuple[int, int, str]] = {}
            digest = hashlib.sha256()
            path, parts, size = "", 0, 0
            for entry, content in _members(archive):
                if entry.name == CONTENTS:
                    contents = _parse_contents(content.read())
                    break
                folder, _, _ = entry.name.rpartition("/")
                if folder != path:
                    path, parts, size, digest = folder, 0, 0, hashlib.sha256()
                parts += 1
                if entry.name != _part_name(folder, parts):
                    raise damaged(f"{entry.name} is not in its place")
                while data := content.read(_READ_BYTES):
                    size += len(data)
                    digest.update(data)
                seen[path] = (parts, size, digest.hexdigest())
            else:
                raise damaged("its table of contents is missing")
            if archive.next() is not None:
                raise damaged("something follows its table of contents")
        listed = {
            item.path: (item.parts, item.size, item.sha256) for item in contents.items if item.parts
        }
        for path in seen.keys() | listed.keys():
            if seen.get(path) != listed.get(path):
                raise damaged(f"{path} is not what the table of contents says")
        return contents

    def items(self, contents: Contents) -> Iterator[tuple[Item, ItemReader]]:
        """Every item with its content, in order; what is not read of one is passed over."""
        with self._archive() as archive:
            members = _members(archive)
            for item in contents.items:
                reader = ItemReader(item, _parts(item, members))
                yield item, reader
                reader.drain()

    @contextlib.contextmanager
    def _archive(self) -> Iterator[tarfile.TarFile]:
        """The archive after its manifest; checks the rest of the stream in the end."""
        self.file.seek(self.start)
        with _as_damage():
            plain = io.BufferedReader(age.Reader(self.file, self.file_key), age.CHUNK_BYTES)
            with tarfile.open(fileobj=plain, mode="r|") as archive:
                if _read_manifest(archive) != self.manifest:
                    raise damaged("its manifest changed while it was read")
                yield archive
            while plain.read(_READ_BYTES):
                pass


@contextlib.contextmanager
def opened(path: Path, passphrase: str) -> Iterator[Bundle]:
    """Open a bundle: find its key and read its manifest.

    Raises:
        BackupError: It cannot be read, is no bundle, is damaged, has another passphrase, or was
            written by a newer version.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise BackupError(
            f"the bundle {path} cannot be read: {error.strerror}", "Name a bundle: FROM=file."
        ) from None
    with file:
        try:
            file_key = age.read_header(file).file_key(passphrase)
        except age.FormatError as error:
            raise BackupError(
                f"{path} is no bundle: {error}", "Name a bundle: FROM=file."
            ) from None
        except age.WrongPassphraseError:
            raise BackupError(
                f"the passphrase does not open {path}", "Give the one that it was made with."
            ) from None
        except age.DamagedError as error:
            raise damaged(str(error)) from None
        start = file.tell()
        with _as_damage():
            plain = io.BufferedReader(age.Reader(file, file_key), age.CHUNK_BYTES)
            with tarfile.open(fileobj=plain, mode="r|") as archive:
                found = _read_manifest(archive)
        yield Bundle(file, file_key, start, found)


def damaged(what: str) -> BackupError:
    """The error for a bundle that is not as it was written."""
    return BackupError(f"the bundle is damaged: {what}", "Nothing was changed; use another copy.")


@contextlib.contextmanager
def _as_damage() -> Iterator[None]:
    try:
        yield
    except (age.DamagedError, tarfile.TarError, EOFError) as error:
        raise damaged(str(error)) from None


def _members(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    while (entry := archive.next()) is not None:
        content = archive.extractfile(entry) if entry.isfile() else None
        if content is None:
            raise damaged(f"{entry.name} is no file")
        yield entry, content


def _parts(item: Item, members: Iterator[tuple[tarfile.TarInfo, IO[bytes]]]) -> Iterator[IO[bytes]]:
    for number in range(1, item.parts + 1):
        entry, content = next(members, (None, None))
        if entry is None or content is None or entry.name != _part_name(item.path, number):
            raise damaged(f"{_part_name(item.path, number)} is not in its place")
        yield content


def _read_manifest(archive: tarfile.TarFile) -> Manifest:
    entry, content = next(_members(archive), (None, None))
    if entry is None or content is None or entry.name != MANIFEST:
        raise BackupError("the file holds no Plinth bundle", "Name a bundle: FROM=file.")
    try:
        return parse_manifest(content.read())
    except FormatVersionError as error:
        raise BackupError(
            f"the bundle was made by a newer Plinth: {error}",
            "Nothing was changed; restore it with that version.",
        ) from None
    except ValueError as error:
        raise damaged(f"its manifest is not understood: {error}") from None


def _parse_contents(text: bytes) -> Contents:
    try:
        return parse_contents(text)
    except ValueError as error:
        raise damaged(f"its table of contents: {error}") from None


def _part_name(path: str, number: int) -> str:
    return f"{path}/{number:06}"


def _json(record: Record) -> bytes:
    return record.model_dump_json(indent=1).encode() + b"\n"
