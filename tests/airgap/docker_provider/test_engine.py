import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2

from airgap.docker_provider.engine import explain
from airgap.provider.values import encode
from tests.airgap.plugin import Plugin

NETWORK = "docker:index/network:Network"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "write /x: no space left on device",
            "container web: the engine's disk is full",
        ),
        (
            (
                "driver failed programming external connectivity on endpoint web (ab12): Bind for "
                "127.0.0.1:8000 failed: port is already allocated"
            ),
            "container web: port 127.0.0.1:8000 of the host is already in use",
        ),
        (
            (
                "driver failed programming external connectivity on endpoint web (ab12): Error "
                "starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use"
            ),
            "container web: port 0.0.0.0:80 of the host is already in use",
        ),
        (
            (
                'Conflict. The container name "/web" is already in use by container '
                '"0123456789abcdef". You have to remove (or rename) that container'
            ),
            "container web: the name web is taken by container 0123456789ab",
        ),
        ("No such image: some/image:1", "container web: image some/image:1 is not on this engine"),
        ("something\nelse", "container web: the engine refused: something else"),
    ],
)
def test_an_error_of_the_engine_is_one_clear_line(text: str, expected: str) -> None:
    explained = explain(text, "container web")
    assert explained.startswith(expected)
    assert "\n" not in explained


def test_an_unreachable_engine_is_one_clear_line(plugin: Plugin) -> None:
    plugin.stub.Configure(
        provider_pb2.ConfigureRequest(args=encode({"host": "unix:///nowhere.sock"}))
    )
    with pytest.raises(grpc.RpcError) as caught:
        plugin.create(NETWORK, {"name": "n"})
    assert str(caught.value.details()) == (
        "cannot reach the Docker engine at unix:///nowhere.sock: No such file or directory; "
        "start it or set docker:host"
    )


def test_a_preview_works_without_an_engine(plugin: Plugin) -> None:
    plugin.stub.Configure(
        provider_pb2.ConfigureRequest(args=encode({"host": "unix:///nowhere.sock"}))
    )
    assert plugin.preview(NETWORK, {"name": "n"})["name"] == "n"


def test_a_setting_that_is_not_taken_is_refused_by_name(plugin: Plugin) -> None:
    response = plugin.stub.CheckConfig(
        provider_pb2.CheckRequest(urn="", news=encode({"context": "other"}))
    )
    assert [failure.property for failure in response.failures] == ["context"]


@pytest.mark.parametrize(("options", "refused"), [('["-v"]', []), ("-v", ["sshOpts"])])
def test_options_of_ssh_are_a_list(plugin: Plugin, options: str, refused: list[str]) -> None:
    response = plugin.stub.CheckConfig(
        provider_pb2.CheckRequest(urn="", news=encode({"sshOpts": options}))
    )
    assert [failure.property for failure in response.failures] == refused


@pytest.mark.parametrize("token", ["docker:index/service:Service", "docker:index/secret:Secret"])
def test_a_resource_type_that_is_not_there_is_refused_by_name(plugin: Plugin, token: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        plugin.check(token, {})
    assert str(caught.value.details()).startswith(f"{token} is not in this stand-in")


def test_the_version_is_the_official_plugins(plugin: Plugin) -> None:
    assert plugin.stub.GetPluginInfo(Empty()).version == "5.2.0"
