"""Push a stack's own images to a registry, and write their digests into the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra import catalog, image_build, image_lock
from infra.build_context import BuildContextError
from infra.image_lock import ImageLock, LockedImage
from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from pathlib import Path

    from infra.config.stack import StackConfig
    from publish.registry import Registry
    from toolchain.console import Console, Step

_SHORT_DIGEST = slice(len("sha256:"), len("sha256:") + 12)


def push(
    config: StackConfig, address: str, registry: Registry, root: Path, console: Console
) -> bool:
    """Publish what the registry lacks, and write the lock when all of it is there.

    An image stays as it is where the lock names it with the tag of this checkout and the registry
    still has that digest. Entries of the lock that other stacks use stay as well.

    Args:
        config: The stack whose images are published.
        address: `host[:port]/path` of the registry.
        registry: How to reach it.
        root: The checkout.
        console: Told one line an image.

    Returns:
        Whether the lock changed.

    Raises:
        ConfigurationError: The lock that is there is broken.
        ToolchainError: An image could not be built or pushed; the lock is as it was.
    """
    file = root / (config.images.lock or image_lock.FILE)
    former = image_lock.read(file)
    kept = former.images if former and former.registry == address else {}
    images = {name: image for name, image in kept.items() if name in catalog.BUILDS}
    for name in image_lock.own_images(config):
        with console.step(name) as step:
            images[name] = _published(name, f"{address}/{name}", kept.get(name), registry, step)
    lock = ImageLock(registry=address, platform=image_lock.PLATFORM, images=images)
    if lock == former:
        return False
    written = file.with_name(f".{file.name}.new")
    written.write_text(lock.as_text(), encoding="utf-8")
    written.replace(file)
    return True


def _published(
    name: str, repository: str, locked: LockedImage | None, registry: Registry, step: Step
) -> LockedImage:
    tag = catalog.published_tag(name, image_build.ROOT)
    if locked and locked.tag == tag and _has(registry, f"{repository}@{locked.digest}"):
        step.note(f"{tag} is there, {_short(locked.digest)}")
        return locked
    there = registry.digest(f"{repository}:{tag}")
    step.note(f"building {tag}")
    try:
        built = image_build.ensure_with_parts(name)
    except (image_build.ImageBuildError, BuildContextError) as error:
        raise ToolchainError(str(error), "Mend it, then run this again.") from error
    if there and registry.image_id(f"{repository}@{there}") == registry.image_id(built):
        step.note(f"{tag} is there, {_short(there)}")
        return LockedImage(tag=tag, digest=there)
    digest = registry.push(
        built, repository, tag, lambda progress: step.note(f"pushing {tag}, {progress}")
    )
    _read_back(f"{repository}@{digest}", built, registry)
    how = "moved to" if there and there != digest else "pushed,"
    step.note(f"{tag} {how} {_short(digest)}")
    return LockedImage(tag=tag, digest=digest)


def _has(registry: Registry, reference: str) -> bool:
    return registry.digest(reference) is not None


def _read_back(reference: str, built: str, registry: Registry) -> None:
    """Pull the image by the digest that the registry answered: it must be the one pushed."""
    if registry.pull(reference, lambda _: None) != registry.image_id(built):
        raise ToolchainError(
            f"image {reference}: the registry gives back another image than was pushed",
            "Do not deploy from this registry; find out who changes its content.",
        )


def _short(digest: str) -> str:
    return digest[_SHORT_DIGEST]
