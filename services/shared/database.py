"""A bounded PostgreSQL pool that survives the database going away.

The pool opens connections when they are needed: a service starts, answers 503 while the database
is away, and serves again without a restart once it is back.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from services.shared.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.shared.metrics import Metrics

logger = structlog.get_logger()

DEPENDENCY = "database"

# What asyncpg raises when the server is away, starting, stopping, out of connections, or made this
# transaction give way to another; a failing query is none of these and stays an internal error.
_OUTAGES = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InternalClientError,
    asyncpg.InterfaceError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError,
)


class Database:
    """PostgreSQL as one role, through a bounded pool.

    Args:
        url: libpq connection URI. What it leaves out comes from libpq's variables (PGPASSWORD).
        metrics: Where the time of each unit of work is recorded.
        application: Name of the client as `pg_stat_activity` shows it.
        pool_size: Most connections at once.
        timeout_seconds: Longest wait for a connection, and longest unit of work after that.
    """

    def __init__(
        self,
        url: str,
        *,
        metrics: Metrics,
        application: str,
        pool_size: int = 10,
        timeout_seconds: float = 5.0,
    ) -> None:
        self._url = url
        self._metrics = metrics
        self._application = application
        self._pool_size = pool_size
        self._timeout_seconds = timeout_seconds
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Make the pool. The database need not be there yet."""
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=self._pool_size,
            max_inactive_connection_lifetime=300,
            timeout=self._timeout_seconds,
            command_timeout=self._timeout_seconds,
            init=_use_json,
            server_settings={
                "application_name": self._application,
                "statement_timeout": str(int(self._timeout_seconds * 1000)),
                "idle_in_transaction_session_timeout": "30000",
            },
        )

    async def close(self) -> None:
        """Close every connection, the busy ones after a short wait."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self, operation: str) -> AsyncIterator[asyncpg.Connection]:
        """A connection outside of a transaction.

        Raises:
            DependencyUnavailableError: The database does not answer within the timeout.
        """
        if self._pool is None:
            raise RuntimeError("the pool is not open")
        try:
            with self._metrics.dependency(DEPENDENCY, operation):
                async with (
                    asyncio.timeout(2 * self._timeout_seconds),
                    self._pool.acquire(timeout=self._timeout_seconds) as connection,
                ):
                    yield connection
        except asyncpg.DataError:
            raise  # a value that does not fit its column: an InterfaceError, yet no outage
        except _OUTAGES as outage:
            logger.warning("database unavailable", reason=type(outage).__name__)
            raise DependencyUnavailableError(DEPENDENCY) from outage

    @asynccontextmanager
    async def transaction(self, operation: str) -> AsyncIterator[asyncpg.Connection]:
        """A connection inside of a transaction, rolled back when the block raises.

        Raises:
            DependencyUnavailableError: The database does not answer within the timeout.
        """
        async with self.connection(operation) as connection, connection.transaction():
            yield connection

    async def check(self) -> None:
        """Return when the database answers.

        Raises:
            DependencyUnavailableError: It does not.
        """
        async with self.connection("health") as connection:
            await connection.execute("select 1")


# PostgreSQL writes this octet before the text of a jsonb value in binary form (jsonb_send).
_JSONB_VERSION = b"\x01"


async def _use_json(connection: asyncpg.Connection) -> None:
    # In binary form, because asyncpg reads no row inside of a row that holds a value in text form.
    for name, version in (("json", b""), ("jsonb", _JSONB_VERSION)):
        await connection.set_type_codec(
            name,
            schema="pg_catalog",
            encoder=partial(_to_json, version),
            decoder=partial(_from_json, version),
            format="binary",
        )


def _to_json(version: bytes, value: Any) -> bytes:  # noqa: ANN401  (any JSON value)
    return version + json.dumps(value, allow_nan=False).encode()


def _from_json(version: bytes, content: bytes) -> Any:  # noqa: ANN401  (any JSON value)
    return json.loads(content.removeprefix(version))
