"""What obtains the gateway's certificate from an ACME directory, and renews it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from infra.container import (
    FILES_DIRECTORY,
    RENEWED_FILES_DIRECTORY,
    ContainerService,
    ContainerSpec,
    DataVolume,
)
from infra.watch import Metrics

if TYPE_CHECKING:
    from infra.config.gateway import Acme
    from infra.context import Context

PORT = 8080
CHALLENGES_AT_ONCE = 16
"""Passed on to the component at the same time, by whatever stands in front of it."""
CHALLENGE_SECONDS = 5
"""Within which it answers one."""

CHALLENGE_PATH = r"/\.well-known/acme-challenge/[A-Za-z0-9_-]+"
"""What a directory asks for by plain HTTP, as a regular expression (RFC 8555, section 8.3). A token
is base64url (section 8.1): no other segment, no escape, no query."""

ISSUED_VOLUME = "certificates-issued"
"""Short name of the volume that the certificate is read from by what shows it to clients: the
gateway, or a firewall in front of it. The account's key is in another one, which is the component's
alone."""

ISSUED_DIRECTORY = f"{RENEWED_FILES_DIRECTORY}/current"
"""Where in the reader's container the newest certificate is."""

READERS_GROUP = 101
"""Group of whoever reads the certificate. The gateway's own."""

_AUTHORITY_FILE = "authority.pem"


def environment(acme: Acme) -> dict[str, str]:
    """Settings of services/certificates, but for the secret one."""
    optional = {
        "PLINTH_ACME_AUTHORITY_FILE": (
            f"{FILES_DIRECTORY}/{_AUTHORITY_FILE}" if acme.ca_certificate else ""
        ),
        "PLINTH_ACME_EMAIL": acme.email or "",
        "PLINTH_ACME_EXTERNAL_ACCOUNT_ID": (
            acme.external_account.key_id if acme.external_account else ""
        ),
        "PLINTH_ACME_RENEW_BEFORE_DAYS": str(acme.renew_before_days or ""),
    }
    return {
        "PLINTH_ACME_DIRECTORY_URL": acme.directory_url,
        "PLINTH_ACME_DOMAINS": ",".join(acme.domains),
        "PLINTH_ACME_TERMS_AGREED": str(acme.terms_agreed).lower(),
        **{name: value for name, value in optional.items() if value},
    }


def declare(context: Context, acme: Acme) -> ContainerService:
    """Declare the component.

    It is healthy as soon as clients have something to be shown, self-signed at first: whether the
    directory answers is not waited for.
    """
    external = acme.external_account
    return ContainerService(
        ContainerSpec(
            component="certificates",
            image=context.images.reference("certificates"),
            # What it writes is for its group to read as well.
            user=f"1000:{READERS_GROUP}",
            environment=environment(acme),
            secret_environment=(
                {
                    "PLINTH_ACME_EXTERNAL_ACCOUNT_KEY": pulumi.Output.secret(
                        external.hmac_key.get_secret_value()
                    )
                }
                if external
                else {}
            ),
            files={_AUTHORITY_FILE: acme.ca_certificate} if acme.ca_certificate else {},
            # Not among the services: it talks to a stranger, and only what ends TLS talks to it.
            networks=("edge",),
            volumes=[
                DataVolume("certificates-account", "/data/account"),
                DataVolume(ISSUED_VOLUME, "/data/issued"),
            ],
            health=context.images.health_check("certificates"),
            watch=Metrics(PORT),
            memory_mebibytes=128,
            cpu_shares=128,
        ),
        context.site,
    )
