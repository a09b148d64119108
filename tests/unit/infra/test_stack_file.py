from pathlib import Path

import pytest

from infra import stack_file
from infra.config.section import ConfigurationError
from infra.config.stack import StackConfig

SETTINGS = "config:\n  plinth:environment: test\n  plinth:auth: {autoconfirm: true}\n"


def read(folder: Path, text: str) -> StackConfig:
    (folder / "Pulumi.shop.yaml").write_text(text)
    return stack_file.read("shop", folder)


def test_a_stacks_settings_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, SETTINGS).environment == "test"


def test_settings_that_pulumi_wrote_as_text_are_read(tmp_path: Path) -> None:
    text = SETTINGS + '  plinth:gateway: {port: "8001"}\n'
    assert read(tmp_path, text).gateway.port == 8001


def test_settings_of_providers_are_left_alone(tmp_path: Path) -> None:
    assert read(tmp_path, SETTINGS + "  docker:host: ssh://host\n").auth.autoconfirm


def test_an_encrypted_setting_is_not_needed_in_clear(tmp_path: Path) -> None:
    external = "{host: redis.example.org, password: {secure: v1:abc}}"
    settings = read(tmp_path, SETTINGS + f"  plinth:redis: {{external: {external}}}\n")
    assert settings.redis.external is not None
    assert settings.redis.external.password.get_secret_value() == stack_file.ENCRYPTED


def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"plinth:gateway\.prot: no such setting"):
        read(tmp_path, SETTINGS + "  plinth:gateway: {prot: 1}\n")


@pytest.mark.parametrize("text", ["config: [", "- config", "text"])
def test_a_file_that_is_no_stack_file_is_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^Pulumi\.shop\.yaml cannot be read: .+$"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("path", "stands_in_clear"),
    [("redis.external.host", True), ("redis.external.password", False), ("environment", True)],
)
def test_what_is_encrypted_does_not_stand_in_clear(
    tmp_path: Path, path: str, *, stands_in_clear: bool
) -> None:
    external = "{host: redis.example.org, password: {secure: v1:abc}}"
    text = SETTINGS + f"  plinth:redis: {{external: {external}}}\n"
    (tmp_path / "Pulumi.shop.yaml").write_text(text)
    assert (path in stack_file.in_clear("shop", tmp_path)) == stands_in_clear


def test_without_a_file_nothing_stands_in_clear(tmp_path: Path) -> None:
    assert not stack_file.in_clear("shop", tmp_path)


@pytest.mark.parametrize(
    "file", sorted(stack_file.ROOT.glob("Pulumi.*.yaml")), ids=lambda file: file.name
)
def test_no_shipped_stack_has_the_salt_of_one_checkout(file: Path) -> None:
    # Pulumi adds it to a stack's file; with it, no other checkout's passphrase fits.
    assert "encryptionsalt" not in file.read_text()
