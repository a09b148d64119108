"""Which engine a stack's file names, and how ssh is called for it."""

from pathlib import Path

import pytest

from toolchain import engine_choice, ssh_tunnel
from toolchain.engine_choice import EngineChoice
from toolchain.errors import ToolchainError

SOCKET = Path("/tmp/plinth/docker.sock")


def read(*lines: str) -> EngineChoice:
    return engine_choice.read("config:\n" + "".join(f"  {line}\n" for line in lines), "prod")


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    for name in engine_choice.MATERIAL.values():
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("plinth:environment: production", ""),
        ("docker:host: ssh://deploy@example.com", "ssh://deploy@example.com"),
        ("docker:host: 'tcp://10.0.0.1:2376'", "tcp://10.0.0.1:2376"),
        ('"docker:host": "tcp://10.0.0.1:2376"', "tcp://10.0.0.1:2376"),
        ("docker:host: unix:///run/docker.sock # rootless", "unix:///run/docker.sock"),
        ("# docker:host: ssh://deploy@example.com", ""),
    ],
)
def test_the_host_is_read_as_yaml_writes_it(line: str, host: str) -> None:
    assert read(line).host == host


def test_options_of_ssh_are_a_list_on_one_line() -> None:
    choice = read("docker:host: ssh://a", """docker:sshOpts: '["-i", "/home/me/key"]'""")
    assert choice.ssh_options == ("-i", "/home/me/key")


def test_a_stack_without_a_host_leaves_the_clients_variables_alone() -> None:
    assert read("plinth:environment: test").variables() == {}


def test_certificates_make_the_client_verify(certificates: Path) -> None:
    choice = read("docker:host: tcp://10.0.0.1:2376", f"docker:certPath: {certificates}")
    assert choice.variables() == {
        "DOCKER_HOST": "tcp://10.0.0.1:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(certificates),
    }


def test_a_missing_certificate_is_named(certificates: Path) -> None:
    (certificates / "key.pem").unlink()
    with pytest.raises(ToolchainError, match=r"^docker:certPath in Pulumi\.prod\.yaml.*key\.pem"):
        read("docker:host: tcp://10.0.0.1:2376", f"docker:certPath: {certificates}")


def test_a_relative_folder_is_refused() -> None:
    with pytest.raises(ToolchainError, match="certs is not absolute"):
        read("docker:host: tcp://10.0.0.1:2376", "docker:certPath: certs")


@pytest.mark.parametrize("name", engine_choice.MATERIAL)
def test_material_that_only_pulumi_reads_is_refused(name: str) -> None:
    with pytest.raises(ToolchainError, match=rf"^docker:{name} .*set docker:certPath"):
        read("docker:host: tcp://10.0.0.1:2376", f"docker:{name}:", "  secure: v1:abc")


@pytest.mark.parametrize("text", ["-i key", "[1]", "{}"])
def test_options_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(ToolchainError, match=r"^docker:sshOpts is no list of texts"):
        read(f"docker:sshOpts: '{text}'")


@pytest.mark.parametrize(
    ("variables", "elsewhere"),
    [
        ({}, False),
        ({"DOCKER_HOST": "unix:///var/run/docker.sock"}, False),
        ({"DOCKER_HOST": "tcp://10.0.0.1:2376"}, True),
        ({"DOCKER_HOST": "unix:///tmp/plinth-a/docker.sock", "PLINTH_ENGINE": "ssh://a"}, True),
    ],
)
def test_an_engine_behind_a_tunnel_is_elsewhere(
    variables: dict[str, str], *, elsewhere: bool
) -> None:
    assert engine_choice.is_elsewhere(variables) is elsewhere


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("ssh://example.com", "-L /tmp/plinth/docker.sock:/var/run/docker.sock -- example.com"),
        ("ssh://me@example.com:2222", "-p 2222 -l me -L"),
        ("ssh://a/run/user/1000/docker.sock", "docker.sock:/run/user/1000/docker.sock -- a"),
    ],
)
def test_ssh_is_told_what_the_address_says(host: str, words: str) -> None:
    assert words in " ".join(ssh_tunnel.command(ssh_tunnel.parsed(host), (), SOCKET))


def test_ssh_never_asks() -> None:
    assert "-o BatchMode=yes" in " ".join(
        ssh_tunnel.command(ssh_tunnel.parsed("ssh://a"), (), SOCKET)
    )


def test_further_options_come_first() -> None:
    # ssh takes the first value of an option.
    words = ssh_tunnel.command(ssh_tunnel.parsed("ssh://a"), ("-o", "ConnectTimeout=1"), SOCKET)
    assert words.index("ConnectTimeout=1") < words.index("ConnectTimeout=10")


@pytest.mark.parametrize("host", ["ssh://", "ssh://me@", "ssh://-oProxyCommand=x", "ssh://a:b"])
def test_an_address_that_names_no_host_is_refused(host: str) -> None:
    with pytest.raises(ssh_tunnel.TunnelError, match="docker:host"):
        ssh_tunnel.parsed(host)
