"""The backup that `make up` makes before a store gets another image."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from backup import passphrase
from backup import stack as stacks
from backup.create import create
from backup.errors import BackupError
from infra import stack_file
from policies.resource_types import CONTAINER
from toolchain import containers, paths
from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from infra.config.stack import StackConfig
    from toolchain.console import Console
    from toolchain.containers import Container


def back_up(stack: str, changed: Collection[str], console: Console) -> Path | None:
    """Back a stack up before components of it get another image, where its configuration asks.

    Args:
        stack: The stack's name.
        changed: Components that get another image.
        console: Told about each step.

    Returns:
        The bundle; None where none is asked for, or none can be made because a former upgrade has
        left a store that does not serve.

    Raises:
        BackupError: It failed, or a store is stopped; the upgrade must not go on.
    """
    stores = [store for store in stacks.STORES if store in changed]
    if not stores:
        return None
    subject = f"another image for {' and '.join(stores)} of stack {stack}"
    settings = stack_file.read(stack, paths.REPOSITORY)
    if not settings.backs_up_before_upgrade:
        console.paragraph(f"{subject}: not backed up first (upgrade.backup_first is off)")
        return None
    folder = paths.REPOSITORY / settings.upgrade.backup_folder
    try:
        present, gone = containers.of_stack(stack), half_replaced(stack)
        broken = broken_stores(stores, here(settings), present, gone)
        if broken:
            console.paragraph(
                f"{subject}: {', '.join(broken)} does not serve, so there is nothing to back up. "
                f"Bundles of former upgrades: {folder}"
            )
            return None
        secret = passphrase.read(ask=passphrase.terminal(), is_new=True)
        bundle = create(stacks.Stack.read(stack), folder, secret, console, pause=False)
    except ToolchainError as error:
        raise BackupError(
            f"{subject}, and no backup before it: {error.what}; nothing was changed",
            f"{error.mend} upgrade.backup_first: false goes on without a backup.",
            evidence=error.evidence,
            exit_code=error.exit_code,
        ) from None
    console.paragraph(f"{subject}: backed up first, to {bundle}")
    return bundle


def here(settings: StackConfig) -> list[str]:
    """The stores of a stack that do not run elsewhere."""
    elsewhere: dict[str, object] = {
        stacks.POSTGRES: settings.database.external,
        stacks.MONGO: settings.mongo.external,
        stacks.OBJECT_STORE: settings.object_store.external,
    }
    return [store for store, server in elsewhere.items() if server is None]


def broken_stores(
    changed: Iterable[str],
    expected: Iterable[str],
    present: Iterable[Container],
    half_replaced: Collection[str],
) -> list[str]:
    """Those of the changed stores that a former upgrade has left without a container that serves.

    Another image alone can mend them, so that asking for a backup first would leave them broken. A
    store that somebody stopped is none of them.

    Args:
        changed: Stores that get another image.
        expected: Stores that the stack runs.
        present: Containers of the stack.
        half_replaced: Components whose container an update removed without making the next one.

    Raises:
        BackupError: None is, and a store of the stack does not serve for another reason.
    """
    found = {each.component: each for each in present if not each.holds_files}
    broken = [
        store
        for store in changed
        if (found[store].has_failed if store in found else store in half_replaced)
    ]
    silent = [
        store
        for store in expected
        if store not in found or found[store].status != "running" or found[store].has_failed
    ]
    if silent and not broken:
        raise BackupError(
            f"{', '.join(silent)} does not serve",
            "Start it with the image that it had (its former pin, and make up), then upgrade.",
        )
    return broken


def half_replaced(stack: str) -> set[str]:
    """Components whose container an update removed without making the next one.

    Raises:
        BackupError: The state cannot be read.
    """
    exported = stacks.pulumi(stack, "stack", "export")
    return half_replaced_in(json.loads(exported or "{}").get("deployment") or {})


def half_replaced_in(deployment: Mapping[str, Any]) -> set[str]:
    """The same of a deployment. The engine marks what it deleted to make it anew."""
    return {
        resource["urn"].rsplit("::", 1)[-1]
        for resource in deployment.get("resources") or ()
        if resource["type"] == CONTAINER and resource.get("pendingReplacement")
    }
