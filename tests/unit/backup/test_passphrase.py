from collections.abc import Callable
from pathlib import Path

import pytest

from backup import passphrase
from backup.errors import BackupError

LONG = "correct horse battery staple"


def answers(*given: str) -> Callable[[str], str]:
    remaining = iter(given)
    return lambda _question: next(remaining)


def test_it_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(f"{LONG}\n")
    environment = {"PASSPHRASE_FILE": str(tmp_path / "file")}
    assert passphrase.read(environment, is_new=True) == LONG


def test_spaces_in_a_file_belong_to_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(f" {LONG} \r\n")
    environment = {"PASSPHRASE_FILE": str(tmp_path / "file")}
    assert passphrase.read(environment, is_new=True) == f" {LONG} "


def test_it_comes_from_the_environment() -> None:
    assert passphrase.read({"PLINTH_BACKUP_PASSPHRASE": LONG}, is_new=True) == LONG


def test_a_person_types_a_new_one_twice() -> None:
    assert passphrase.read({}, ask=answers(LONG, LONG), is_new=True) == LONG


def test_a_person_types_a_known_one_once() -> None:
    assert passphrase.read({}, ask=answers(LONG), is_new=False) == LONG


def test_two_that_differ_are_refused() -> None:
    with pytest.raises(BackupError, match="the two passphrases differ"):
        passphrase.read({}, ask=answers(LONG, "another"), is_new=True)


def test_none_is_refused() -> None:
    with pytest.raises(BackupError, match="no passphrase was given"):
        passphrase.read({}, is_new=True)


def test_a_short_one_is_refused_for_a_new_bundle() -> None:
    with pytest.raises(BackupError, match=r"too short \(5 characters\)") as refused:
        passphrase.read({"PLINTH_BACKUP_PASSPHRASE": "hello"}, is_new=True)
    assert "hello" not in str(refused.value)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("\n")
    with pytest.raises(BackupError, match="too short"):
        passphrase.read({"PASSPHRASE_FILE": str(tmp_path / "file")}, is_new=True)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["absent", "no text"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BackupError, match="cannot be read"):
        passphrase.read({"PASSPHRASE_FILE": str(file)}, is_new=False)
