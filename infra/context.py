"""What every component of an environment is declared from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pulumi

    from infra import credentials
    from infra.config.stack import StackConfig
    from infra.container import Site
    from infra.images import ImageSource


@dataclass(frozen=True)
class Context:
    """Configuration, place, images and keys of one environment."""

    config: StackConfig
    site: Site
    images: ImageSource
    keys: pulumi.Output[credentials.KeyMaterial]
