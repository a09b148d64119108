"""Defaults that the official provider writes into checked inputs.

The Pulumi Terraform bridge records in ``__defaults``, per object, which inputs it filled in; an
object that it filled nothing into carries an empty list. Names that are left out are made from
the resource's name and a random suffix.
"""

import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from airgap.provider.resource import Operation
from airgap.provider.values import Value, Values

DEFAULTS_KEY: Final = "__defaults"

Defaults = Mapping[str, Value]

CONTAINER: Final[Defaults] = {
    "containerReadRefreshTimeoutMilliseconds": 15000,
    "mustRun": True,
    "removeVolumes": True,
    "restart": "no",
    "start": True,
    "waitTimeout": 60,
}
NETWORK: Final[Defaults] = {"ipamDriver": "default"}
NO_DEFAULTS: Final[Defaults] = {}

# Defaults of the objects below an input, by the input's name.
_NESTED: Final[Mapping[str, Defaults]] = {
    "devices": {"permissions": "rwm"},
    "healthcheck": {
        "interval": "0s",
        "startInterval": "0s",
        "startPeriod": "0s",
        "timeout": "0s",
    },
    "ports": {"ip": "0.0.0.0", "protocol": "tcp"},  # noqa: S104  the official default
}
# Inputs whose value is a plain map of strings, not an object of the schema.
_MAPS: Final = frozenset(
    {
        "auxAddress",
        "driverOpts",
        "driverOptions",
        "ipamOptions",
        "logOpts",
        "options",
        "storageOpts",
        "sysctls",
        "tmpfs",
        "triggers",
    }
)
_SUFFIX_BYTES: Final = 4
_SUFFIX_LENGTH: Final = 7


def fill(inputs: Values, defaults: Defaults) -> Values:
    """Return the inputs with defaults filled in and recorded, without nulls, at any depth."""
    given = {
        key: _fill_value(key, value)
        for key, value in inputs.items()
        if value is not None and not key.startswith("__")
    }
    added = {key: value for key, value in defaults.items() if key not in given}
    return {**given, **added, DEFAULTS_KEY: _names(added)}


def _fill_value(key: str, value: Value) -> Value:
    match value:
        case dict() if key not in _MAPS:
            return fill(value, _NESTED.get(key, NO_DEFAULTS))
        case list():
            return [_fill_value(key, item) for item in value]
        case _:
            return value


def with_name(inputs: Values, operation: Operation, old_inputs: Values) -> tuple[Values, bool]:
    """Return the inputs with a name, and whether the name was made here.

    The name of an earlier check is kept, so that it does not change from run to run. A new one is
    what the engine proposes (the project's `pulumi:autonaming`), else made from the resource's.
    """
    if inputs.get("name") is not None:
        return inputs, False
    recorded = old_inputs.get(DEFAULTS_KEY)
    made_before = isinstance(recorded, list) and "name" in recorded
    if made_before:
        return {**inputs, "name": old_inputs["name"]}, True
    suffix = secrets.token_hex(_SUFFIX_BYTES)[:_SUFFIX_LENGTH]
    return {**inputs, "name": operation.proposed_name or f"{operation.name}-{suffix}"}, True


def mark_default(inputs: Values, key: str) -> Values:
    """Record one more input as filled in by the provider."""
    recorded = inputs.get(DEFAULTS_KEY)
    known: list[Value] = recorded if isinstance(recorded, list) else []
    return {**inputs, DEFAULTS_KEY: _names([*map(str, known), key])}


def keeps_name(old_inputs: Values, inputs: Values) -> bool:
    """Tell whether a replacement would have the name of what it replaces."""
    return old_inputs.get("name") == inputs.get("name")


def _names(names: Iterable[str]) -> list[Value]:
    return [*sorted(names)]
