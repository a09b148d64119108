"""Run a provider as a plugin of the Pulumi engine."""

from typing import NoReturn

from pulumi.runtime.proto import provider_pb2_grpc

from airgap.plugin import Plugin, engine_address, run
from airgap.provider.resource import Provider
from airgap.provider.servicer import ProviderServicer


def serve(provider: Provider) -> NoReturn:
    """Serve until a signal or the engine's end; then end running waits and the process."""
    servicer = ProviderServicer(provider, engine_address() or None)
    run(
        Plugin(
            register=lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(
                servicer, server
            ),
            # A create may wait for minutes; the engine runs as many at once as --parallel allows.
            threads=64,
            stop_grace_seconds=5.0,
            when_asked_to_stop=servicer.cancelled.set,
        )
    )
