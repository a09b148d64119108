"""Images as stack resources: built from this repository, or pulled.

The catalogue says what there is; this module declares what a stack uses. Nothing that uses an
image knows which source it came from.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pulumi_docker as docker

from infra import catalog
from infra.config import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from infra.config import Images

ROOT = Path(__file__).resolve().parent.parent
PLATFORM = "linux/amd64"


class ImageSource:
    """Declares an image when a component first asks for it."""

    def __init__(self, config: Images) -> None:
        self._config = config
        self._references: dict[str, pulumi.Output[str]] = {}

    def reference(self, name: str) -> pulumi.Output[str]:
        """What a container names to run the image.

        Raises:
            ConfigurationError: The image is to be pinned by digest, and the catalogue has none.
        """
        if name not in self._references:
            declare = {"packages": self._built, "registry": self._pulled}
            self._references[name] = declare[self._config.source](name)
        return self._references[name]

    def health_check(self, name: str) -> Sequence[str]:
        """Command that tells whether the component serves, as its image has it."""
        return catalog.CATALOG[name].health_check(self._config.source)

    def data_directory(self, name: str) -> str:
        """Where the image keeps its data."""
        return catalog.CATALOG[name].data_directory(self._config.source)
