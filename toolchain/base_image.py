"""The base image, which the engine must hold before Pulumi builds the others from it.

Only the image source `packages` needs one. Its tag follows from the content of `images/base` and
the certificate authorities of this machine; `infra.catalog` computes it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from toolchain import engine, paths
from toolchain.errors import ToolchainError
from toolchain.processes import capture, last_lines, run_quietly

if TYPE_CHECKING:
    from toolchain.console import Console

# The program's own modules answer, run by the environment's Python: they need its libraries.
READ_SOURCE_AND_TAG = """\
import pathlib, sys, yaml
from infra import catalog
root = pathlib.Path(sys.argv[1])
document = yaml.safe_load((root / f"Pulumi.{sys.argv[2]}.yaml").read_text()) or {}
images = (document.get("config") or {}).get("plinth:images") or {}
print(images.get("source", "packages"), catalog.base_tag(root))
"""
BUILD = "from infra import catalog, image_build; image_build.ensure(catalog.BASE)"


def prepare(console: Console, stack: str) -> None:
    """Build the base image where this stack builds its images and the engine has none.

    Raises:
        ToolchainError: debootstrap is missing or the build failed.
    """
    environment = {**os.environ, "PYTHONPATH": str(paths.REPOSITORY)}
    with console.step("Base image") as step:
        asked = capture(
            [paths.PYTHON, "-c", READ_SOURCE_AND_TAG, paths.REPOSITORY, stack],
            environment=environment,
        )
        if asked.returncode != 0:
            raise ToolchainError(
                "the base image's tag could not be computed",
                f"Check Pulumi.{stack}.yaml and images/base.",
                evidence=last_lines(asked.stderr, 3),
            )
        source, tag = asked.stdout.split()
        if source == "registry":
            step.note("not needed: images come from a registry")
            return
        step.note(tag)
        if capture(["docker", "image", "inspect", tag]).returncode == 0:
            return
        engine.prepare_debootstrap(step)
        step.note(f"building {tag}")
        run_quietly(
            [paths.PYTHON, "-c", BUILD],
            log=paths.LOGS / "base-image.log",
            failure=ToolchainError(
                "the base image could not be built",
                "Check that the Debian mirror answers, then run this again.",
            ),
            environment=environment,
            directory=paths.REPOSITORY,
        )
        step.note(f"{tag}, built")
