"""Labels: a list of pairs in the resources' inputs, a map in the engine's API."""

from collections.abc import Mapping, Sequence

from airgap.docker_provider.inputs import Label
from airgap.provider.values import Value


def to_mapping(labels: Sequence[Label]) -> dict[str, str]:
    """Return the engine's form."""
    return {item.label: item.value for item in labels}


def from_mapping(labels: Mapping[str, str]) -> list[Value]:
    """Return the resources' form, by name."""
    return [{"label": name, "value": value} for name, value in sorted(labels.items())]
