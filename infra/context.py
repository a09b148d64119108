"""What every component of an environment is declared from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra import credentials

if TYPE_CHECKING:
    import pulumi

    from infra.config import StackConfig
    from infra.container import Site
    from infra.images import ImageSource


@dataclass(frozen=True)
class Context:
    """Configuration, place, images and keys of one environment."""

    config: StackConfig
    site: Site
    images: ImageSource
    keys: pulumi.Output[credentials.KeyMaterial]

    def password(self, name: str) -> pulumi.Output[str]:
        """Generate a password of the current generation. Call once for each name."""
        return credentials.password(name, self.config.passwords.generation)
