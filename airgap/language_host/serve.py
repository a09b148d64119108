"""Run the language host as a plugin of the Pulumi engine."""

from typing import NoReturn

from pulumi.runtime.proto import language_pb2_grpc

from airgap.language_host.service import LanguageHost
from airgap.plugin import Plugin, engine_address, run


def serve() -> NoReturn:
    """Serve until a signal or the engine's end; then end the programs it started, and the process.

    A program that is about to end may do so; one that waits for an engine which no longer answers
    is ended.
    """
    host = LanguageHost(engine_address())
    run(
        Plugin(
            register=lambda server: language_pb2_grpc.add_LanguageRuntimeServicer_to_server(
                host, server
            ),
            threads=16,
            stop_grace_seconds=1.0,
            when_stopped=host.children.end_all,
        )
    )
