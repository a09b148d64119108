"""A bundle as a whole: what was put in comes out, and nothing else is taken for a bundle."""

import datetime as dt
import io
import json
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup import age, bundle, manifest
from backup.errors import BackupError

PASSPHRASE = "a passphrase for tests"
WORK_FACTOR = 2
MANIFEST = manifest.Manifest(
    format=manifest.FORMAT,
    version="0.1.0",
    created=dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    stack="dev",
    components={"postgres": "plinth/postgres:17"},
    postgres_version=17,
    migrations=("20260101000000",),
)
BIG = b"0123456789" * (bundle.PART_BYTES // 10 + 7)
CONTENT = (b"", b"short", BIG)


def write(path: Path, content: tuple[bytes, ...] = CONTENT) -> manifest.Contents:
    with path.open("wb") as file:
        writer = bundle.BundleWriter(file, PASSPHRASE, MANIFEST, work_factor=WORK_FACTOR)
        for number, data in enumerate(content):
            with writer.item("objects") as item:
                item.write(data)
                item.describe(
                    manifest.StoredObject(bucket="b", key=str(number), headers={}, metadata={})
                )
        return writer.close()


def archive(path: Path, members: list[tuple[str, bytes]]) -> Path:
    """An encrypted archive with any members."""
    with (
        path.open("wb") as file,
        age.Writer(file, PASSPHRASE, work_factor=WORK_FACTOR) as plain,
        tarfile.open(fileobj=plain, mode="w|") as tar,
    ):
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def members_of(path: Path) -> list[tuple[str, bytes]]:
    with path.open("rb") as file:
        key = age.read_header(file).file_key(PASSPHRASE)
        plain = io.BytesIO(age.Reader(file, key).readall())
    with tarfile.open(fileobj=plain) as tar:
        found = [(entry.name, tar.extractfile(entry)) for entry in tar]
        return [(name, content.read()) for name, content in found if content]


def verify(path: Path, passphrase: str = PASSPHRASE) -> manifest.Contents:
    with bundle.opened(path, passphrase) as opened:
        return opened.verify()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.tar.age"
    write(path)
    return path


def test_items_come_back(path: Path) -> None:
    with bundle.opened(path, PASSPHRASE) as opened:
        found = [reader.readall() for _, reader in opened.items(opened.verify())]
    assert tuple(found) == CONTENT


def test_an_item_that_is_not_read_is_passed_over(path: Path) -> None:
    with bundle.opened(path, PASSPHRASE) as opened:
        items = opened.items(opened.verify())
        found = [reader.readall() for item, reader in items if item.size == len(b"short")]
    assert found == [b"short"]


def test_the_manifest_comes_back(path: Path) -> None:
    with bundle.opened(path, PASSPHRASE) as opened:
        assert opened.manifest == MANIFEST


def test_the_manifest_is_the_first_member(path: Path) -> None:
    assert members_of(path)[0][0] == "manifest.json"


def test_big_content_is_cut_into_parts(path: Path) -> None:
    assert [item.parts for item in verify(path).items] == [0, 1, 2]


def test_parts_in_the_order_of_their_names_are_the_item(path: Path) -> None:
    item = verify(path).items[2]
    parts = sorted(member for member in members_of(path) if member[0].startswith(item.path))
    assert b"".join(content for _, content in parts) == BIG


def test_nothing_of_the_content_is_readable(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    write(path, (b"a secret that must not show",))
    assert b"secret" not in path.read_bytes()
    assert b"manifest" not in path.read_bytes()


@given(st.lists(st.binary(max_size=300), max_size=5).map(tuple))
@settings(deadline=None, max_examples=50)
def test_any_content_comes_back(
    tmp_path_factory: pytest.TempPathFactory, content: tuple[bytes, ...]
) -> None:
    path = tmp_path_factory.mktemp("bundle") / "bundle"
    write(path, content)
    with bundle.opened(path, PASSPHRASE) as opened:
        found = [reader.readall() for _, reader in opened.items(opened.verify())]
    assert tuple(found) == content


# What is refused


@pytest.mark.parametrize("share", [0.001, 0.3, 0.6, 0.999])
def test_a_truncated_bundle_is_refused(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BackupError, match=r"damaged|is no bundle"):
        verify(path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.6, 0.99999])
def test_a_flipped_bit_is_refused(path: Path, share: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(len(content) * share)] ^= 1
    path.write_bytes(content)
    with pytest.raises(BackupError, match=r"damaged|is no bundle|does not open"):
        verify(path)


def test_another_passphrase_is_refused(path: Path) -> None:
    with pytest.raises(BackupError, match="the passphrase does not open"):
        verify(path, "another passphrase")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="cannot be read: No such file"):
        verify(tmp_path / "absent")


def test_any_other_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"something else\n" * 100)
    with pytest.raises(BackupError, match="is no bundle"):
        verify(tmp_path / "other")


def test_an_encrypted_file_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="holds no Plinth bundle"):
        verify(archive(tmp_path / "other", [("notes.txt", b"text")]))


def test_an_encrypted_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    with (
        (tmp_path / "other").open("wb") as file,
        age.Writer(file, PASSPHRASE, work_factor=WORK_FACTOR) as plain,
    ):
        plain.write(b"no archive" * 1000)
    with pytest.raises(BackupError, match=r"damaged|holds no Plinth bundle"):
        verify(tmp_path / "other")


def test_a_bundle_of_a_newer_version_is_refused(path: Path) -> None:
    members = members_of(path)
    newer = {**json.loads(members[0][1]), "format": manifest.FORMAT + 1, "something": "new"}
    archive(path, [("manifest.json", json.dumps(newer).encode()), *members[1:]])
    with pytest.raises(BackupError, match="made by a newer Plinth: it has format 2"):
        verify(path)


Members = list[tuple[str, bytes]]
TAMPERINGS: dict[str, Callable[[Members], Members]] = {
    "no contents": lambda members: members[:-1],
    "a part is missing": lambda members: [members[0], *members[2:]],
    "a part is missing in the middle": lambda members: [*members[:2], *members[3:]],
    "parts in another order": lambda members: [*members[:2], members[3], members[2], members[4]],
    "a part twice": lambda members: [*members[:2], members[1], *members[2:]],
    "another content": lambda members: [members[0], (members[1][0], b"other"), *members[2:]],
    "one member more": lambda members: [*members[:-1], ("objects/000009/000001", b""), members[-1]],
    "something at the end": lambda members: [*members, ("objects/000009/000001", b"x")],
}
"""What somebody who has the passphrase, or a defect, could make of a bundle."""


@pytest.mark.parametrize("what", TAMPERINGS)
def test_contents_that_do_not_fit_are_refused(path: Path, what: str) -> None:
    archive(path, TAMPERINGS[what](members_of(path)))
    with pytest.raises(BackupError, match="the bundle is damaged"):
        verify(path)


def test_a_bundle_that_changes_after_it_was_verified_is_refused(path: Path) -> None:
    with bundle.opened(path, PASSPHRASE) as opened:
        contents = opened.verify()
        content = bytearray(path.read_bytes())
        content[-100_000] ^= 1
        path.write_bytes(content)
        with pytest.raises(BackupError, match="the bundle is damaged"):
            [reader.readall() for _, reader in opened.items(contents)]


def test_an_item_must_be_described(tmp_path: Path) -> None:
    with (tmp_path / "bundle").open("wb") as file:
        writer = bundle.BundleWriter(file, PASSPHRASE, MANIFEST, work_factor=WORK_FACTOR)
        with pytest.raises(RuntimeError, match="must be described"), writer.item("objects"):
            pass


def test_members_are_their_owners_alone(path: Path) -> None:
    with path.open("rb") as file:
        key = age.read_header(file).file_key(PASSPHRASE)
        plain = io.BytesIO(age.Reader(file, key).readall())
    with tarfile.open(fileobj=plain) as tar:
        assert {stat.S_IMODE(entry.mode) for entry in tar} == {0o600}
