"""When two values of a docker input mean the same."""

import json
from typing import Final

from airgap.provider.values import Unknown, Value, Values

# Every other list is a set in the official provider: its order means nothing.
_ORDERED: Final = frozenset({"command", "entrypoints", "tests"})
# The engine takes these with and without their prefix and always shows it.
_CAPABILITIES: Final = frozenset({"adds", "drops"})


def canonical(key: str, value: Value) -> Value:
    """Return the value in the form in which equal meanings are equal.

    Sets are sorted; nulls, empty values and the provider's own ``__…`` keys are left out, since
    an input that is absent and one that is empty ask for the same.
    """
    match value:
        case dict():
            items = {
                name: canonical(name, item)
                for name, item in value.items()
                if not name.startswith("__")
            }
            return {name: item for name, item in sorted(items.items()) if item is not None} or None
        case list():
            if key in _ORDERED:
                return list(value) or None
            if key in _CAPABILITIES:
                return [*sorted({_capability(item) for item in value})] or None
            return sorted((canonical("", item) for item in value), key=_sort_key) or None
        case "" | False | 0:
            return None
        case _:
            return value


def without_computed(old: Values, new: Values, computed: frozenset[str]) -> Values:
    """Return the old inputs without those that the engine settles once the program is silent.

    Such an input (optional and computed in the official provider's schema) is known after an
    import; that the program leaves it out is then no change.
    """
    return {key: value for key, value in old.items() if key in new or key not in computed}


def _capability(name: Value) -> str:
    text = str(name).upper()
    return text if text == "ALL" or text.startswith("CAP_") else f"CAP_{text}"


def _sort_key(value: Value) -> str:
    return json.dumps(value, sort_keys=True, default=_name_unknown)


def _name_unknown(value: object) -> str:
    if isinstance(value, Unknown):
        return value.value
    raise TypeError(type(value).__name__)
