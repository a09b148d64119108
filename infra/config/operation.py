"""How the environment is run: images, rotation, monitor, upgrades."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from infra.config.section import Section
from infra.config.values import Generation, Port


class Images(Section):
    """Where images come from."""

    source: Literal["packages", "registry"] = "packages"
    """`packages` builds every image from this repository's Dockerfiles and package mirrors;
    `registry` pulls the upstream images."""

    require_digest: bool = False
    """Refuse an upstream image that the catalogue does not pin by digest. Images built from
    `packages` are tagged by their content and pass."""

    lock: Annotated[str, Field(min_length=1)] | None = None
    """File that `make publish` wrote, relative to the checkout: `images.lock.json`. Images of this
    repository are then pulled by the digests in it; without it they are built on the engine."""


class Keys(Section):
    """Signing key and API keys."""

    generation: Generation = 1
    """Count up to rotate. The previous generation stays valid until the next rotation. Count up by
    two where the state itself may have leaked: it holds the next generation's seed already."""

    revoke_previous: bool = False
    """Stop accepting the previous generation now."""

    legacy: bool = False
    """Also issue HS256 `anon` and `service_role` keys for clients of older bundles."""


class Passwords(Section):
    """Passwords of database roles and stores."""

    generation: Generation = 1
    """Count up to replace them, except the one of PostgreSQL's superuser: only the bootstrap
    connects as it. The previous generation stays valid until the next rotation."""

    revoke_previous: bool = False
    """Stop accepting the previous generation now, and end the database sessions that it opened."""


class Observability(Section):
    """A monitor that watches every component: Prometheus, with alert rules."""

    enabled: bool = False
    """Whether it runs."""

    port: Port = 9090
    """Port of its page and API on the host's loopback address. It asks for no password."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = 15
    """For how long it keeps what it collected."""


class Upgrade(Section):
    """What `make up` does before a store gets another image. Plain Pulumi commands do not."""

    backup_first: bool | None = None
    """Make a backup first, and change nothing if that fails. Default: on in production. The
    passphrase of the bundle is that of `make backup`."""

    backup_folder: Annotated[str, Field(min_length=1)] = ".plinth/backups"
    """Folder that takes the bundle; a relative one is in the checkout."""
