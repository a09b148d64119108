"""Builds images with the docker command line, outside a stack: for tests, the bench and `make up`.

`python -m infra.image_build [NAME …]` takes components' or images' names (all without one), builds
what the engine does not hold yet, the base image first, and prints the references of the named
images, one a line. Tags and labels are those of a stack's own builds, so that it builds nothing
again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from airgap.docker_provider.image import labels_of
from infra import catalog, image_lock
from infra.build_context import BuildContextError

ROOT = Path(__file__).resolve().parent.parent


class ImageBuildError(Exception):
    """An image could not be built; the message is one line."""


def ensure(name: str) -> str:
    """Build an image unless the engine holds it, and return its tag.

    What it is built from must be there; see `catalog.build_order`.

    Raises:
        ImageBuildError: The build failed.
    """
    tag = catalog.build_tag(name, ROOT)
    if _engine_holds(tag):
        return tag
    print(f"building {tag}", file=sys.stderr)  # noqa: T201  (this module is a command)
    if name == catalog.BASE:
        _run([str(ROOT / catalog.BASE_CONTEXT / "build.sh"), tag], name)
        return tag
    build = catalog.BUILDS[name]
    arguments = catalog.build_arguments(name, ROOT)
    _run(
        [
            "docker",
            "build",
            f"--tag={tag}",
            f"--file={ROOT / build.dockerfile}",
            *(f"--build-arg={key}={value}" for key, value in sorted(arguments.items())),
            *(f"--label={key}={value}" for key, value in labels(name).items()),
            str(ROOT / build.context),
        ],
        name,
    )
    return tag


def labels(name: str) -> dict[str, str]:
    """Labels that a stack's build gives an image, as `infra.images` declares it.

    Without them a stack would build it again: with a label more it is another image, and what is
    built on it is compiled once more.
    """
    build = catalog.BUILDS[name]
    return labels_of(
        {
            "context": str(ROOT / build.context),
            "dockerfile": str(ROOT / build.dockerfile),
            "args": dict(catalog.build_arguments(name, ROOT)),
            "platform": image_lock.PLATFORM,
            "builderVersion": "BuilderV1",
        }
    )


def ensure_with_parts(name: str) -> str:
    """Build an image and what it is built from unless the engine holds it, and return its tag.

    Raises:
        ImageBuildError: A build failed.
    """
    tag = catalog.build_tag(name, ROOT)
    if not _engine_holds(tag):
        for needed in catalog.build_order([name]):
            ensure(needed)
    return tag


def _engine_holds(tag: str) -> bool:
    found = subprocess.run(  # noqa: S603  (a fixed program; the tag is the catalogue's)
        ["docker", "image", "inspect", "--format={{.Id}}", tag],  # noqa: S607  (found on PATH)
        capture_output=True,
        check=False,
    )
    return found.returncode == 0


def _run(command: list[str], name: str) -> None:
    # The classic builder: a Dockerfile must build where no BuildKit is installed.
    run = subprocess.run(  # noqa: S603  (the command is put together above)
        command,
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        lines = run.stdout.strip().splitlines()
        print("\n".join(lines[-30:]), file=sys.stderr)  # noqa: T201  (this module is a command)
        last = lines[-1] if lines else f"exit code {run.returncode}"
        raise ImageBuildError(f"image {name} could not be built: {last}")


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    try:
        wanted = [catalog.image_name(name) for name in arguments or catalog.BUILDS]
        tags = {name: ensure(name) for name in catalog.build_order(wanted)}
    except (ImageBuildError, BuildContextError) as error:
        print(error, file=sys.stderr)  # noqa: T201  (this module is a command)
        return 1
    except KeyError as error:
        print(error.args[0], file=sys.stderr)  # noqa: T201  (this module is a command)
        return 2
    for name in wanted:
        print(tags[name])  # noqa: T201  (this module is a command)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
