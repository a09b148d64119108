"""From top to bottom: configuration, networks, stores, services, gateway, monitor."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

# Pulumi runs this folder, not the package: its modules are imported from the folder above.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pulumi
from pulumi.runtime import config as pulumi_config

from infra import credentials, images, networks, observability, outputs, stack_file, stores
from infra.config.loading import check_stack_name, load, require_encrypted
from infra.config.section import ConfigurationError
from infra.container import Site
from infra.context import Context
from infra.gateway import certificates as certificate_files
from infra.gateway import component as gateway
from infra.gateway.waf import component as firewall
from infra.services import auth, certificates, mail, rest

if TYPE_CHECKING:
    from infra.config.stack import StackConfig


def declare(stack: str, settings: StackConfig) -> None:
    """Declare everything that the stack is made of."""
    # Before anything is declared: both refuse what does not fit.
    source = images.ImageSource(settings)
    certificate = certificate_files.read(settings)
    context = Context(
        config=settings,
        site=Site(stack, networks.declare(stack), protect_data=settings.protect_data),
        images=source,
        keys=credentials.key_material(settings.keys, auth.issuer(settings.public_url)),
    )

    data = stores.declare(context)
    services = [auth.declare(context, data.postgres), rest.declare(context, data.postgres)]
    if settings.mail.enabled:
        services.append(mail.declare(context))
    issuer = certificates.declare(context, settings.acme) if settings.acme else None
    if issuer:
        services.append(issuer)
    entry = [gateway.declare(context, certificate, issuer)]
    if settings.gateway.waf:
        entry.append(firewall.declare(context, settings.gateway.waf, certificate, issuer, entry[0]))
    components = [*data.components, *services, *entry]
    monitor = observability.declare(context, components)
    outputs.export(context, data, [*components, *monitor])


try:
    raw = {**pulumi_config.get_config_env(), **pulumi_config.CONFIG.get()}
    loaded = load(raw)
    stack = check_stack_name(pulumi.get_stack())
    encrypted = {key for key in raw if pulumi_config.is_config_secret(key)}
    require_encrypted(loaded, encrypted, stack_file.in_clear(stack))
    declare(stack, loaded)
except ConfigurationError as error:
    # A RunError is shown as it is, without a traceback.
    raise pulumi.RunError(str(error)) from None
