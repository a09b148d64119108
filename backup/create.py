"""Make a bundle: every store and the generated secrets of a stack that is up."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
from typing import TYPE_CHECKING

from backup import bundle as bundles
from backup import manifest as manifests
from backup import mongo, objects, postgres, secrets, verification
from backup.errors import BackupError
from backup.stack import POSTGRES, Stack
from infra.catalog import PLATFORM_VERSION
from infra.stores import postgres as postgres_store
from toolchain import paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toolchain.console import Console, Step

MANAGED_ROLES = frozenset({*postgres_store.logins(), postgres_store.SUPERUSER})
"""Roles whose passwords follow from a stack's own secrets."""


def create(stack: Stack, folder: Path, passphrase: str, console: Console, *, pause: bool) -> Path:
    """Write a bundle, read it back, and give it its name.

    Args:
        stack: What to back up.
        folder: Takes the bundle; made if it is missing.
        passphrase: The bundle's.
        console: Told about each step.
        pause: Whether services that write are stopped meanwhile, so that the stores agree with
            each other.

    Returns:
        The bundle: `plinth-<stack>-<time>.tar.age`, readable by its owner alone.

    Raises:
        BackupError: A store cannot be read, or the bundle cannot be written; none is left then.
    """
    stack.require_stores()
    created = dt.datetime.now(dt.UTC).replace(microsecond=0)
    path = folder / f"plinth-{stack.name}-{created:%Y%m%dT%H%M%SZ}.tar.age"
    with _written_whole(path) as unfinished:
        with (
            unfinished.open("r+b") as file,
            stack.paused() if pause else contextlib.nullcontext(),
        ):
            with console.step("Key of the bundle"):
                bundle = bundles.BundleWriter(file, passphrase, _manifest(stack, created))
            with console.step("PostgreSQL") as step:
                _note(step, postgres.dump(stack.container(POSTGRES), bundle, MANAGED_ROLES))
            with console.step("Mongo store") as step, stack.mongo() as client:
                _note(step, mongo.dump(client, bundle))
            with console.step("S3 store") as step, stack.objects() as client:
                _note(step, objects.dump(client, bundle))
            with console.step("Secrets") as step:
                step.note(f"{_add_secrets(stack, bundle)} generated secrets")
            contents = bundle.close()
            file.flush()
            os.fsync(file.fileno())
        with console.step("Reading it back") as step:
            with bundles.opened(unfinished, passphrase) as written:
                verification.check(written, contents, stack.container(POSTGRES))
            step.note(f"{len(contents.items)} items, {unfinished.stat().st_size} bytes")
    return path


def _manifest(stack: Stack, created: dt.datetime) -> manifests.Manifest:
    server = stack.container(POSTGRES)
    return manifests.Manifest(
        format=manifests.FORMAT,
        version=PLATFORM_VERSION,
        created=created,
        stack=stack.name,
        components={
            name: component["image"]
            for name, component in stack.outputs["components"].items()
            if "image" in component  # Redis may run elsewhere
        },
        postgres_version=postgres.server_version(server),
        migrations=postgres.migrations(server),
    )


def _add_secrets(stack: Stack, bundle: bundles.BundleWriter) -> int:
    deployment = secrets.export(stack.name)
    with bundle.item("stack") as item:
        item.write(json.dumps(deployment, indent=1).encode())
        item.describe(manifests.Secrets(count=secrets.count(deployment)))
    with bundle.item("stack") as item:
        item.write((paths.REPOSITORY / f"Pulumi.{stack.name}.yaml").read_bytes())
        item.describe(manifests.StackFile())
    return secrets.count(deployment)


def _note(step: Step, progress: Iterator[str]) -> None:
    said: list[str] = []
    for words in progress:
        said.append(words)
        step.note("; ".join(said))


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise BackupError(
            f"{path.parent} takes no bundle: {error.strerror}", "Name another folder: TO=folder."
        ) from None


@contextlib.contextmanager
def _written_whole(path: Path) -> Iterator[Path]:
    """A file under another name that gets its own in the end, and is removed if that fails."""
    # A name of this process alone: an interrupt may come at any time, and what bears it may go.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        _make(unfinished)
        yield unfinished
        unfinished.replace(path)
        # The name itself reaches the disk with its folder.
        descriptor = os.open(path.parent, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    except OSError as error:
        raise BackupError(
            f"{path} could not be written: {error.strerror}", "Free space there, then run again."
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)
