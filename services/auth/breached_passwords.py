"""Passwords that are known from breaches, looked up in files: nobody else hears of a password.

The files are those of haveibeenpwned.com's range interface, as its downloader writes them: one for
each of the 1,048,576 possible first five digits of a SHA-1 hash, named by them (`00000.txt`, or
without `.txt`), with a line `SUFFIX:COUNT` for each hash. A look-up reads the lines of one file.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PREFIX_LENGTH = 5
_LINE = re.compile(rb"([0-9A-Fa-f]{35}):([0-9]+)\s*")
_FIRST, _LAST = "00000", "FFFFF"


class BreachedPasswords:
    """A folder of range files.

    Args:
        folder: Where they are.

    Raises:
        ValueError: They are not there, or they are something else.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for prefix in (_FIRST, _LAST):
            try:
                with self._range_file(prefix).open("rb") as lines:
                    usable = _LINE.fullmatch(lines.readline())
            except OSError:
                raise ValueError(
                    f"{folder} has no readable file {prefix} or {prefix}.txt; "
                    "haveibeenpwned-downloader with --single false writes them"
                ) from None
            if not usable:
                raise ValueError(f"{self._range_file(prefix)} has no lines such as SUFFIX:COUNT")

    def contains(self, password: str) -> bool:
        """Whether the password is known. Reads a file: not for the event loop.

        Raises:
            OSError: The file of its range cannot be read.
        """
        digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        wanted = digest[_PREFIX_LENGTH:].encode()
        with self._range_file(digest[:_PREFIX_LENGTH]).open("rb") as lines:
            for line in lines:
                entry = _LINE.fullmatch(line)
                if entry and entry[1].upper() == wanted:
                    return int(entry[2]) > 0  # the interface pads its answers with zeros
        return False

    def _range_file(self, prefix: str) -> Path:
        named = self._folder / f"{prefix}.txt"
        return named if named.exists() else self._folder / prefix
