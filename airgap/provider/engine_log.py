"""Progress lines on the engine's display."""

import contextlib

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc


class EngineLog:
    """Sends lines to the engine's log service; does nothing while no address is known."""

    def __init__(self, address: str | None) -> None:
        self._stub: engine_pb2_grpc.EngineStub | None = None
        if address:
            self.connect(address)

    def connect(self, address: str) -> None:
        """Use the engine at ``address`` (host:port) from now on."""
        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def progress(self, urn: str, line: str) -> None:
        """Show a line beside the resource until the next one comes."""
        if self._stub is None or not line.strip():
            return
        request = engine_pb2.LogRequest(
            severity=engine_pb2.INFO, message=line.rstrip(), urn=urn, ephemeral=True
        )
        # A line that cannot be shown must not fail the operation that it is about.
        with contextlib.suppress(grpc.RpcError):
            self._stub.Log(request, timeout=5)
