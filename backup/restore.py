"""Restore a bundle: into a stack that is up, or its secrets into one that is not there yet.

Everything that can refuse does so first: the bundle is read and checked to its end, and the target
is asked what it holds. Only then is something changed.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from backup import mongo, objects, postgres, secrets
from backup.errors import BackupError
from backup.manifest import Bucket, Collection, Database, Roles, Secrets, StoredObject
from backup.stack import POSTGRES, Stack
from toolchain import paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backup.bundle import Bundle, ItemReader
    from backup.manifest import Contents, Item, Subject
    from toolchain.console import Console

_LONGEST_LIST = 6


def restore(stack: Stack, bundle: Bundle, console: Console, *, force: bool) -> None:
    """Replace what the stores of a stack hold by what a bundle holds.

    Args:
        stack: The target; its own passwords and keys stay.
        bundle: What to restore.
        console: Told about each step.
        force: Whether to replace data that the target holds.

    Raises:
        BackupError: Nothing was touched, unless it says otherwise.
    """
    contents = _checked(bundle, console)
    with console.step(f"Stack {stack.name}") as step:
        stack.require_stores()
        _require_same_kind(stack, bundle)
        held = _held_data(stack)
        if held and not force:
            raise BackupError(
                f"stack {stack.name} holds data: {_listed(held)}; nothing was touched",
                "FORCE=1 replaces all that its stores hold.",
            )
        step.note("holds data, which is replaced" if held else "holds no data yet")
    with stack.paused():
        _restore_stores(stack, bundle, contents, console)
        with console.step("Bootstrap") as step:
            stack.run_bootstrap()
            step.note("roles have the passwords of this stack")


def restore_secrets(stack: str, bundle: Bundle, console: Console) -> None:
    """Give a stack that has no resources yet the secrets of a bundle.

    Raises:
        BackupError: The stack has resources; nothing was touched.
    """
    contents = _checked(bundle, console)
    with console.step("Secrets") as step:
        exists = secrets.require_empty(stack)
        for item, content in bundle.items(contents):
            if isinstance(item.subject, Secrets):
                deployment = json.loads(content.readall())
                secrets.restore(stack, bundle.manifest.stack, deployment, exists=exists)
                step.note(f"{item.subject.count} generated secrets of {bundle.manifest.stack}")


def _checked(bundle: Bundle, console: Console) -> Contents:
    with console.step("Checking the bundle") as step:
        contents = bundle.verify()
        made = bundle.manifest
        step.note(f"{len(contents.items)} items of {made.stack}, {made.created:%Y-%m-%d %H:%M} UTC")
    return contents


def _require_same_kind(stack: Stack, bundle: Bundle) -> None:
    version = postgres.server_version(stack.container(POSTGRES))
    if bundle.manifest.postgres_version > version:
        raise BackupError(
            f"the bundle is of PostgreSQL {bundle.manifest.postgres_version} and stack "
            f"{stack.name} has {version}; nothing was touched",
            "Restore it into that version or a newer one.",
        )
    known = {path.name.split("_")[0] for path in paths.REPOSITORY.glob("database/migrations/*.sql")}
    unknown = [version for version in bundle.manifest.migrations if version not in known]
    if unknown:
        raise BackupError(
            f"the bundle was made by a newer Plinth: migration {unknown[0]} is not known here; "
            "nothing was touched",
            "Restore it with that version.",
        )


def _held_data(stack: Stack) -> list[str]:
    held = postgres.held_data(stack.container(POSTGRES))
    with stack.mongo() as client:
        held += mongo.held_data(client)
    with stack.objects() as client:
        held += objects.held_data(client)
    return held


def _listed(held: Sequence[str]) -> str:
    more = len(held) - _LONGEST_LIST
    return ", ".join(held[:_LONGEST_LIST]) + (f" and {more} more" if more > 0 else "")


def _restore_stores(stack: Stack, bundle: Bundle, contents: Contents, console: Console) -> None:
    subjects = [item.subject for item in contents.items]
    items = bundle.items(contents)
    with console.step("PostgreSQL") as step:
        restored = _restore_databases(stack, items, subjects)
        step.note(", ".join(restored))
    # After the databases: a refusal of PostgreSQL leaves the other stores alone.
    with (
        console.step("Mongo and S3 store") as step,
        stack.mongo() as documents,
        stack.objects() as files,
    ):
        mongo.clear(documents)
        objects.clear(files, {found.name for found in subjects if isinstance(found, Bucket)})
        counts: Counter[str] = Counter()
        for item, content in items:
            match item.subject:
                case Collection():
                    mongo.restore(documents, item.subject, content)
                case Bucket():
                    objects.restore_bucket(files, item.subject)
                case StoredObject():
                    objects.restore_object(files, item.subject, content)
                case _:
                    continue
            counts[item.subject.kind] += 1
            step.note(", ".join(f"{count} {kind}s" for kind, count in counts.items()))


def _restore_databases(
    stack: Stack, items: Iterator[tuple[Item, ItemReader]], subjects: Sequence[Subject]
) -> list[str]:
    """Restore the roles and databases, which stand first in a bundle; the databases' names."""
    server = stack.container(POSTGRES)
    names = [found.name for found in subjects if isinstance(found, Database)]
    remaining = set(names)
    roles = ""
    for item, content in items:
        match item.subject:
            case Roles():
                roles = content.readall().decode()
            case Database():
                postgres.restore(server, item.subject, content, roles)
                roles = ""
                remaining.discard(item.subject.name)
        if not remaining:
            break
    postgres.drop_others(server, names)
    return names
