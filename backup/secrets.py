"""The generated secrets: the random resources of a stack's deployment.

They are all that cannot be made anew: every password, key and token of a stack follows from them.
Imported into a stack that has no resources yet, they are found by the next `pulumi up`, which makes
everything else around them. Their values are in clear within the encrypted bundle, so that a state
with another passphrase, or another kind of backend, can take them.
"""

from __future__ import annotations

import json
import re
from typing import Any

from backup import stack as stacks
from backup.errors import BackupError

STACK_TYPE = "pulumi:pulumi:Stack"
_PROVIDER_TYPE = "pulumi:providers:random"
_RANDOM_PREFIX = "random:"

Deployment = dict[str, Any]


def export(stack: str) -> Deployment:
    """The stack's deployment, reduced to its secrets, with their values.

    Raises:
        BackupError: It cannot be read.
    """
    text = stacks.pulumi(stack, "stack", "export", "--show-secrets")
    if text is None:
        raise stacks.missing(stack)
    return only_secrets(json.loads(text))


def only_secrets(deployment: Deployment) -> Deployment:
    """A deployment with the stack, the provider of random values, and these values alone."""
    resources = deployment["deployment"].get("resources") or []
    kept = [
        resource
        for resource in resources
        if resource["type"] in {STACK_TYPE, _PROVIDER_TYPE}
        or resource["type"].startswith(_RANDOM_PREFIX)
    ]
    # The outputs of the stack itself: made anew from the values.
    for resource in kept:
        if resource["type"] == STACK_TYPE:
            resource.pop("outputs", None)
    return {
        "version": deployment["version"],
        "deployment": {
            "manifest": deployment["deployment"]["manifest"],
            "resources": kept,
        },
    }


def count(deployment: Deployment) -> int:
    """Number of secrets."""
    return sum(
        resource["type"].startswith(_RANDOM_PREFIX)
        for resource in deployment["deployment"]["resources"]
    )


def renamed(deployment: Deployment, former: str, name: str) -> Deployment:
    """The same deployment for a stack of another name: it is part of every resource's URN."""
    prefix = f"urn:pulumi:{former}::"
    # The stack itself is called `<project>-<stack>`.
    root = re.compile(rf"({re.escape(prefix)}[^:]+::{STACK_TYPE}::.+-){re.escape(former)}")

    def rename(value: Any) -> Any:  # noqa: ANN401  (any JSON)
        if isinstance(value, dict):
            return {key: rename(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [rename(inner) for inner in value]
        if isinstance(value, str) and value.startswith(prefix):
            if found := root.fullmatch(value):
                value = f"{found[1]}{name}"
            return f"urn:pulumi:{name}::" + value.removeprefix(prefix)
        return value

    return {key: rename(value) for key, value in deployment.items()}


def require_empty(stack: str) -> bool:
    """Make sure that a stack has no resources; whether it exists.

    Raises:
        BackupError: It has some.
    """
    text = stacks.pulumi(stack, "stack", "export")
    if text is None:
        return False
    held = (json.loads(text).get("deployment") or {}).get("resources") or []
    if any(resource["type"] != STACK_TYPE for resource in held):
        raise BackupError(
            f"stack {stack} has {len(held)} resources; its secrets were not replaced",
            "Restore secrets before the first make up, or into a stack of another name.",
        )
    return True


def restore(stack: str, former: str, deployment: Deployment, *, exists: bool) -> None:
    """Import secrets into a stack without resources; it is created if it is missing.

    Raises:
        BackupError: Pulumi refused.
    """
    if not exists:
        stacks.pulumi(stack, "stack", "init", "--no-select")
    own = json.loads(stacks.pulumi(stack, "stack", "export") or "{}")
    imported = renamed(deployment, former, stack)
    # The values are in clear: Pulumi encrypts them with this stack's own key.
    imported["deployment"]["secrets_providers"] = own["deployment"].get("secrets_providers")
    stacks.pulumi(stack, "stack", "import", stdin=json.dumps(imported))
