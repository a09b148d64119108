"""Images that are built outside a stack are the ones that a stack would build."""

from __future__ import annotations

import pytest

from airgap.docker_provider.image import labels_of
from infra import catalog, image_build
from tests.unit.infra.conftest import run_program

IMAGE = "docker:index/image:Image"
EVERYTHING = {
    "plinth:environment": "development",
    "plinth:auth": {"autoconfirm": True},
    "plinth:gateway": {"waf": True},
    "plinth:mail": {"enabled": True},
    "plinth:observability": {"enabled": True},
}


@pytest.mark.parametrize("name", sorted({*catalog.BUILDS} - {"certificates"}))
def test_a_stack_finds_an_image_built_as_it_would(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where Pulumi runs a program, to which paths are relative.
    monkeypatch.chdir(image_build.ROOT / "infra")
    declared = run_program("dev", EVERYTHING).resources[IMAGE][f"{name}-image"]
    assert declared["imageName"] == catalog.build_tag(name, image_build.ROOT)
    assert labels_of(declared["build"]) == image_build.labels(name)
