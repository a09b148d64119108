from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2_grpc

from airgap.provider.servicer import ProviderServicer
from airgap.random_provider.resources import PROVIDER
from tests.airgap.random_provider.client import Client


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(ProviderServicer(PROVIDER), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Client(provider_pb2_grpc.ResourceProviderStub(channel))
    server.stop(0).wait()


@pytest.fixture(scope="session")
def contract(recorded: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Inputs and outputs of the official provider's schema, by token."""
    resources: dict[str, Any] = recorded("pulumi-random-inputs.json")["resources"]
    return resources


@pytest.fixture(scope="session")
def official_state(recorded: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """What the official provider wrote into a state, by resource class."""
    return {
        resource["type"].rpartition(":")[2]: resource
        for resource in recorded("pulumi-state.json")["resources"]
        if resource["type"].startswith("random:")
    }
