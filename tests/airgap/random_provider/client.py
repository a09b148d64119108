from dataclasses import dataclass

from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from airgap.provider.values import Secret, Values, decode, encode
from airgap.random_provider.resources import token


def urn(name: str) -> str:
    return f"urn:pulumi:test::plinth::{token(name)}::subject"


@dataclass(frozen=True)
class Client:
    """The provider over a real gRPC connection; resources are named by their class."""

    stub: provider_pb2_grpc.ResourceProviderStub

    def check(self, name: str, inputs: Values) -> list[str]:
        request = provider_pb2.CheckRequest(urn=urn(name), news=encode(inputs))
        return [failure.reason for failure in self.stub.Check(request).failures]

    def checked(self, name: str, inputs: Values) -> Values:
        request = provider_pb2.CheckRequest(urn=urn(name), news=encode(inputs))
        return decode(self.stub.Check(request).inputs)

    def create(self, name: str, inputs: Values, *, preview: bool = False) -> tuple[str, Values]:
        response = self.stub.Create(
            provider_pb2.CreateRequest(urn=urn(name), properties=encode(inputs), preview=preview)
        )
        return response.id, decode(response.properties)

    def diff(self, name: str, outputs: Values, inputs: Values) -> provider_pb2.DiffResponse:
        request = provider_pb2.DiffRequest(urn=urn(name), olds=encode(outputs), news=encode(inputs))
        response: provider_pb2.DiffResponse = self.stub.Diff(request)
        return response

    def read(
        self, name: str, identifier: str, outputs: Values | None = None
    ) -> tuple[str, Values, Values]:
        response = self.stub.Read(
            provider_pb2.ReadRequest(urn=urn(name), id=identifier, properties=encode(outputs or {}))
        )
        return response.id, decode(response.properties), decode(response.inputs)

    def delete(self, name: str, identifier: str, outputs: Values) -> Empty:
        return self.stub.Delete(
            provider_pb2.DeleteRequest(urn=urn(name), id=identifier, properties=encode(outputs))
        )


def plain(values: Values) -> Values:
    return {
        key: value.value if isinstance(value, Secret) else value for key, value in values.items()
    }
