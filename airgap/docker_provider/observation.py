"""What an inspection says about the inputs that a resource was made from."""

from collections.abc import Iterable

from airgap.docker_provider import defaults
from airgap.docker_provider.comparison import canonical
from airgap.provider.values import Value, Values


def with_observed(inputs: Values, observed: Values, imported: Iterable[str]) -> Values:
    """Return the inputs as the inspection bears them out.

    An input that was given and still holds stays exactly as it was given; one that does not hold
    is replaced by what was observed, so that the next update puts it right.

    Args:
        inputs: The checked inputs; empty when the resource is imported.
        observed: What was observed, in the form of inputs; keys that are missing are not known.
        imported: The inputs that an import takes over where they are not empty.
    """
    if not inputs:
        taken = {key: observed[key] for key in imported if canonical(key, observed[key])}
        return defaults.fill(taken, defaults.NO_DEFAULTS)
    return {
        key: _observed_or_given(key, value, observed) if key in observed else value
        for key, value in inputs.items()
    }


def _observed_or_given(key: str, given: Value, observed: Values) -> Value:
    if canonical(key, given) == canonical(key, observed[key]):
        return given
    filled = defaults.fill({key: observed[key]}, defaults.NO_DEFAULTS)
    return filled[key]
