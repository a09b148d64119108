"""What a resource type has to offer the provider base.

A provider is a table of `ResourceType` objects. They see plain values: the servicer takes the
secret marks off before it calls them and puts them back on what they return.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from airgap.provider.difference import Difference
from airgap.provider.values import Value, Values, redact


class ProviderError(Exception):
    """An operation failed; the text is one clear message for the user, free of secrets."""


class CheckError(ProviderError):
    """An input cannot be accepted.

    Attributes:
        failures: Pairs of property path and reason.
    """

    def __init__(self, *failures: tuple[str, str]) -> None:
        super().__init__("; ".join(f"{path}: {reason}" for path, reason in failures))
        self.failures = failures


class OperationCancelledError(ProviderError):
    """The engine cancelled the update while the operation waited."""


@dataclass(frozen=True)
class Operation:
    """What the provider knows about the call that it serves.

    Attributes:
        urn: The resource's URN.
        cancelled: Set when the engine cancels the update or ends the provider.
        log: Shows a line of progress beside the resource; it is not kept.
        timeout_seconds: The program's custom timeout; 0 where none is set.
        secrets: The secret strings among the resource's properties.
        proposed_name: The name that the project's `pulumi:autonaming` gives a resource that has
            none; empty where the provider is to make one up.
    """

    urn: str
    cancelled: threading.Event
    log: Callable[[str], None] = field(default=lambda _: None)
    timeout_seconds: float = 0.0
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    proposed_name: str = ""

    def redact(self, text: str) -> str:
        """Return text from outside, such as a log, without the resource's secrets."""
        return redact(text, self.secrets)

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.rpartition("::")[2]

    def wait(self, seconds: float) -> None:
        """Wait, but not longer than the update lives.

        Raises:
            OperationCancelledError: the update was cancelled.
        """
        if self.cancelled.wait(seconds):
            raise OperationCancelledError("cancelled before it was done")


@dataclass(frozen=True)
class Created:
    """A resource that now exists: its id and its outputs."""

    id: str
    outputs: Values


@dataclass(frozen=True)
class Found:
    """A resource as it was found: its id, its outputs and the inputs that would give it."""

    id: str
    outputs: Values
    inputs: Values


class ResourceType(Protocol):
    """The operations of one resource type.

    Attributes:
        secret_outputs: Outputs that are always secret.
        computed_outputs: Outputs that are unknown until the resource exists.
        recomputed_outputs: Outputs that an update may change.
    """

    @property
    def secret_outputs(self) -> frozenset[str]: ...  # noqa: D102  documented by the class

    @property
    def computed_outputs(self) -> frozenset[str]: ...  # noqa: D102  documented by the class

    @property
    def recomputed_outputs(self) -> frozenset[str]: ...  # noqa: D102  documented by the class

    def check(self, operation: Operation, inputs: Values, old_inputs: Values) -> Values:
        """Validate the inputs and fill in defaults; values may be unknown.

        Raises:
            CheckError: an input cannot be accepted.
        """

    def diff(self, inputs: Values, old_inputs: Values, old_outputs: Values) -> Difference:
        """Say what a change of inputs means for the resource."""

    def create(self, operation: Operation, inputs: Values) -> Created:
        """Create the resource; nothing of it remains when this raises.

        Raises:
            ProviderError: it could not be created.
        """

    def read(
        self, operation: Operation, identifier: str, inputs: Values, outputs: Values
    ) -> Found | None:
        """Look at the resource; inputs and outputs are empty when it is imported.

        Returns:
            What was found, or ``None`` when the resource is gone.
        """

    def update(
        self, operation: Operation, identifier: str, inputs: Values, old_outputs: Values
    ) -> Values:
        """Change the resource in place and return its outputs."""

    def delete(self, operation: Operation, identifier: str, outputs: Values) -> None:
        """Delete the resource; one that is already gone is no error."""


@dataclass(frozen=True)
class Provider:
    """A provider: what it is called and the resource types that it has.

    Attributes:
        name: The package's name, for instance ``docker``.
        version: The version of the official plugin that it stands in for.
        resource_types: Token, for instance ``docker:index/network:Network``, to its operations.
        refused_types: Token to the reason why resources of the type are refused.
        configure: Takes the provider's own configuration before the first operation.
        check_configuration: Returns the configuration to keep.
    """

    name: str
    version: str
    resource_types: Mapping[str, ResourceType]
    refused_types: Mapping[str, str] = field(default_factory=dict)
    configure: Callable[[Values], None] = field(default=lambda _: None)
    check_configuration: Callable[[Values], Values] = field(default=lambda values: values)


def without_internal(values: Mapping[str, Value]) -> Values:
    """Return the properties without the ``__…`` keys that only the provider uses."""
    return {key: value for key, value in values.items() if not key.startswith("__")}
