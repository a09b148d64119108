"""Pull the images that a stack's lock names, before an update touches anything.

The update would pull them too, each when its component's turn comes: a registry that fails in the
middle would leave a stack of old and new components.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from infra import image_lock

if TYPE_CHECKING:
    from pathlib import Path

    from infra.config.stack import StackConfig
    from publish.registry import Registry
    from toolchain.console import Console, Step


def pull(config: StackConfig, registry: Registry, root: Path, console: Console) -> None:
    """Pull what the engine lacks, by digest; nothing where the stack has no lock.

    Raises:
        ConfigurationError: The lock does not fit the checkout.
        ToolchainError: A registry does not have an image, or sends something else.
    """
    lock = image_lock.require(config, root)
    if lock is None:
        return
    references = [lock.reference(name) for name in image_lock.own_images(config)]
    with console.step("Images") as step:
        missing = [found for found in references if registry.image_id(found) is None]
        for reference in missing:
            name = reference.rpartition("/")[2].partition("@")[0]
            step.note(f"pulling {name}")
            registry.pull(reference, partial(_tell, step, name))
        step.note(f"{len(missing)} pulled, {len(references) - len(missing)} there")


def _tell(step: Step, name: str, progress: str) -> None:
    step.note(f"pulling {name}, {progress}")
