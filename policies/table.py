"""The policies, one row each: what is checked, on which resources, and where it is explained."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from policies import exposure, hardening, images, operations, passwords, plain_secrets
from policies.properties import Properties
from policies.violation import Violation

Check = Callable[[Properties], Iterable[Violation]]

CONTAINER: Final = "docker:index/container:Container"
NETWORK: Final = "docker:index/network:Network"
VOLUME: Final = "docker:index/volume:Volume"
IMAGE: Final = "docker:index/image:Image"
REMOTE_IMAGE: Final = "docker:index/remoteImage:RemoteImage"
TAG: Final = "docker:index/tag:Tag"
RANDOM_PASSWORD: Final = "random:index/randomPassword:RandomPassword"  # noqa: S105  a type's name


@dataclass(frozen=True)
class Policy:
    """One policy of the pack."""

    name: str
    """Unique; also the heading of its section in docs/policies.md."""

    description: str
    """The rule, as one sentence."""

    checks: tuple[tuple[str, Check], ...]
    """Pairs of resource type and the check for it."""

    enforcement_level: Literal["mandatory", "advisory"] = "mandatory"
    """`mandatory` stops the update; `advisory` only warns."""

    @property
    def documentation(self) -> str:
        """Where the policy is explained."""
        return f"docs/policies.md#{self.name}"


POLICIES: Final[tuple[Policy, ...]] = (
    Policy(
        "no-plain-secret-in-environment",
        "Environment variables hold no secret in plain text.",
        ((CONTAINER, plain_secrets.environment),),
    ),
    Policy(
        "no-plain-secret-in-command",
        "Commands, entry points and health checks hold no secret in plain text.",
        ((CONTAINER, plain_secrets.command),),
    ),
    Policy(
        "no-plain-secret-in-labels",
        "Labels hold no secret in plain text.",
        tuple((type_name, plain_secrets.labels) for type_name in (CONTAINER, NETWORK, VOLUME)),
    ),
    Policy(
        "no-plain-secret-in-uploads",
        "Files put into a container hold no secret in plain text.",
        ((CONTAINER, plain_secrets.uploads),),
    ),
    Policy(
        "no-plain-secret-in-build-arguments",
        "Arguments of an image's build hold no secret.",
        ((IMAGE, plain_secrets.build_arguments), (REMOTE_IMAGE, plain_secrets.build_arguments)),
    ),
    Policy(
        "only-gateway-published",
        "Only the gateway is published beyond loopback.",
        ((CONTAINER, exposure.published_ports),),
    ),
    Policy(
        "no-privileged-container",
        "Containers are not privileged and keep the engine's confinement.",
        ((CONTAINER, hardening.privileged),),
    ),
    Policy(
        "no-host-namespace",
        "Containers share no namespace with the host.",
        ((CONTAINER, hardening.host_namespaces),),
    ),
    Policy(
        "no-engine-socket-or-device",
        "Containers reach neither the engine's socket nor a device of the host.",
        (
            (CONTAINER, hardening.engine_socket_and_devices),
            (VOLUME, hardening.engine_socket_and_devices),
        ),
    ),
    Policy(
        "capabilities-dropped",
        "Containers drop every capability and add only allowed ones.",
        ((CONTAINER, hardening.capabilities),),
    ),
    Policy(
        "no-new-privileges",
        "Processes in a container cannot gain privileges.",
        ((CONTAINER, hardening.new_privileges),),
    ),
    Policy(
        "memory-limited",
        "Containers have a limit for memory and for memory with swap.",
        ((CONTAINER, operations.memory),),
    ),
    Policy(
        "cpu-shares-set",
        "Containers have a CPU weight.",
        ((CONTAINER, operations.cpu_shares),),
    ),
    Policy(
        "health-check-present",
        "Containers that stay up have a health check.",
        ((CONTAINER, operations.health_check),),
    ),
    Policy(
        "log-rotated",
        "Containers' logs are rotated.",
        ((CONTAINER, operations.log_rotation),),
    ),
    Policy(
        "restart-policy-fits",
        "Containers that stay up come back after a crash; one-shot ones do not repeat.",
        ((CONTAINER, operations.restart),),
    ),
    Policy(
        "stop-grace-sufficient",
        "Containers that stay up stop gracefully; stores have at least 30 seconds for it.",
        ((CONTAINER, operations.stop_grace),),
    ),
    Policy(
        "image-version-given",
        "Image references carry a version's tag or a digest, never `latest`.",
        (
            (CONTAINER, partial(images.pinned, "image")),
            (REMOTE_IMAGE, partial(images.pinned, "name")),
            (IMAGE, partial(images.pinned, "imageName")),
            (TAG, partial(images.pinned, "targetImage")),
        ),
    ),
    Policy(
        "password-strong-and-url-safe",
        "Generated passwords have at least 32 characters and only URL-safe ones.",
        ((RANDOM_PASSWORD, passwords.random_password),),
    ),
)
