"""What was declared: the checked inputs that the stack's own state keeps of every resource.

The models of the inputs are those of `airgap.docker_provider`, which follow the official
provider's schema: the state reads the same whichever provider wrote it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airgap.docker_provider.inputs import ContainerInputs, NetworkInputs, VolumeInputs, parse
from airgap.provider.values import SECRET_SIGNATURE, SIGNATURE_KEY
from policies.resource_types import CONTAINER, IMAGE, NETWORK, REMOTE_IMAGE, STACK, VOLUME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHORTEST_SECRET = 16
"""Shorter texts inside a secret are ordinary words: a port, a user's name."""


class UnreadableStateError(Exception):
    """The state is not one that can be compared; says why."""


@dataclass(frozen=True)
class DeclaredContainer:
    """A container as declared.

    Attributes:
        resource: name of the Pulumi resource.
        identifier: the engine's id of the container that Pulumi made.
        inputs: what it was made from; may hold secrets.
    """

    resource: str
    identifier: str
    inputs: ContainerInputs = field(repr=False)

    @property
    def name(self) -> str:
        """Name on the engine."""
        return self.inputs.name

    @property
    def is_carrier(self) -> bool:
        """Whether it is never started: it only carried files into a volume."""
        return not self.inputs.start

    @property
    def is_one_shot(self) -> bool:
        """Whether it runs to its end once."""
        return self.inputs.start and not self.inputs.must_run

    @property
    def volumes(self) -> frozenset[str]:
        """Names of the volumes that it mounts."""
        return frozenset(volume.volume_name for volume in self.inputs.volumes) - {""}

    @property
    def networks(self) -> frozenset[str]:
        """Names of the networks that it is on."""
        return frozenset(network.name for network in self.inputs.networks_advanced)


@dataclass(frozen=True)
class DeclaredNetwork:
    """A network as declared; `identifier` is the engine's id of the one that Pulumi made."""

    resource: str
    identifier: str
    inputs: NetworkInputs


@dataclass(frozen=True)
class DeclaredVolume:
    """A volume as declared."""

    resource: str
    inputs: VolumeInputs


@dataclass(frozen=True)
class DeclaredImage:
    """An image by its reference, and the id of the image that Pulumi built or pulled."""

    resource: str
    reference: str
    identifier: str


@dataclass(frozen=True)
class Declaration:
    """Everything of a stack that the engine should hold.

    Attributes:
        secrets: every text of 16 characters or more that the state keeps as a secret; nothing that
            is printed may contain one.
    """

    stack: str
    containers: tuple[DeclaredContainer, ...] = ()
    networks: tuple[DeclaredNetwork, ...] = ()
    volumes: tuple[DeclaredVolume, ...] = ()
    images: tuple[DeclaredImage, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def file_volumes(self) -> frozenset[str]:
        """Names of the volumes that a carrier filled: they hold no data and can be made anew."""
        return frozenset(
            name for carrier in self.containers if carrier.is_carrier for name in carrier.volumes
        )

    def container(self, resource: str) -> DeclaredContainer | None:
        """The container of a resource, if it is declared."""
        return next((found for found in self.containers if found.resource == resource), None)


def read(stack: str, deployment: Mapping[str, Any]) -> Declaration:
    """Read an exported deployment whose secrets are shown.

    Raises:
        UnreadableStateError: a run was cut off, or nothing was deployed.
    """
    if deployment.get("pending_operations"):
        raise UnreadableStateError("an update was cut off or is still running")
    resources = [
        resource for resource in deployment.get("resources") or () if not resource.get("delete")
    ]
    if not any(resource["type"] == CONTAINER for resource in resources):
        raise UnreadableStateError("nothing is deployed")
    of_type = {
        kind: [_revealed(found) for found in resources if found["type"] == kind]
        for kind in (CONTAINER, NETWORK, VOLUME, IMAGE, REMOTE_IMAGE)
    }
    return Declaration(
        stack=stack,
        containers=tuple(
            DeclaredContainer(_name(each), each["id"], parse(ContainerInputs, each["inputs"]))
            for each in of_type[CONTAINER]
        ),
        networks=tuple(
            DeclaredNetwork(_name(each), each["id"], parse(NetworkInputs, each["inputs"]))
            for each in of_type[NETWORK]
        ),
        volumes=tuple(
            DeclaredVolume(_name(each), parse(VolumeInputs, each["inputs"]))
            for each in of_type[VOLUME]
        ),
        images=(
            *(
                DeclaredImage(
                    _name(each), each["inputs"]["imageName"], each["outputs"].get("repoDigest", "")
                )
                for each in of_type[IMAGE]
            ),
            *(
                DeclaredImage(
                    _name(each), each["inputs"]["name"], each["outputs"].get("imageId", "")
                )
                for each in of_type[REMOTE_IMAGE]
            ),
        ),
        secrets=frozenset(
            text
            for resource in resources
            for text in _secrets(resource)
            if len(text) >= SHORTEST_SECRET
        ),
    )


def _name(resource: Mapping[str, Any]) -> str:
    return str(resource["urn"]).rsplit("::", 1)[-1]


def _is_secret(value: object) -> bool:
    return isinstance(value, dict) and value.get(SIGNATURE_KEY) == SECRET_SIGNATURE


def _revealed(value: Any) -> Any:  # noqa: ANN401  (a deployment is any JSON)
    if _is_secret(value):
        return _revealed(json.loads(value["plaintext"]))
    if isinstance(value, dict):
        return {key: _revealed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_revealed(item) for item in value]
    return value


def _secrets(resource: Mapping[str, Any]) -> Iterator[str]:
    """Texts that the resource keeps secret.

    A list is secret as a whole when one of its elements is, so the environment's plain settings
    would count too: what is a secret is taken where it is made and where it is handed out.
    """
    if resource["type"].startswith("random:") or resource["type"] == STACK:
        yield from _secret_texts(resource.get("outputs") or {}, inside=False)


def _secret_texts(value: object, *, inside: bool) -> Iterator[str]:
    match value:
        case dict() if _is_secret(value):
            yield from _secret_texts(json.loads(value["plaintext"]), inside=True)
        case dict():
            for item in value.values():
                yield from _secret_texts(item, inside=inside)
        case list():
            for item in value:
                yield from _secret_texts(item, inside=inside)
        case str() if inside:
            yield value
        case _:
            return
