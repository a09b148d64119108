"""docker:index/container:Container."""

import contextlib
from dataclasses import dataclass
from typing import Final

from docker.errors import APIError, NotFound

from airgap.docker_provider import container_request, container_state, container_wait, defaults
from airgap.docker_provider.comparison import canonical, without_computed
from airgap.docker_provider.durations import to_nanoseconds
from airgap.docker_provider.engine import Engine, Inspection
from airgap.docker_provider.inputs import ContainerInputs, check, parse
from airgap.docker_provider.observation import with_observed
from airgap.docker_provider.uploads import archive
from airgap.provider.difference import Difference, compare
from airgap.provider.resource import CheckError, Created, Found, Operation, ProviderError
from airgap.provider.values import Value, Values

UPDATED_IN_PLACE: Final = frozenset(
    {
        "attach",
        "containerReadRefreshTimeoutMilliseconds",
        "cpuPeriod",
        "cpuQuota",
        "cpuSet",
        "cpuShares",
        "destroyGraceSeconds",
        "deviceReadBps",
        "deviceReadIops",
        "deviceWriteBps",
        "deviceWriteIops",
        "healthcheck",
        "init",
        "logs",
        "maxRetryCount",
        "memory",
        "memoryReservation",
        "memorySwap",
        "mustRun",
        "removeVolumes",
        "restart",
        "rm",
        "start",
        "tmpfs",
        "wait",
        "waitTimeout",
    }
)
"""Inputs whose change the official provider reports as an update; every other one replaces."""

_COMPUTED: Final = frozenset(
    {
        "command",
        "entrypoints",
        "hostname",
        "init",
        "ipcMode",
        "logDriver",
        "runtime",
        "securityOpts",
        "shmSize",
        "stopSignal",
        "stopTimeout",
    }
)
# Of UPDATED_IN_PLACE, what the engine really changes on a container that exists.
_ENGINE_UPDATES: Final = frozenset(
    {
        "cpuPeriod",
        "cpuQuota",
        "cpuSet",
        "cpuShares",
        "maxRetryCount",
        "memory",
        "memoryReservation",
        "memorySwap",
        "restart",
    }
)
# Inputs whose drift is reported even where the program leaves them out.
_TRACKED: Final = (
    *sorted(_ENGINE_UPDATES),
    "envs",
    "healthcheck",
    "labels",
    "mounts",
    "networksAdvanced",
    "volumes",
)
_IMPORTED: Final = (
    "name",
    "capabilities",
    "command",
    "cpuSet",
    "cpuShares",
    "entrypoints",
    "envs",
    "healthcheck",
    "hosts",
    "init",
    "labels",
    "logDriver",
    "logOpts",
    "memory",
    "memoryReservation",
    "memorySwap",
    "mounts",
    "networkMode",
    "networksAdvanced",
    "ports",
    "privileged",
    "readOnly",
    "restart",
    "securityOpts",
    "shmSize",
    "tmpfs",
    "user",
    "volumes",
    "workingDir",
)
_ATTACH_SECONDS: Final = 20 * 60  # the official provider's default create timeout
_DEFAULT_NETWORK: Final = "bridge"


@dataclass(frozen=True)
class ContainerType:
    """Operations on containers."""

    engine: Engine
    secret_outputs: frozenset[str] = frozenset()
    computed_outputs: frozenset[str] = frozenset(
        {"bridge", "containerLogs", "exitCode", "networkDatas"}
    )
    recomputed_outputs: frozenset[str] = frozenset()

    def check(self, operation: Operation, inputs: Values, old_inputs: Values) -> Values:
        """See `ResourceType.check`."""
        named, made = defaults.with_name(inputs, operation, old_inputs)
        filled = defaults.fill(named, defaults.CONTAINER)
        check(ContainerInputs, filled)
        _check_durations(filled)
        return defaults.mark_default(filled, "name") if made else filled

    def diff(self, inputs: Values, old_inputs: Values, _old_outputs: Values) -> Difference:
        """See `ResourceType.diff`."""
        return compare(
            without_computed(old_inputs, inputs, _COMPUTED),
            inputs,
            replaces=lambda key: key not in UPDATED_IN_PLACE,
            canonical=canonical,
            delete_before_replace=True,
        )

    def create(self, operation: Operation, inputs: Values) -> Created:
        """See `ResourceType.create`."""
        declared = parse(ContainerInputs, inputs)
        subject = f"container {declared.name}"
        api = self.engine.api
        with self.engine.explained(subject):
            container_id: str = api.create_container_from_config(
                container_request.container(declared), declared.name, declared.platform or None
            )["Id"]
        try:
            with self.engine.explained(subject):
                self._prepare(declared, container_id)
                logs = self._start(operation, declared, container_id)
                inspected = api.inspect_container(container_id)
                outputs = self._outputs(inspected, declared, logs)
        except BaseException:
            # Whatever happened, nothing may be left that the next run would trip over.
            with contextlib.suppress(ProviderError), self.engine.explained(subject):
                self._remove(container_id, remove_volumes=declared.remove_volumes)
            raise
        return Created(container_id, outputs)

    def read(
        self, _operation: Operation, identifier: str, inputs: Values, outputs: Values
    ) -> Found | None:
        """See `ResourceType.read`.

        A container that somebody made again under the same name is looked at in its place, so
        that the next update puts it right. One that should run and does not is reported with
        ``mustRun`` false, which makes the next update start it.
        """
        name = outputs.get("name")
        with self.engine.explained(f"container {name or identifier}"):
            inspected = self._inspect(identifier) or (
                self._inspect(name) if isinstance(name, str) else None
            )
            if inspected is None:
                return None
            declared = _declared(inputs, inspected)
            shown = self._observed(inspected, declared)
        logs = outputs.get("containerLogs")
        state = container_state.outputs(
            inspected, shown, declared, logs=logs if isinstance(logs, str) else None
        )
        seen = _as_declared(shown, inputs)
        taken = with_observed(inputs, seen, _IMPORTED)
        if not inputs:
            taken = defaults.fill({**taken, "image": declared.image}, defaults.CONTAINER)
        for key in _TRACKED:
            before = outputs.get(key)
            if inputs and key not in inputs and canonical(key, before) != canonical(key, seen[key]):
                taken[key] = defaults.fill({key: seen[key]}, defaults.NO_DEFAULTS).get(key)
        if declared.must_run and declared.start and not inspected["State"]["Running"]:
            taken["mustRun"] = False
            state["mustRun"] = False
        return Found(inspected["Id"], state, taken)

    def update(
        self, operation: Operation, identifier: str, inputs: Values, old_outputs: Values
    ) -> Values:
        """See `ResourceType.update`."""
        declared = parse(ContainerInputs, inputs)
        api = self.engine.api
        changed = {
            key
            for key in UPDATED_IN_PLACE
            if canonical(key, inputs.get(key)) != canonical(key, old_outputs.get(key))
        }
        logs = old_outputs.get("containerLogs")
        with self.engine.explained(f"container {declared.name}"):
            if changed & _ENGINE_UPDATES:
                api.update_container(identifier, **container_request.update(declared))
            if declared.must_run and declared.start and not self._runs(identifier):
                self._start(operation, declared, identifier)
            inspected = api.inspect_container(identifier)
            return self._outputs(inspected, declared, logs if isinstance(logs, str) else None)

    def delete(self, _operation: Operation, identifier: str, outputs: Values) -> None:
        """See `ResourceType.delete`."""
        grace = outputs.get("destroyGraceSeconds")
        with self.engine.explained(f"container {outputs.get('name') or identifier}"):
            if isinstance(grace, int) and grace > 0 and self._runs(identifier):
                self.engine.api.stop(identifier, timeout=grace)
            self._remove(identifier, remove_volumes=outputs.get("removeVolumes") is not False)

    def _prepare(self, declared: ContainerInputs, container_id: str) -> None:
        """Attach networks and upload files before the container starts."""
        api = self.engine.api
        if declared.networks_advanced:
            if declared.network_mode in {"", "default", _DEFAULT_NETWORK}:
                api.disconnect_container_from_network(container_id, _DEFAULT_NETWORK)
            for attachment in declared.networks_advanced:
                api.connect_container_to_network(
                    container_id, attachment.name, **container_request.endpoint(attachment)
                )
        if declared.uploads:
            api.put_archive(container_id, "/", archive(declared.uploads))

    def _start(
        self, operation: Operation, declared: ContainerInputs, container_id: str
    ) -> str | None:
        """Start the container and wait as far as was asked; return its log if that was asked."""
        api = self.engine.api
        if not declared.start:
            return None
        api.start(container_id)
        if declared.wait:
            container_wait.until_healthy(
                operation, api, container_id, declared.name, declared.wait_timeout
            )
        elif declared.attach:
            seconds = operation.timeout_seconds or _ATTACH_SECONDS
            container_wait.until_ended(operation, api, container_id, declared.name, seconds)
            return container_wait.log(api, container_id) if declared.logs else None
        elif declared.must_run:
            container_wait.until_settled(operation, api, container_id, declared.name)
        return None

    def _inspect(self, identifier: str) -> Inspection | None:
        try:
            found: Inspection = self.engine.api.inspect_container(identifier)
        except NotFound:
            return None
        return found

    def _runs(self, identifier: str) -> bool:
        inspected = self._inspect(identifier)
        return inspected is not None and bool(inspected["State"]["Running"])

    def _remove(self, identifier: str, *, remove_volumes: bool) -> None:
        try:
            self.engine.api.remove_container(identifier, v=remove_volumes, force=True)
        except NotFound:
            return
        except APIError as error:
            if "is already in progress" not in str(error.explanation):
                raise

    def _observed(self, inspected: Inspection, declared: ContainerInputs) -> Values:
        image = self.engine.image_configuration(inspected["Image"])
        return container_state.observed(inspected, image, declared)

    def _outputs(
        self, inspected: Inspection, declared: ContainerInputs, logs: str | None
    ) -> Values:
        shown = self._observed(inspected, declared)
        return container_state.outputs(inspected, shown, declared, logs=logs)


def _declared(inputs: Values, inspected: Inspection) -> ContainerInputs:
    """Return the inputs a container was made from; of an imported one, image and name."""
    if inputs:
        return parse(ContainerInputs, inputs)
    return ContainerInputs(
        image=inspected["Config"]["Image"], name=inspected["Name"].removeprefix("/")
    )


def _as_declared(shown: Values, inputs: Values) -> Values:
    """Return what was observed, written as the program wrote it where it means the same."""
    rewritten: Values = {}
    ports = inputs.get("ports")
    if isinstance(ports, list) and any(
        isinstance(port, dict) and "external" not in port for port in ports
    ):
        rewritten["ports"] = _without_chosen_ports(ports, shown["ports"])
    check_given, check_shown = inputs.get("healthcheck"), shown["healthcheck"]
    if isinstance(check_given, dict) and isinstance(check_shown, dict):
        rewritten["healthcheck"] = {
            key: _same_duration(check_given.get(key), value) for key, value in check_shown.items()
        }
    cpus = inputs.get("cpus")
    if isinstance(cpus, str) and float(cpus or 0) == float(str(shown["cpus"] or 0)):
        rewritten["cpus"] = cpus
    return {**shown, **rewritten}


def _without_chosen_ports(given: list[Value], shown: Value) -> list[Value]:
    """Leave out the host ports that the engine chose where the program names none."""
    unnamed = [
        (port.get("internal"), port.get("protocol", "tcp"))
        for port in given
        if isinstance(port, dict) and "external" not in port
    ]
    return [
        {key: value for key, value in port.items() if key != "external"}
        if (port["internal"], port["protocol"]) in unnamed
        else port
        for port in (shown if isinstance(shown, list) else [])
        if isinstance(port, dict)
    ]


def _same_duration(given: Value, shown: Value) -> Value:
    if isinstance(given, str) and isinstance(shown, str) and given != shown:
        return given if to_nanoseconds(given) == to_nanoseconds(shown) else shown
    return shown


def _check_durations(inputs: Values) -> None:
    health_check = inputs.get("healthcheck")
    if not isinstance(health_check, dict):
        return
    for key in ("interval", "startInterval", "startPeriod", "timeout"):
        value = health_check.get(key)
        if isinstance(value, str):
            try:
                to_nanoseconds(value)
            except ValueError as error:
                raise CheckError((f"healthcheck.{key}", str(error))) from None
