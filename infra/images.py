"""Images as stack resources: built from this repository, or pulled from a registry.

The catalogue says what there is; this module declares what a stack uses. Nothing that runs an
image knows which source it came from.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pulumi_docker as docker

from infra import catalog, image_lock
from infra.config.section import ConfigurationError
from infra.container import HealthCheck

if TYPE_CHECKING:
    import pulumi

    from infra.catalog import Source, UpstreamImage
    from infra.config.stack import StackConfig

ROOT = Path(__file__).resolve().parent.parent

_REPOSITORY = Path("..")
"""Seen from this folder, where Pulumi runs the program. A path that names no machine keeps the
state the same wherever the checkout is."""

_REST_SECONDS = 10
"""Between two health checks of a component that serves."""
_LIMIT_SECONDS = 3
"""What a health check may take."""


class ImageSource:
    """Declares an image when a component first asks for it.

    Raises:
        ConfigurationError: The stack names a lock that does not fit the checkout.
    """

    def __init__(self, config: StackConfig) -> None:
        self._config = config.images
        # What a stack takes from upstream although it builds the others.
        self._chosen_upstream = {"auth"} if config.auth.engine == "gotrue" else set()
        self._lock = image_lock.require(config, ROOT)
        self._references: dict[str, pulumi.Output[str]] = {}

    def reference(self, component: str) -> pulumi.Output[str]:
        """What a component's container names to run its image.

        Raises:
            ConfigurationError: The stack requires digests and the catalogue has none for it.
        """
        upstream = catalog.CATALOG[component].upstream_from(self._source(component))
        if upstream:
            return self._upstream(component, upstream)
        name = catalog.image_name(component)
        return self._pulled(name, self._lock.reference(name)) if self._lock else self._built(name)

    def alternative(self, component: str, program: str) -> pulumi.Output[str]:
        """As `reference`, where a setting puts another program in the component's place.

        Raises:
            ConfigurationError: The stack requires digests and the catalogue has none for it.
        """
        return self._upstream(component, catalog.CATALOG[component].alternatives[program])

    def health_check(self, component: str) -> HealthCheck:
        """How the engine tells whether the component serves.

        An image of this repository is asked every second, by a command that waits once it has
        succeeded (`images/base/health-check.sh`): a start is over when it is over, and a component
        at rest costs little. Upstream's images have no such command.
        """
        entry, source = catalog.CATALOG[component], self._source(component)
        command = entry.health_check(source)
        if entry.upstream_from(source):
            return HealthCheck(command)
        return HealthCheck(
            ("health-check", str(_REST_SECONDS), str(_LIMIT_SECONDS), *command),
            interval_seconds=1,
            # The command ends by itself before: a little more than it may take.
            timeout_seconds=_REST_SECONDS + _LIMIT_SECONDS + 2,
            # After a failure it does not wait: half a minute of them, or more where each hangs.
            retries=30,
        )

    def data_directory(self, component: str) -> str:
        """Where the component keeps its data inside the image."""
        return catalog.CATALOG[component].data_directory(self._source(component))

    def _source(self, component: str) -> Source:
        return "registry" if component in self._chosen_upstream else self._config.source

    def _built(self, name: str) -> pulumi.Output[str]:
        if name not in self._references:
            build = catalog.BUILDS[name]
            # Asked for as resources, so that they are there before what builds on them.
            images = {
                argument: self._built(other)
                for argument, other in build.image_arguments.items()
                if other != catalog.BASE
            }
            image = docker.Image(
                f"{name}-image",
                image_name=catalog.build_tag(name, ROOT),
                build=docker.DockerBuildArgs(
                    context=str(_REPOSITORY / build.context),
                    dockerfile=str(_REPOSITORY / build.dockerfile),
                    args={**catalog.build_arguments(name, ROOT), **images},
                    platform=image_lock.PLATFORM,
                    builder_version=docker.BuilderVersion.BUILDER_V1,
                ),
                skip_push=True,
            )
            self._references[name] = image.image_name
        return self._references[name]

    def _upstream(self, component: str, upstream: UpstreamImage) -> pulumi.Output[str]:
        if self._config.require_digest and upstream.digest is None:
            raise ConfigurationError(
                f"images.require_digest: {upstream.reference} has no digest in infra/catalog.py; "
                "add the one that you trust, or set images.source: packages"
            )
        return self._pulled(component, upstream.reference)

    def _pulled(self, name: str, reference: str) -> pulumi.Output[str]:
        if name not in self._references:
            image = docker.RemoteImage(f"{name}-image", name=reference, keep_locally=True)
            self._references[name] = image.name
        return self._references[name]
