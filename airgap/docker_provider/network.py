"""docker:index/network:Network."""

from dataclasses import dataclass
from typing import Final

from docker.errors import NotFound

from airgap.docker_provider import defaults
from airgap.docker_provider.comparison import canonical, without_computed
from airgap.docker_provider.engine import Engine, Inspection
from airgap.docker_provider.inputs import IpamConfig, NetworkInputs, check, parse
from airgap.docker_provider.labels import from_mapping, to_mapping
from airgap.docker_provider.observation import with_observed
from airgap.provider.difference import Difference, always_replaces, compare
from airgap.provider.resource import Created, Found, Operation
from airgap.provider.values import Values

META: Final = '{"schema_version":"1"}'
_COMPUTED: Final = frozenset({"driver", "ipamConfigs", "options"})


@dataclass(frozen=True)
class NetworkType:
    """Operations on networks; every input replaces."""

    engine: Engine
    secret_outputs: frozenset[str] = frozenset()
    computed_outputs: frozenset[str] = frozenset({"scope"})
    recomputed_outputs: frozenset[str] = frozenset()

    def check(self, operation: Operation, inputs: Values, old_inputs: Values) -> Values:
        """See `ResourceType.check`."""
        named, made = defaults.with_name(inputs, operation, old_inputs)
        filled = defaults.fill(named, defaults.NETWORK)
        check(NetworkInputs, filled)
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
        """See `ResourceType.create`."""
        declared = parse(NetworkInputs, inputs)
        with self.engine.explained(f"network {declared.name}"):
            made = self.engine.api.create_network(
                declared.name,
                driver=declared.driver or None,
                options=declared.options or None,
                ipam={
                    "Driver": declared.ipam_driver,
                    "Options": declared.ipam_options or None,
                    "Config": [_pool(config) for config in declared.ipam_configs],
                },
                check_duplicate=True,
                internal=declared.internal,
                labels=to_mapping(declared.labels) or None,
                enable_ipv6=declared.ipv6,
                attachable=declared.attachable or None,
                ingress=declared.ingress or None,
            )
            inspected = self.engine.api.inspect_network(made["Id"])
        return Created(made["Id"], _outputs(inspected))

    def read(
        self, _operation: Operation, identifier: str, inputs: Values, _outputs_before: Values
    ) -> Found | None:
        """See `ResourceType.read`."""
        with self.engine.explained(f"network {identifier}"):
            try:
                inspected = self.engine.api.inspect_network(identifier)
            except NotFound:
                return None
        outputs = _outputs(inspected)
        taken = with_observed(inputs, outputs, _IMPORTED)
        if not inputs:
            taken = defaults.fill(taken, defaults.NETWORK)
        return Found(inspected["Id"], outputs, taken)

    def update(
        self, _operation: Operation, _identifier: str, _inputs: Values, old_outputs: Values
    ) -> Values:
        """See `ResourceType.update`; nothing of a network changes in place."""
        return old_outputs

    def delete(self, _operation: Operation, identifier: str, _outputs: Values) -> None:
        """See `ResourceType.delete`."""
        with self.engine.explained(f"network {identifier}"):
            try:
                self.engine.api.remove_network(identifier)
            except NotFound:
                return


_IMPORTED: Final = ("name", "driver", "internal", "attachable", "ipv6", "labels", "options")


def _pool(config: IpamConfig) -> dict[str, object]:
    return {
        key: value
        for key, value in (
            ("Subnet", config.subnet),
            ("IPRange", config.ip_range),
            ("Gateway", config.gateway),
            ("AuxiliaryAddresses", config.aux_address),
        )
        if value
    }


def _outputs(inspected: Inspection) -> Values:
    address_management = inspected["IPAM"]
    return {
        "__meta": META,
        "attachable": inspected["Attachable"],
        "driver": inspected["Driver"],
        "id": inspected["Id"],
        "ingress": inspected["Ingress"],
        "internal": inspected["Internal"],
        "ipamConfigs": [
            {
                "auxAddress": config.get("AuxiliaryAddresses") or {},
                "gateway": config.get("Gateway", ""),
                "ipRange": config.get("IPRange", ""),
                "subnet": config.get("Subnet", ""),
            }
            for config in address_management["Config"] or []
        ],
        "ipamDriver": address_management["Driver"],
        "ipamOptions": address_management["Options"] or {},
        "ipv6": inspected["EnableIPv6"],
        "labels": from_mapping(inspected["Labels"] or {}),
        "name": inspected["Name"],
        "options": inspected["Options"] or {},
        "scope": inspected["Scope"],
    }
