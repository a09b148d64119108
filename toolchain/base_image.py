"""The base image, which the engine must hold before Pulumi builds the others from it.

Plinth's own services are built from it whatever the image source. Its tag follows from the content
of `images/base` and the certificate authorities of this machine; `infra.catalog` computes it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from toolchain import engine, paths
from toolchain.errors import ToolchainError
from toolchain.processes import capture, last_lines, run_quietly

if TYPE_CHECKING:
    from toolchain.console import Console

# The program's own catalogue answers, run by the environment's Python: it needs its libraries.
READ_TAG = """
import pathlib, sys
from infra import catalog
print(catalog.base_tag(pathlib.Path(sys.argv[1])))
"""


def prepare(console: Console) -> None:
    """Build the base image where the engine has none.

    Raises:
        ToolchainError: debootstrap is missing or the build failed.
    """
    environment = {**os.environ, "PYTHONPATH": str(paths.REPOSITORY)}
    with console.step("Base image") as step:
        asked = capture([paths.PYTHON, "-c", READ_TAG, paths.REPOSITORY], environment=environment)
        if asked.returncode != 0:
            raise ToolchainError(
                "the base image's tag could not be computed",
                "Check images/base.",
                evidence=last_lines(asked.stderr, 3),
            )
        tag = asked.stdout.strip()
        step.note(tag)
        if capture(["docker", "image", "inspect", tag]).returncode == 0:
            return
        engine.prepare_debootstrap(step)
        step.note(f"building {tag}")
        run_quietly(
            [paths.PYTHON, "-m", "infra.image_build", "base"],
            log=paths.LOGS / "base-image.log",
            failure=ToolchainError(
                "the base image could not be built",
                "Check that the Debian mirror answers, then run this again.",
            ),
            environment=environment,
            directory=paths.REPOSITORY,
        )
        step.note(f"{tag}, built")
