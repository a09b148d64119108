from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from airgap.provider.resource import Provider
from airgap.provider.servicer import ProviderServicer
from airgap.provider.values import Values, decode, encode


@dataclass(frozen=True)
class State:
    """A resource as the engine's state holds it."""

    token: str
    id: str
    inputs: Values
    outputs: Values


@dataclass(frozen=True)
class Plugin:
    """A provider over a real gRPC connection, called as the engine calls it."""

    stub: provider_pb2_grpc.ResourceProviderStub
    servicer: ProviderServicer
    created: list[State] = field(default_factory=list)

    def failures(self, token: str, inputs: Values) -> dict[str, str]:
        request = provider_pb2.CheckRequest(urn=urn(token), news=encode(inputs))
        return {found.property: found.reason for found in self.stub.Check(request).failures}

    def check(
        self, token: str, inputs: Values, old: Values | None = None, proposed_name: str = ""
    ) -> Values:
        naming = provider_pb2.CheckRequest.AutonamingOptions(proposed_name=proposed_name)
        request = provider_pb2.CheckRequest(
            urn=urn(token),
            news=encode(inputs),
            olds=encode(old or {}),
            autonaming=naming if proposed_name else None,
        )
        response = self.stub.Check(request)
        assert not response.failures, response.failures
        return decode(response.inputs)

    def create(self, token: str, inputs: Values) -> State:
        checked = self.check(token, inputs)
        response = self.stub.Create(
            provider_pb2.CreateRequest(urn=urn(token), properties=encode(checked))
        )
        state = State(token, response.id, checked, decode(response.properties))
        self.created.append(state)
        return state

    def preview(self, token: str, inputs: Values) -> Values:
        checked = self.check(token, inputs)
        response = self.stub.Create(
            provider_pb2.CreateRequest(urn=urn(token), properties=encode(checked), preview=True)
        )
        return decode(response.properties)

    def diff(self, state: State, inputs: Values) -> provider_pb2.DiffResponse:
        checked = self.check(state.token, inputs, state.inputs)
        response: provider_pb2.DiffResponse = self.stub.Diff(
            provider_pb2.DiffRequest(
                urn=urn(state.token),
                id=state.id,
                olds=encode(state.outputs),
                old_inputs=encode(state.inputs),
                news=encode(checked),
            )
        )
        return response

    def update(self, state: State, inputs: Values) -> State:
        checked = self.check(state.token, inputs, state.inputs)
        response = self.stub.Update(
            provider_pb2.UpdateRequest(
                urn=urn(state.token),
                id=state.id,
                olds=encode(state.outputs),
                old_inputs=encode(state.inputs),
                news=encode(checked),
            )
        )
        return State(state.token, state.id, checked, decode(response.properties))

    def refresh(self, state: State) -> State | None:
        response = self.stub.Read(
            provider_pb2.ReadRequest(
                urn=urn(state.token),
                id=state.id,
                inputs=encode(state.inputs),
                properties=encode(state.outputs),
            )
        )
        if not response.id:
            return None
        return State(state.token, response.id, decode(response.inputs), decode(response.properties))

    def bring_in(self, token: str, identifier: str) -> State:
        """Import a resource."""
        response = self.stub.Read(provider_pb2.ReadRequest(urn=urn(token), id=identifier))
        return State(token, response.id, decode(response.inputs), decode(response.properties))

    def delete(self, state: State) -> Empty:
        return self.stub.Delete(
            provider_pb2.DeleteRequest(
                urn=urn(state.token), id=state.id, properties=encode(state.outputs)
            )
        )


def urn(token: str) -> str:
    return f"urn:pulumi:test::plinth::{token}::subject"


@contextmanager
def plugged_in(provider: Provider) -> Iterator[Plugin]:
    """Serve a provider in this process for as long as the block runs."""
    servicer = ProviderServicer(provider)
    server = grpc.server(ThreadPoolExecutor(max_workers=8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Plugin(provider_pb2_grpc.ResourceProviderStub(channel), servicer)
    server.stop(0).wait()
