"""The gateway's container where Envoy runs in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.container import RENEWED_FILES_DIRECTORY, ContainerSpec
from infra.gateway.envoy import runtime
from infra.gateway.envoy.bootstrap import render
from infra.gateway.envoy.overload import MEMORY_MEBIBYTES
from infra.gateway.envoy.tls import secret_file
from infra.gateway.settings import METRICS_PORT, STOP_GRACE_SECONDS
from infra.services import certificates
from infra.watch import Metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from infra.container import ContainerService, PublishedPort
    from infra.context import Context
    from infra.gateway.certificates import Certificate
    from infra.gateway.settings import GatewaySettings


def container(
    context: Context,
    settings: pulumi.Output[GatewaySettings],
    certificate: Certificate | None,
    issuer: ContainerService | None,
    ports: Sequence[PublishedPort],
) -> ContainerSpec:
    """The container of Envoy.

    Args:
        context: The environment.
        settings: What the bootstrap file is rendered from; a secret.
        certificate: What it shows clients, where that comes from files.
        issuer: The component that obtains it, where a directory issues it. Without either it
            speaks plain HTTP.
        ports: What the host publishes.
    """
    return ContainerSpec(
        component="gateway",
        image=context.images.reference("gateway"),
        user="101:101",
        command=runtime.command(certificate=_certificate_directory(certificate, issuer)),
        files={
            runtime.CONFIGURATION_FILE: settings.apply(render),
            runtime.START_FILE: runtime.START_SCRIPT,
            **({runtime.SECRET_FILE: secret_file()} if certificate or issuer else {}),
        },
        renewed_files=certificate.files if certificate else {},
        renewed_volume=issuer.volumes[certificates.ISSUED_VOLUME].name if issuer else None,
        networks=("edge", "backend"),
        ports=ports,
        health=context.images.health_check("gateway"),
        watch=Metrics(METRICS_PORT),
        memory_mebibytes=MEMORY_MEBIBYTES,
        cpu_shares=1024,
        stop_grace_seconds=STOP_GRACE_SECONDS,
    )


def _certificate_directory(
    certificate: Certificate | None, issuer: ContainerService | None
) -> str | None:
    if issuer:
        return certificates.ISSUED_DIRECTORY
    return RENEWED_FILES_DIRECTORY if certificate else None
