"""Stores: what holds data. Each module declares one, with its volume and its credentials.

A store that the configuration calls external runs elsewhere: no container and no volume here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.stores import mongo, object_store, postgres, redis

if TYPE_CHECKING:
    from infra.container import ContainerService
    from infra.context import Context
    from infra.stores.endpoint import ExternalStore


@dataclass(frozen=True)
class Stores:
    """Every store of an environment."""

    postgres: postgres.Postgres
    mongo: mongo.Mongo
    redis: redis.Redis
    object_store: object_store.ObjectStore

    @property
    def components(self) -> list[ContainerService | ExternalStore]:
        """The stores wherever they run, and the bootstrap of PostgreSQL."""
        return [
            self.postgres.server,
            self.postgres.bootstrap,
            self.mongo.server,
            self.redis.server,
            self.object_store.server,
        ]


def declare(context: Context) -> Stores:
    """Declare every store."""
    return Stores(
        postgres=postgres.declare(context),
        mongo=mongo.declare(context),
        redis=redis.declare(context),
        object_store=object_store.declare(context),
    )
