"""The address of a registry, and the command line that takes it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from toolchain import paths
from toolchain.errors import ToolchainError
from toolchain.published_images import check_address


@pytest.mark.parametrize(
    "address",
    [
        "registry.example.org/plinth",
        "registry.example.org:5000/team/plinth",
        "127.0.0.1:5000/plinth",
        "localhost/plinth",
        "registry:5000/plinth_2",
        "docker.io/acme",
    ],
)
def test_a_registrys_address_is_taken(address: str) -> None:
    assert check_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "https://registry.example.org/plinth",
        "registry.example.org",
        "registry.example.org/",
        "registry.example.org/plinth/",
        "registry.example.org/Plinth",
        "registry.example.org/plinth:1",
        "acme/plinth",
        "registry.example.org:port/plinth",
        "registry.example.org/pl inth",
    ],
)
def test_what_is_no_address_is_named(address: str) -> None:
    with pytest.raises(ToolchainError, match=r"REGISTRY='.+' is no registry\. Give host"):
        check_address(address)


def test_a_login_in_the_address_is_not_repeated() -> None:
    with pytest.raises(ToolchainError, match="docker login") as raised:
        check_address("user:letmein@registry.example.org/plinth")
    assert "letmein" not in str(raised.value)


def test_a_missing_address_is_one_line() -> None:
    shown = subprocess.run(
        ["make", "publish", f"PYTHON={sys.executable}"],
        cwd=paths.REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.stderr.splitlines()[0].startswith("plinth: REGISTRY= is not set. Give host")
