"""The resource types that policies look at, by Pulumi's names."""

from __future__ import annotations

from typing import Final

CONTAINER: Final = "docker:index/container:Container"
NETWORK: Final = "docker:index/network:Network"
VOLUME: Final = "docker:index/volume:Volume"
IMAGE: Final = "docker:index/image:Image"
REMOTE_IMAGE: Final = "docker:index/remoteImage:RemoteImage"
TAG: Final = "docker:index/tag:Tag"

RANDOM_PASSWORD: Final = "random:index/randomPassword:RandomPassword"  # noqa: S105  a type's name
RANDOM_BYTES: Final = "random:index/randomBytes:RandomBytes"
RANDOM_ID: Final = "random:index/randomId:RandomId"
RANDOM_STRING: Final = "random:index/randomString:RandomString"
RANDOM_UUID: Final = "random:index/randomUuid:RandomUuid"

STACK: Final = "pulumi:pulumi:Stack"
"""The stack itself: its properties are the stack's outputs."""

CONTAINER_SERVICE: Final = "plinth:container:ContainerService"
"""Plinth's own component: a container with its files and volumes."""
