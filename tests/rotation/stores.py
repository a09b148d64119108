"""The stores that have a password each: one thing kept in every one, and who is let in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
import boto3
import botocore.exceptions
import pymongo
import pymongo.errors
import redis

if TYPE_CHECKING:
    from collections.abc import Callable

STORES = ("mongo", "redis", "s3")
TEXT = "kept over rotations"
REFUSALS = (
    asyncpg.InvalidPasswordError,
    botocore.exceptions.ClientError,
    pymongo.errors.OperationFailure,
    redis.AuthenticationError,
)
"""What the stores' clients raise when a password is refused."""


@dataclass(frozen=True)
class Stores:
    """The stores as a stack's outputs open them."""

    outputs: dict[str, Any]

    def fill(self) -> None:
        """Keep `TEXT` in each."""
        self._redis().set("text", TEXT)
        self._mongo()["texts"].insert_one({"_id": 1, "text": TEXT})
        self._s3().put_object(Bucket=self.outputs["s3"]["bucket"], Key="text", Body=TEXT.encode())

    def read(self, name: str) -> str:
        """What a store kept.

        Raises:
            Exception: One of `REFUSALS` where it refuses the password.
        """
        readers: dict[str, Callable[[], Any]] = {
            "redis": lambda: self._redis().get("text"),
            "mongo": lambda: (self._mongo()["texts"].find_one({"_id": 1}) or {})["text"],
            "s3": lambda: (
                self._s3()
                .get_object(Bucket=self.outputs["s3"]["bucket"], Key="text")["Body"]
                .read()
                .decode()
            ),
        }
        return str(readers[name]())

    def log_in(self, role: str, password: str) -> str:
        """Log in to the database as a role; the role that PostgreSQL then takes it for.

        Raises:
            asyncpg.InvalidPasswordError: The password is refused.
        """

        async def ask() -> str:
            connection = await asyncpg.connect(
                self.outputs["database"]["published_url"], user=role, password=password
            )
            try:
                return str(await connection.fetchval("select current_user"))
            finally:
                await connection.close()

        return asyncio.run(ask())

    def _redis(self) -> Any:
        return redis.Redis.from_url(self.outputs["redis"]["published_url"], decode_responses=True)

    def _mongo(self) -> Any:
        return pymongo.MongoClient(
            self.outputs["mongo"]["published_url"], serverSelectionTimeoutMS=5000
        )["rotation"]

    def _s3(self) -> Any:
        connection = self.outputs["s3"]
        return boto3.client(
            "s3",
            endpoint_url=connection["published_endpoint"],
            aws_access_key_id=connection["access_key_id"],
            aws_secret_access_key=connection["secret_access_key"],
            region_name=connection["region"],
        )
