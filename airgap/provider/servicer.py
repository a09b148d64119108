"""Pulumi's ``ResourceProvider`` service over a table of resource types.

The contract is ``proto/pulumi/provider.proto`` of pulumi/pulumi. Secret marks are taken off
before a resource type sees a value and put back on every property of a response that was secret
in the request.
"""

import functools
import json
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from airgap.provider.difference import Difference, Kind
from airgap.provider.engine_log import EngineLog
from airgap.provider.resource import (
    CheckError,
    Operation,
    OperationCancelledError,
    Provider,
    ProviderError,
    ResourceType,
    without_internal,
)
from airgap.provider.values import (
    UNKNOWN,
    UnsupportedValueError,
    Values,
    conceal,
    decode,
    encode,
    redact,
    reveal_all,
    secret_keys,
    secret_strings,
)

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

_WIRE_KINDS: Final = {
    (Kind.ADD, False): provider_pb2.PropertyDiff.ADD,
    (Kind.ADD, True): provider_pb2.PropertyDiff.ADD_REPLACE,
    (Kind.DELETE, False): provider_pb2.PropertyDiff.DELETE,
    (Kind.DELETE, True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    (Kind.UPDATE, False): provider_pb2.PropertyDiff.UPDATE,
    (Kind.UPDATE, True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


def _reported(
    method: Callable[["ProviderServicer", RequestT, grpc.ServicerContext], ResponseT],
) -> Callable[["ProviderServicer", RequestT, grpc.ServicerContext], ResponseT]:
    """Turn what a method raises into a gRPC status whose text is for the user."""

    @functools.wraps(method)
    def call(
        self: "ProviderServicer", request: RequestT, context: grpc.ServicerContext
    ) -> ResponseT:
        try:
            return method(self, request, context)
        except OperationCancelledError as error:
            status, message = grpc.StatusCode.CANCELLED, str(error)
        except (ProviderError, UnsupportedValueError) as error:
            status, message = grpc.StatusCode.FAILED_PRECONDITION, str(error)
        except Exception as error:  # noqa: BLE001  every other error is one of the provider's own
            status, message = grpc.StatusCode.INTERNAL, _own_error(error)
        return context.abort(status, redact(message, _secrets_of(request)))  # raises

    return call


def _secrets_of(request: object) -> frozenset[str]:
    """Return the secret strings among the properties that a request carries."""
    found: frozenset[str] = frozenset()
    for name in ("properties", "news", "olds", "inputs", "old_inputs"):
        properties = getattr(request, name, None)
        if isinstance(properties, Struct):
            found |= secret_strings(decode(properties))
    return found


def _proposed_name(request: object) -> str:
    """Return the name that the engine would give the resource; only a check is told."""
    autonaming = getattr(request, "autonaming", None)
    return str(autonaming.proposed_name) if autonaming else ""


def _own_error(error: Exception) -> str:
    """Say where the provider itself failed, without the error's text: it may hold a value."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}:{frame.lineno}"
    return f"the provider failed at {where} with {type(error).__name__}; please report this"


class _ResourceRequest(Protocol):
    """A request about one resource."""

    @property
    def urn(self) -> str: ...


class ProviderServicer(provider_pb2_grpc.ResourceProviderServicer):
    """Serves one provider to one engine."""

    def __init__(self, provider: Provider, engine_address: str | None = None) -> None:
        self.cancelled = threading.Event()
        self._provider = provider
        self._engine_log = EngineLog(engine_address)

    # --- the provider itself -------------------------------------------------------------------

    @_reported
    def Handshake(  # noqa: N802  a name of the protocol
        self, request: provider_pb2.ProviderHandshakeRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Learn the engine's address and say which kinds of values are taken."""
        if request.engine_address:
            self._engine_log.connect(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=True, supports_autonaming_configuration=True
        )

    @_reported
    def Attach(  # noqa: N802
        self, request: plugin_pb2.PluginAttach, _context: grpc.ServicerContext
    ) -> Empty:
        """Learn the engine's address when the engine did not start the provider."""
        self._engine_log.connect(request.address)
        return Empty()

    @_reported
    def GetPluginInfo(  # noqa: N802
        self, _request: Empty, _context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        """Report the version of the official plugin that this one stands in for."""
        return plugin_pb2.PluginInfo(version=self._provider.version)

    @_reported
    def GetSchema(  # noqa: N802
        self, _request: provider_pb2.GetSchemaRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        """Describe the package as far as the engine asks: its name, version and tokens."""
        schema = {
            "name": self._provider.name,
            "version": self._provider.version,
            "resources": {token: {"type": "object"} for token in self._provider.resource_types},
        }
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    @_reported
    def GetMapping(  # noqa: N802
        self, _request: provider_pb2.GetMappingRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.GetMappingResponse:
        """Offer no mapping from another ecosystem."""
        return provider_pb2.GetMappingResponse()

    @_reported
    def GetMappings(  # noqa: N802
        self, _request: provider_pb2.GetMappingsRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.GetMappingsResponse:
        """Offer no mapping from another ecosystem."""
        return provider_pb2.GetMappingsResponse()

    @_reported
    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Check the provider's own configuration."""
        configuration = decode(request.news)
        try:
            checked = self._provider.check_configuration(reveal_all(configuration))
        except CheckError as error:
            return _check_failures(error)
        return provider_pb2.CheckResponse(
            inputs=encode(conceal(checked, secret_keys(configuration)))
        )

    @_reported
    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """Compare the provider's own configuration; a change never replaces resources."""
        same = reveal_all(decode(request.old_inputs)) == reveal_all(decode(request.news))
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_NONE
            if same
            else provider_pb2.DiffResponse.DIFF_SOME
        )

    @_reported
    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Take the provider's configuration."""
        self._provider.configure(without_internal(reveal_all(decode(request.args))))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True,
            acceptResources=True,
            supportsPreview=True,
            supports_autonaming_configuration=True,
        )

    @_reported
    def Cancel(  # noqa: N802
        self, _request: Empty, _context: grpc.ServicerContext
    ) -> Empty:
        """End every running wait."""
        self.cancelled.set()
        return Empty()

    # --- resources -----------------------------------------------------------------------------

    @_reported
    def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Validate inputs and fill in defaults."""
        resource_type = self._resource_type(request.urn)
        inputs, old_inputs = decode(request.news), decode(request.olds)
        try:
            checked = resource_type.check(
                self._operation(request), reveal_all(inputs), reveal_all(old_inputs)
            )
        except CheckError as error:
            return _check_failures(error)
        return provider_pb2.CheckResponse(inputs=encode(conceal(checked, secret_keys(inputs))))

    @_reported
    def Diff(  # noqa: N802
        self, request: provider_pb2.DiffRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """Say what the new inputs change and whether that replaces the resource."""
        difference = self._resource_type(request.urn).diff(
            reveal_all(decode(request.news)),
            reveal_all(decode(request.old_inputs)),
            reveal_all(decode(request.olds)),
        )
        return _diff_response(difference)

    @_reported
    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """Create a resource; a preview returns what is known of it."""
        resource_type = self._resource_type(request.urn)
        inputs = decode(request.properties)
        plain = reveal_all(inputs)
        secret = secret_keys(inputs) | resource_type.secret_outputs
        if request.preview:
            unknown: Values = dict.fromkeys(resource_type.computed_outputs, UNKNOWN)
            return provider_pb2.CreateResponse(
                properties=encode(conceal(_preview(unknown, plain), secret))
            )
        created = resource_type.create(self._operation(request), plain)
        return provider_pb2.CreateResponse(
            id=created.id, properties=encode(conceal(created.outputs, secret))
        )

    @_reported
    def Read(  # noqa: N802
        self, request: provider_pb2.ReadRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        """Look at a resource, for a refresh or an import."""
        resource_type = self._resource_type(request.urn)
        inputs, outputs = decode(request.inputs), decode(request.properties)
        found = resource_type.read(
            self._operation(request),
            request.id,
            reveal_all(inputs),
            reveal_all(outputs),
        )
        if found is None:
            return provider_pb2.ReadResponse()
        secret = secret_keys(inputs) | secret_keys(outputs)
        return provider_pb2.ReadResponse(
            id=found.id,
            inputs=encode(conceal(found.inputs, secret)),
            properties=encode(conceal(found.outputs, secret | resource_type.secret_outputs)),
        )

    @_reported
    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        """Change a resource in place; a preview returns what is known of the outcome."""
        resource_type = self._resource_type(request.urn)
        inputs, old_outputs = decode(request.news), decode(request.olds)
        plain, plain_old = reveal_all(inputs), reveal_all(old_outputs)
        secret = secret_keys(inputs) | secret_keys(old_outputs) | resource_type.secret_outputs
        if request.preview:
            unknown: Values = dict.fromkeys(resource_type.recomputed_outputs, UNKNOWN)
            outputs = _preview({**plain_old, **unknown}, plain)
        else:
            outputs = resource_type.update(self._operation(request), request.id, plain, plain_old)
        return provider_pb2.UpdateResponse(properties=encode(conceal(outputs, secret)))

    @_reported
    def Delete(  # noqa: N802
        self, request: provider_pb2.DeleteRequest, _context: grpc.ServicerContext
    ) -> Empty:
        """Delete a resource."""
        self._resource_type(request.urn).delete(
            self._operation(request),
            request.id,
            reveal_all(decode(request.properties)),
        )
        return Empty()

    # --- what the stand-ins do not have --------------------------------------------------------

    @_reported
    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        """Refuse functions by name."""
        raise ProviderError(
            f"function {request.tok} is not in this stand-in of the {self._provider.name} "
            "provider; use the official plugin for it"
        )

    @_reported
    def Call(  # noqa: N802
        self, request: provider_pb2.CallRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.CallResponse:
        """Refuse methods by name."""
        raise ProviderError(f"method {request.tok}: the {self._provider.name} package has none")

    @_reported
    def Construct(  # noqa: N802
        self, request: provider_pb2.ConstructRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.ConstructResponse:
        """Refuse component resources by name."""
        raise ProviderError(
            f"component {request.type}: the {self._provider.name} package has no components"
        )

    @_reported
    def Parameterize(  # noqa: N802
        self, _request: provider_pb2.ParameterizeRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.ParameterizeResponse:
        """Refuse parameters."""
        raise ProviderError(f"the {self._provider.name} package takes no parameters")

    def _operation(self, request: _ResourceRequest) -> Operation:
        return Operation(
            urn=request.urn,
            cancelled=self.cancelled,
            log=functools.partial(self._engine_log.progress, request.urn),
            timeout_seconds=float(getattr(request, "timeout", 0.0)),
            secrets=_secrets_of(request),
            proposed_name=_proposed_name(request),
        )

    def _resource_type(self, urn: str) -> ResourceType:
        token = urn.split("::")[2].rpartition("$")[2]
        if token in self._provider.resource_types:
            return self._provider.resource_types[token]
        reason = self._provider.refused_types.get(token, "it is not supported")
        raise ProviderError(
            f"{token} is not in this stand-in of the {self._provider.name} provider: {reason}"
        )


def _preview(outputs: Values, inputs: Values) -> Values:
    """Lay the inputs that are given over the outputs that are known or known to be unknown."""
    given = {key: value for key, value in without_internal(inputs).items() if value is not None}
    return {**outputs, **given}


def _check_failures(error: CheckError) -> provider_pb2.CheckResponse:
    return provider_pb2.CheckResponse(
        failures=[
            provider_pb2.CheckFailure(property=path, reason=reason)
            for path, reason in error.failures
        ]
    )


def _diff_response(difference: Difference) -> provider_pb2.DiffResponse:
    some = provider_pb2.DiffResponse.DIFF_SOME
    return provider_pb2.DiffResponse(
        changes=some if difference.properties else provider_pb2.DiffResponse.DIFF_NONE,
        replaces=difference.replaces,
        diffs=difference.changed,
        deleteBeforeReplace=difference.delete_before_replace,
        detailedDiff={
            path: provider_pb2.PropertyDiff(
                kind=_WIRE_KINDS[(found.kind, found.replaces)], inputDiff=True
            )
            for path, found in difference.properties.items()
        },
        hasDetailedDiff=True,
    )
