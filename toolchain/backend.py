"""Where the state is kept: where the user is logged in, else in this checkout with a passphrase.

The local state lives in `.plinth/state`, its secrets encrypted with a passphrase that is generated
once into `.plinth/passphrase` (only its owner can read it). A passphrase is never overwritten: the
stack's secrets cannot be read with another one.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain import paths
from toolchain.engine import process_name
from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.console import Console

PASSPHRASE_BYTES = 32
PASSPHRASE_VARIABLES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
BOOKKEEPING = ".pulumi"


@dataclass(frozen=True)
class Backend:
    """Where Pulumi keeps the state.

    Attributes:
        description: for the user, for example `local, .plinth/state`.
        is_local: whether it is this checkout's own.
        variables: what to set in Pulumi's environment.
    """

    description: str
    is_local: bool
    variables: Mapping[str, str]


def login(environment: Mapping[str, str], home: Path) -> str | None:
    """Where the user is logged in already, or None.

    Looks where Pulumi looks: PULUMI_BACKEND_URL, PULUMI_ACCESS_TOKEN, and `current` in
    credentials.json below PULUMI_HOME, PULUMI_CREDENTIALS_PATH or ~/.pulumi. This checkout's own
    state, which `python3 -m toolchain env` puts into PULUMI_BACKEND_URL, does not count.
    """
    url = environment.get("PULUMI_BACKEND_URL")
    if url:
        return None if url == local_url() else url
    if environment.get("PULUMI_ACCESS_TOKEN"):
        return environment.get("PULUMI_API") or "https://api.pulumi.com"
    folder = environment.get("PULUMI_CREDENTIALS_PATH") or environment.get("PULUMI_HOME")
    own = folder == str(paths.PULUMI_HOME)
    credentials = (Path(folder) if folder and not own else home / ".pulumi") / "credentials.json"
    try:
        current = json.loads(credentials.read_text(encoding="utf-8")).get("current")
    except (OSError, ValueError, AttributeError):
        return None
    return current if isinstance(current, str) and current else None


def local_url() -> str:
    """The URL of this checkout's own state."""
    return paths.STATE.as_uri()


def has_resources(state: Path) -> bool:
    """Whether any stack of a local state holds resources."""
    for checkpoint in sorted((state / BOOKKEEPING / "stacks").glob("*/*.json")):
        try:
            latest = json.loads(checkpoint.read_text(encoding="utf-8"))["checkpoint"]["latest"]
        except (OSError, ValueError, KeyError, TypeError):
            return True  # unreadable is not empty: do not invent a passphrase for it
        if latest and latest.get("resources"):
            return True
    return False


def ensure_passphrase(file: Path, state: Path) -> bool:
    """Make sure that there is a passphrase, generating one only where no state needs an older one.

    Returns:
        Whether one was generated.

    Raises:
        ToolchainError: the passphrase is lost or empty while a state exists.
    """
    if file.exists():
        if file.read_text(encoding="utf-8").strip():
            return False
        what = f"the passphrase file {_shown(file)} is empty"
    elif not has_resources(state):
        _write_once(file, secrets.token_urlsafe(PASSPHRASE_BYTES))
        return True
    else:
        what = f"the passphrase of the local state is lost: {_shown(file)} is missing"
    raise ToolchainError(
        what,
        "Put it back from your backup, or set PULUMI_CONFIG_PASSPHRASE; without it the stack's "
        "secrets cannot be read, and no new one was made.",
    )


def _shown(path: Path) -> str:
    return (
        str(path.relative_to(paths.REPOSITORY))
        if path.is_relative_to(paths.REPOSITORY)
        else (str(path))
    )


def _write_once(file: Path, passphrase: str) -> None:
    """Write a new file in one step: whole or not at all, and never over another one."""
    paths.make_private(file.parent)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as output:
            output.write(passphrase + "\n")
            output.flush()
            os.fsync(output.fileno())
        os.link(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def release_stale_locks(state: Path, hostname: str, proc: Path = Path("/proc")) -> int:
    """Remove the locks of runs on this machine whose Pulumi process is gone.

    A lock is a JSON file with pid, username, hostname and timestamp. One of another machine (a
    state on a shared disk) is left alone. Source: Pulumi's pkg/backend/diy/lock.go.

    Returns:
        How many locks were removed.
    """
    removed = 0
    for lock in sorted((state / BOOKKEEPING / "locks").rglob("*.json")):
        try:
            holder = json.loads(lock.read_text(encoding="utf-8"))
            pid, machine = int(holder["pid"]), holder["hostname"]
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError):
            # Written by a run that was killed at that moment: the engine writes it at its start.
            lock.unlink(missing_ok=True)
            removed += 1
            continue
        if machine == hostname and process_name(pid, proc) != "pulumi":
            lock.unlink(missing_ok=True)
            removed += 1
    return removed


def discard_torn_attributes(state: Path) -> int:
    """Remove what a run that was killed left half written beside the files of a local state.

    Each file has another one beside it, `.attrs`, with its content type and hash as JSON. The file
    itself is written in one step, that one is not, and a torn one makes the file unreadable
    (`failed to load checkpoint: EOF`). Without it the file reads as before. Source: gocloud.dev's
    blob/fileblob/attrs.go.

    Returns:
        How many were removed.
    """
    torn = 0
    for attributes in sorted((state / BOOKKEEPING).rglob("*.attrs")):
        try:
            json.loads(attributes.read_text(encoding="utf-8"))
        except ValueError:
            attributes.unlink(missing_ok=True)
            torn += 1
    return torn


def prepare(console: Console) -> Backend:
    """Settle where the state is, generating the local passphrase at the first run.

    Raises:
        ToolchainError: the local passphrase is lost.
    """
    with console.step("State") as step:
        current = login(os.environ, Path.home())
        if current is not None:
            step.note(f"where you are logged in: {current.split('@')[-1]}")
            return Backend(current, is_local=False, variables={})
        paths.make_private(paths.STATE)
        variables = {
            "PULUMI_BACKEND_URL": local_url(),
            # The salt is kept with the state; the stack files in git stay as they are.
            "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        }
        if any(os.environ.get(name) for name in PASSPHRASE_VARIABLES):
            step.note("local, .plinth/state, with your passphrase")
        else:
            is_new = ensure_passphrase(paths.PASSPHRASE, paths.STATE)
            variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(paths.PASSPHRASE)
            step.note("local, .plinth/state" + (", new passphrase" if is_new else ""))
        if discard_torn_attributes(paths.STATE):
            step.note(f"{step.detail}, mended after a killed run")
        locks = release_stale_locks(paths.STATE, os.uname().nodename)
        if locks:
            step.note(f"{step.detail}, {locks} stale lock removed")
        return Backend("local", is_local=True, variables=variables)
