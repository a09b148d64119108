"""The policies, one row each: what is checked, on which resources, and where it is explained."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Literal

from policies import (
    connection_strings,
    exposure,
    graph,
    hardening,
    images,
    known_secrets,
    listed_secrets,
    monitoring,
    mounts,
    operations,
    outputs,
    passwords,
    plain_secrets,
    stores,
)
from policies.resource_types import (
    CONTAINER,
    IMAGE,
    NETWORK,
    RANDOM_BYTES,
    RANDOM_ID,
    RANDOM_PASSWORD,
    RANDOM_STRING,
    RANDOM_UUID,
    REMOTE_IMAGE,
    STACK,
    TAG,
    VOLUME,
)
from policies.subject import (
    Exceptions,
    Graph,
    Member,
    NoParameters,
    Parameters,
    ParametersT_co,
    Subject,
)
from policies.violation import Violation

Check = Callable[[Subject[ParametersT_co]], Iterable[Violation]]
GraphCheck = Callable[[Graph[ParametersT_co]], Iterable[tuple[Member, Violation]]]
EnforcementLevel = Literal["mandatory", "advisory", "disabled"]


@dataclass(frozen=True)
class Policy(Generic[ParametersT_co]):
    """One policy of the pack. It has `checks`, or `graph_check`, not both."""

    name: str
    """Unique; also the heading of its section in docs/policies.md."""

    description: str
    """The rule, as one sentence."""

    checks: tuple[tuple[str, Check[ParametersT_co]], ...] = ()
    """Pairs of resource type and the check for it; made before a resource is touched."""

    graph_check: GraphCheck[ParametersT_co] | None = None
    """What is checked over the whole stack, at the end of a preview and of an update."""

    parameters: type[Parameters] = NoParameters
    """What a configuration file may set besides the enforcement level; its defaults hold where a
    file says nothing."""

    enforcement_level: EnforcementLevel = "mandatory"
    """Where no file says otherwise. `mandatory` stops the update; `advisory` only warns."""

    @property
    def documentation(self) -> str:
        """Where the policy is explained."""
        return f"docs/policies.md#{self.name}"


POLICIES: Final[tuple[Policy[Any], ...]] = (
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
        parameters=exposure.Published,
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
        parameters=hardening.Capabilities,
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
        parameters=operations.StopGrace,
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
        "Generated passwords are long and have only URL-safe characters.",
        ((RANDOM_PASSWORD, passwords.random_password),),
        parameters=passwords.Passwords,
    ),
    Policy(
        "image-pinned-by-digest",
        "Images that are pulled are pinned by digest.",
        (
            (CONTAINER, partial(images.pinned_by_digest, "image")),
            (REMOTE_IMAGE, partial(images.pinned_by_digest, "name")),
        ),
        parameters=images.BuiltImages,
    ),
    Policy(
        "store-volume-protected",
        "Volumes of stores are protected from deletion.",
        ((VOLUME, stores.volume_protected),),
        parameters=stores.Stores,
    ),
    Policy(
        "stores-on-data-network",
        "Stores are on the internal data network, and on another only to publish a port.",
        ((CONTAINER, stores.networks), (NETWORK, stores.internal)),
        parameters=stores.StoreNetworks,
    ),
    Policy(
        "secret-environment-listed",
        "Variables that hold a secret are on the component's list, and marked as secret.",
        ((CONTAINER, listed_secrets.environment_listed),),
    ),
    Policy(
        "no-password-in-connection-string",
        "No connection string with a password stands in a variable or command, even as a secret.",
        ((CONTAINER, connection_strings.connection_string),),
        parameters=connection_strings.ConnectionStrings,
    ),
    Policy(
        "non-root-user",
        "Containers run as a user that is not root, given by number.",
        ((CONTAINER, hardening.user),),
        parameters=Exceptions,
    ),
    Policy(
        "read-only-root",
        "Containers cannot write to their root file system.",
        ((CONTAINER, hardening.root_file_system),),
        parameters=Exceptions,
    ),
    Policy(
        "mounts-allowed",
        "Containers mount named volumes alone, at known paths.",
        ((CONTAINER, mounts.allowed), (VOLUME, mounts.volume)),
        parameters=mounts.Mounts,
    ),
    Policy(
        "no-known-secret",
        "No secret of a demo, an example or a default is used, in the configuration neither.",
        (
            (CONTAINER, known_secrets.resource),
            (IMAGE, known_secrets.resource),
            (REMOTE_IMAGE, known_secrets.resource),
            (STACK, known_secrets.configuration),
        ),
    ),
    Policy(
        "secret-generator-suitable",
        "Secrets are generated as passwords, which the state keeps encrypted.",
        tuple(
            (type_name, passwords.generator)
            for type_name in (RANDOM_BYTES, RANDOM_ID, RANDOM_STRING, RANDOM_UUID)
        ),
    ),
    Policy(
        "secret-variables-from-passwords",
        "What a component lists as secret was not made by a generator that keeps it in clear.",
        graph_check=listed_secrets.made_as_passwords,
    ),
    Policy(
        "outputs-marked-secret",
        "Stack outputs that look like a secret are marked as one.",
        graph_check=outputs.marked_secret,
        parameters=outputs.Outputs,
    ),
    Policy(
        "components-checked",
        "Every component has one container that runs, with a health check if it stays up.",
        graph_check=graph.components,
    ),
    Policy(
        "components-monitored",
        "Where a monitor runs, every component that stays up is among its targets.",
        graph_check=monitoring.components,
        parameters=monitoring.Monitoring,
    ),
    Policy(
        "published-ports-configured",
        "Every port that the stack takes on the host is in its configuration.",
        graph_check=graph.published_ports,
    ),
    Policy(
        "secret-values-where-listed",
        "Generated secrets stand in no variable, command or label that does not list them.",
        graph_check=listed_secrets.values_where_listed,
    ),
)
