"""The passphrase of a bundle: from a file, the environment, or a terminal. Never an argument."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from backup.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FILE_VARIABLE = "PASSPHRASE_FILE"
VARIABLE = "PLINTH_BACKUP_PASSPHRASE"
SHORTEST = 16
"""In characters. Whoever holds a bundle may guess for as long as they like."""


def read(
    environment: Mapping[str, str] = os.environ,
    *,
    ask: Callable[[str], str] | None = None,
    is_new: bool,
) -> str:
    """The passphrase, without the line end of its file.

    Args:
        environment: read for `PASSPHRASE_FILE`, then `PLINTH_BACKUP_PASSPHRASE`.
        ask: asks a person; None where no terminal listens.
        is_new: whether a bundle is to be made with it; a person then types it twice, and a short
            one is refused. One that opens a bundle is taken as it is.

    Raises:
        BackupError: There is none, it is too short, or the two typed ones differ.
    """
    file = environment.get(FILE_VARIABLE)
    if file:
        passphrase = _from_file(Path(file))
    elif environment.get(VARIABLE):
        passphrase = environment[VARIABLE]
    elif ask:
        passphrase = ask("Passphrase of the bundle: ")
        if is_new and ask("The same once more: ") != passphrase:
            raise BackupError("the two passphrases differ", "Run this again; nothing was written.")
    else:
        raise BackupError(
            "no passphrase was given",
            f"Set {FILE_VARIABLE}= to a file that holds it, or {VARIABLE} in the environment.",
        )
    if is_new and len(passphrase) < SHORTEST:
        raise BackupError(
            f"the passphrase is too short ({len(passphrase)} characters)",
            f"Use {SHORTEST} or more: openssl rand -base64 24 makes one.",
        )
    return passphrase


def terminal() -> Callable[[str], str] | None:
    """How to ask a person without an echo, or None where nobody can be asked."""
    return getpass.getpass if sys.stdin.isatty() else None


def _from_file(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise BackupError(
            f"the passphrase cannot be read from {file}: {reason}",
            f"Set {FILE_VARIABLE}= to a file that holds it.",
        ) from None
