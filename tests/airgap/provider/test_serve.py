import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2_grpc

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def plugin() -> Iterator[subprocess.Popen[str]]:
    """The docker provider as the engine starts it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "airgap.docker_provider", "127.0.0.1:1"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def port(plugin: subprocess.Popen[str]) -> int:
    assert plugin.stdout is not None
    return int(plugin.stdout.readline())


def test_the_first_line_is_the_port(plugin: subprocess.Popen[str]) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port(plugin)}") as channel:
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        assert stub.GetPluginInfo(Empty(), timeout=10).version


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_trace(
    plugin: subprocess.Popen[str], number: signal.Signals
) -> None:
    port(plugin)
    plugin.send_signal(number)
    _, errors = plugin.communicate(timeout=20)
    assert (plugin.returncode, errors) == (0, "")


def test_it_ends_with_the_engine(plugin: subprocess.Popen[str]) -> None:
    port(plugin)
    _, errors = plugin.communicate(timeout=20)  # closes standard input
    assert (plugin.returncode, errors) == (0, "")
