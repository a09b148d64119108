"""The docker provider: its resource types, and those of the official one that it refuses."""

from typing import Final

from airgap.docker_provider.container import ContainerType
from airgap.docker_provider.engine import Engine, check_configuration
from airgap.docker_provider.image import ImageType
from airgap.docker_provider.network import NetworkType
from airgap.docker_provider.remote_image import RemoteImageType
from airgap.docker_provider.tag import TagType
from airgap.docker_provider.volume import VolumeType
from airgap.provider.resource import Provider

VERSION: Final = "5.2.0"
"""The version of pulumi-docker that this stands in for."""

_NEEDS_SWARM: Final = "it needs Swarm mode, which this stand-in does not have"
_OUT_OF_SCOPE: Final = "use the official plugin for it"


def docker_provider() -> Provider:
    """Return the provider over one engine, which is not contacted yet."""
    engine = Engine()
    return Provider(
        name="docker",
        version=VERSION,
        resource_types={
            "docker:index/container:Container": ContainerType(engine),
            "docker:index/image:Image": ImageType(engine),
            "docker:index/network:Network": NetworkType(engine),
            "docker:index/remoteImage:RemoteImage": RemoteImageType(engine),
            "docker:index/tag:Tag": TagType(engine),
            "docker:index/volume:Volume": VolumeType(engine),
        },
        refused_types={
            "docker:index/buildxBuilder:BuildxBuilder": _OUT_OF_SCOPE,
            "docker:index/plugin:Plugin": _OUT_OF_SCOPE,
            "docker:index/registryImage:RegistryImage": _OUT_OF_SCOPE,
            "docker:index/secret:Secret": _NEEDS_SWARM,
            "docker:index/service:Service": _NEEDS_SWARM,
            "docker:index/serviceConfig:ServiceConfig": _NEEDS_SWARM,
        },
        configure=engine.configure,
        check_configuration=check_configuration,
    )
