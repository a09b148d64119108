"""The provider with an engine that is reached over SSH or TLS: this machine's, through a door."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from airgap.provider.values import encode
from tests import engine_doors
from tests.airgap.plugin import Plugin
from tests.certificates import Authority
from tests.engine_doors import SshDoor, TlsDoor
from toolchain.ssh_tunnel import open_tunnel

pytestmark = pytest.mark.engine

VOLUME = "docker:index/volume:Volume"


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshDoor]:
    with engine_doors.ssh_door(tmp_path_factory.mktemp("ssh")) as door:
        yield door


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture(scope="module")
def tls(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsDoor]:
    with engine_doors.tls_door(tmp_path_factory.mktemp("tls"), authority) as door:
        yield door


def configure(plugin: Plugin, **settings: Any) -> None:
    plugin.stub.Configure(provider_pb2.ConfigureRequest(args=encode(settings)))


def refusal(plugin: Plugin, **settings: Any) -> str:
    """The one line by which an engine that cannot be reached is reported."""
    configure(plugin, **settings)
    with pytest.raises(grpc.RpcError) as caught:
        plugin.create(VOLUME, {"name": "never"})
    said = str(caught.value.details())
    assert "\n" not in said
    return said


def over_ssh(door: SshDoor, **files: Path) -> dict[str, str]:
    return {"host": door.address, "sshOpts": json.dumps(door.options(**files))}


def test_a_resource_is_made_over_ssh(
    plugin: Plugin, ssh: SshDoor, engine: docker.DockerClient, name: str
) -> None:
    configure(plugin, **over_ssh(ssh))
    plugin.create(VOLUME, {"name": name})
    assert engine.volumes.get(name)


def test_a_resource_is_made_over_tls(
    plugin: Plugin, tls: TlsDoor, engine: docker.DockerClient, name: str
) -> None:
    configure(plugin, host=tls.address, certPath=str(tls.certificates))
    plugin.create(VOLUME, {"name": name})
    assert engine.volumes.get(name)


def test_certificates_may_stand_in_the_configuration(
    plugin: Plugin, tls: TlsDoor, engine: docker.DockerClient, name: str
) -> None:
    configure(plugin, host=tls.address, **tls.material())
    plugin.create(VOLUME, {"name": name})
    assert engine.volumes.get(name)


def test_another_host_key_is_one_clear_line(plugin: Plugin, ssh: SshDoor, tmp_path: Path) -> None:
    other = engine_doors.write_known_hosts(
        tmp_path, "known", ssh.port, engine_doors.write_key(tmp_path, "other")
    )
    assert refusal(plugin, **over_ssh(ssh, known_hosts=other)) == (
        f"cannot reach the Docker engine at {ssh.address}: Host key verification failed; its key "
        "is not the known one: compare it with what its owner says, then mend known_hosts"
    )


def test_a_key_that_is_not_accepted_is_one_clear_line(
    plugin: Plugin, ssh: SshDoor, tmp_path: Path
) -> None:
    other = engine_doors.write_key(tmp_path, "other")
    said = refusal(plugin, **over_ssh(ssh, key=other))
    assert "Permission denied" in said
    assert said.endswith("ssh-copy-id adds it there")


def test_a_host_without_sshd_is_one_clear_line(plugin: Plugin, ssh: SshDoor) -> None:
    host = f"ssh://127.0.0.1:{engine_doors.free_port()}"
    said = refusal(plugin, host=host, sshOpts=json.dumps(ssh.options()))
    assert said.startswith(f"cannot reach the Docker engine at {host}: ")
    assert "Connection refused" in said


def test_a_host_without_an_engine_is_one_clear_line(
    plugin: Plugin, ssh: SshDoor, tmp_path: Path
) -> None:
    host = f"{ssh.address}{tmp_path}/none.sock"
    said = refusal(plugin, host=host, sshOpts=json.dumps(ssh.options()))
    assert said.startswith(f"no Docker engine answers at {tmp_path}/none.sock of {host}")


def test_ssh_ends_with_its_tunnel(ssh: SshDoor) -> None:
    tunnel = open_tunnel(ssh.address, ssh.options())
    tunnel.close()
    deadline = time.monotonic() + 5
    while tunnel.socket.parent.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_server_of_another_authority_is_one_clear_line(
    plugin: Plugin, tls: TlsDoor, authority: Authority, tmp_path: Path
) -> None:
    folder = engine_doors.write_certificates(tmp_path / "other", Authority.create(), authority)
    said = refusal(plugin, host=tls.address, certPath=str(folder))
    assert said.startswith(f"cannot reach the Docker engine at {tls.address}: ")
    assert "certificate verify failed" in said


def test_a_client_of_another_authority_is_one_clear_line(
    plugin: Plugin, tls: TlsDoor, authority: Authority, tmp_path: Path
) -> None:
    folder = engine_doors.write_certificates(tmp_path / "other", authority, Authority.create())
    said = refusal(plugin, host=tls.address, certPath=str(folder))
    assert said.startswith(f"cannot reach the Docker engine at {tls.address}: ")


@pytest.mark.parametrize("missing", ["ca.pem", "cert.pem", "key.pem"])
def test_a_missing_certificate_is_named(
    plugin: Plugin, tls: TlsDoor, authority: Authority, tmp_path: Path, missing: str
) -> None:
    folder = engine_doors.write_certificates(tmp_path / "client", authority, authority)
    (folder / missing).unlink()
    assert refusal(plugin, host=tls.address, certPath=str(folder)) == (
        f"docker:certPath {folder}: {missing} is missing; put it there"
    )


def test_a_key_of_another_certificate_is_one_clear_line(
    plugin: Plugin, tls: TlsDoor, authority: Authority
) -> None:
    material = tls.material() | {"keyMaterial": authority.sign("other").key}
    said = refusal(plugin, host=tls.address, **material)
    assert said.startswith("docker:caMaterial and its companions: ")


def test_a_missing_material_is_named(plugin: Plugin, tls: TlsDoor) -> None:
    material = {name: text for name, text in tls.material().items() if name != "keyMaterial"}
    assert refusal(plugin, host=tls.address, **material).startswith("docker:keyMaterial is not set")
