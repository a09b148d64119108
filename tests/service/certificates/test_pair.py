from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from services.certificates.pair import CURRENT, PairFolder, self_signed

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)
NAMES = ("api.plinth.test", "www.plinth.test")


@pytest.fixture
def folder(tmp_path: Path) -> PairFolder:
    return PairFolder(tmp_path)


def test_self_signed_pair_is_for_every_name() -> None:
    assert self_signed(NAMES, NOW).covers(NAMES)


def test_chain_and_key_belong_together(folder: PairFolder) -> None:
    folder.write(self_signed(NAMES, NOW))
    # Raises where they do not.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder.path / CURRENT / "chain.pem", folder.path / CURRENT / "key.pem")


def test_what_was_written_is_read(folder: PairFolder) -> None:
    folder.write(pair := self_signed(NAMES, NOW))
    assert folder.read() == pair


def test_empty_folder_has_no_pair(folder: PairFolder) -> None:
    assert folder.read() is None


@pytest.mark.parametrize("file", ["chain.pem", "key.pem", "directory"])
def test_pair_that_is_not_whole_is_none(folder: PairFolder, file: str) -> None:
    folder.write(self_signed(NAMES, NOW))
    (folder.path / CURRENT / file).unlink()
    assert folder.read() is None


def test_chain_that_is_no_certificate_is_none(folder: PairFolder) -> None:
    folder.write(self_signed(NAMES, NOW))
    (folder.path / CURRENT / "chain.pem").write_text("-----BEGIN")
    assert folder.read() is None


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
def test_key_is_for_the_user_and_the_group_alone(folder: PairFolder, mask: int) -> None:
    before = os.umask(mask)
    folder.write(self_signed(NAMES, NOW))
    os.umask(before)
    assert (folder.path / CURRENT / "key.pem").stat().st_mode & 0o777 == 0o640


def interrupt(folder: PairFolder) -> None:
    """Leave what a write leaves that ended halfway: a folder, and a link that was not moved."""
    (folder.path / "tmpnext").mkdir()
    (folder.path / "tmpnext" / "chain.pem").write_text("")
    (folder.path / "tmpnext.link").symlink_to("tmpnext")


def test_interrupted_write_leaves_the_present_pair(folder: PairFolder) -> None:
    folder.write(pair := self_signed(NAMES, NOW))
    interrupt(folder)
    assert folder.read() == pair


def test_nothing_but_the_present_pair_is_kept(folder: PairFolder) -> None:
    for _ in range(2):
        folder.write(self_signed(NAMES, NOW))
    interrupt(folder)
    folder.write(self_signed(NAMES, NOW))
    present = folder.path / CURRENT
    assert set(folder.path.iterdir()) == {present, folder.path / present.readlink()}
