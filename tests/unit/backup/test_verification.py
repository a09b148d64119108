"""Reading documents back."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import bson
import pytest

from backup import bundle as bundles
from backup import manifest, verification
from backup.errors import BackupError

PASSPHRASE = "a passphrase for tests"
DOCUMENTS = b"".join(bson.encode({"_id": number}) for number in range(3))
MANIFEST = manifest.Manifest(
    format=manifest.FORMAT,
    version="0.1.0",
    created=datetime(2026, 1, 2, tzinfo=UTC),
    stack="dev",
    components={},
    postgres_version=17,
    migrations=(),
)


def check(path: Path, content: bytes, documents: int) -> None:
    """Write a collection into a bundle and read it back."""
    with path.open("wb") as file:
        writer = bundles.BundleWriter(file, PASSPHRASE, MANIFEST, work_factor=2)
        with writer.item("mongo") as item:
            item.write(content)
            item.describe(
                manifest.Collection(
                    database="app", name="notes", options="{}", indexes="[]", documents=documents
                )
            )
        written = writer.close()
    with bundles.opened(path, PASSPHRASE) as opened:
        verification.check(opened, written, "no server")


def test_documents_that_are_all_there_are_fine(tmp_path: Path) -> None:
    check(tmp_path / "bundle", gzip.compress(DOCUMENTS), 3)


def test_a_view_has_no_documents(tmp_path: Path) -> None:
    check(tmp_path / "bundle", b"", 0)


@pytest.mark.parametrize(
    ("content", "documents", "reason"),
    [
        pytest.param(gzip.compress(DOCUMENTS), 4, "3 documents instead of 4", id="too few"),
        pytest.param(gzip.compress(DOCUMENTS)[:-9], 3, "end-of-stream", id="cut off"),
        pytest.param(DOCUMENTS, 3, "Not a gzipped file", id="not compressed"),
        pytest.param(gzip.compress(DOCUMENTS[:-1]), 3, "invalid object length", id="half one"),
        pytest.param(
            gzip.compress(DOCUMENTS + b"\0"), 3, "requires a buffer of 4 bytes", id="a byte more"
        ),
    ],
)
def test_documents_that_cannot_be_restored_are_told(
    content: bytes, documents: int, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(
        BackupError, match=f"Mongo collection app.notes cannot be read back: .*{reason}"
    ):
        check(tmp_path / "bundle", content, documents)


def test_a_bundle_that_is_not_what_was_written_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    check(path, gzip.compress(DOCUMENTS), 3)
    with (
        bundles.opened(path, PASSPHRASE) as opened,
        pytest.raises(BackupError, match="does not read as it was written"),
    ):
        verification.check(opened, manifest.Contents(items=()), "no server")
