"""docker:index/volume:Volume."""

from dataclasses import dataclass
from typing import Final

from docker.errors import APIError, NotFound

from airgap.docker_provider import defaults
from airgap.docker_provider.comparison import canonical, without_computed
from airgap.docker_provider.engine import Engine, Inspection
from airgap.docker_provider.inputs import VolumeInputs, check, parse
from airgap.docker_provider.labels import from_mapping, to_mapping
from airgap.docker_provider.observation import with_observed
from airgap.provider.difference import Difference, always_replaces, compare
from airgap.provider.resource import Created, Found, Operation
from airgap.provider.values import Values

META: Final = '{"schema_version":"1"}'
_COMPUTED: Final = frozenset({"driver"})
_IMPORTED: Final = ("name", "driver", "driverOpts", "labels")
# A container that is being removed still holds its volumes for a moment.
_DELETE_SECONDS: Final = 10.0
_DELETE_INTERVAL_SECONDS: Final = 0.5
_CONFLICT: Final = 409


@dataclass(frozen=True)
class VolumeType:
    """Operations on volumes; every input replaces."""

    engine: Engine
    secret_outputs: frozenset[str] = frozenset()
    computed_outputs: frozenset[str] = frozenset({"mountpoint"})
    recomputed_outputs: frozenset[str] = frozenset()

    def check(self, operation: Operation, inputs: Values, old_inputs: Values) -> Values:
        """See `ResourceType.check`."""
        named, made = defaults.with_name(inputs, operation, old_inputs)
        filled = defaults.fill(named, defaults.NO_DEFAULTS)
        check(VolumeInputs, filled)
        return defaults.mark_default(filled, "name") if made else filled

    def diff(self, inputs: Values, old_inputs: Values, _old_outputs: Values) -> Difference:
        """See `ResourceType.diff`."""
        return compare(
            without_computed(old_inputs, inputs, _COMPUTED),
            inputs,
            replaces=always_replaces,
            canonical=canonical,
            delete_before_replace=defaults.keeps_name(old_inputs, inputs),
        )

    def create(self, _operation: Operation, inputs: Values) -> Created:
        """See `ResourceType.create`; as with the official provider, one that exists is taken."""
        declared = parse(VolumeInputs, inputs)
        with self.engine.explained(f"volume {declared.name}"):
            made = self.engine.api.create_volume(
                declared.name,
                driver=declared.driver or None,
                driver_opts=declared.driver_opts or None,
                labels=to_mapping(declared.labels) or None,
            )
        return Created(made["Name"], _outputs(made))

    def read(
        self, _operation: Operation, identifier: str, inputs: Values, _outputs_before: Values
    ) -> Found | None:
        """See `ResourceType.read`."""
        with self.engine.explained(f"volume {identifier}"):
            try:
                inspected = self.engine.api.inspect_volume(identifier)
            except NotFound:
                return None
        outputs = _outputs(inspected)
        return Found(inspected["Name"], outputs, with_observed(inputs, outputs, _IMPORTED))

    def update(
        self, _operation: Operation, _identifier: str, _inputs: Values, old_outputs: Values
    ) -> Values:
        """See `ResourceType.update`; nothing of a volume changes in place."""
        return old_outputs

    def delete(self, operation: Operation, identifier: str, _outputs: Values) -> None:
        """See `ResourceType.delete`."""
        waited = 0.0
        with self.engine.explained(f"volume {identifier}"):
            while True:
                try:
                    self.engine.api.remove_volume(identifier)
                except NotFound:
                    return
                except APIError as error:
                    if error.status_code != _CONFLICT or waited >= _DELETE_SECONDS:
                        raise
                else:
                    return
                operation.wait(_DELETE_INTERVAL_SECONDS)
                waited += _DELETE_INTERVAL_SECONDS


def _outputs(inspected: Inspection) -> Values:
    return {
        "__meta": META,
        "cluster": None,
        "driver": inspected["Driver"],
        "driverOpts": inspected["Options"] or {},
        "id": inspected["Name"],
        "labels": from_mapping(inspected["Labels"] or {}),
        "mountpoint": inspected["Mountpoint"],
        "name": inspected["Name"],
    }
