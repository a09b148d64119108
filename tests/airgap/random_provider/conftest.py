import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2_grpc

from airgap.provider.servicer import ProviderServicer
from airgap.random_provider.resources import PROVIDER
from tests.airgap.random_provider.client import Client

CONTRACTS = Path(__file__).resolve().parents[3].parent / "shared" / "contracts"


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
def contract() -> dict[str, Any]:
    """Inputs and outputs of the official provider's schema, by token."""
    document = json.loads((CONTRACTS / "pulumi-random-inputs.json").read_text())
    resources: dict[str, Any] = document["resources"]
    return resources


@pytest.fixture(scope="session")
def official_state() -> dict[str, Any]:
    """What the official provider wrote into a state, by resource class."""
    document = json.loads((CONTRACTS / "pulumi-state.json").read_text())
    return {
        resource["type"].rpartition(":")[2]: resource
        for resource in document["resources"]
        if resource["type"].startswith("random:")
    }
