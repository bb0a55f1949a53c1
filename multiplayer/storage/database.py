"""The one way to Postgres: a pool, named statements, and the place where its errors become the port's."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable
from multiplayer.storage.queries import Queries

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

STATEMENT_TIMEOUT_S: Final = 5.0
CONNECT_TIMEOUT_S: Final = 5.0
# Behind the server's own, for a server that does not answer at all.
_ANSWER_TIMEOUT_S: Final = STATEMENT_TIMEOUT_S + 2
_DEFAULT_POOL_MAX: Final = 10
_SESSION: Final = {
    "application_name": "multiplayer",
    "statement_timeout": str(round(STATEMENT_TIMEOUT_S * 1000)),
    # A pod that is stopped in the middle of a transaction must not keep its rooms locked.
    "idle_in_transaction_session_timeout": "5000",
    "lock_timeout": "2000",
    "jit": "off",
    "timezone": "UTC",
}

# The server says itself that it did not do it.
_NOT_DONE: Final = (
    asyncpg.QueryCanceledError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
_LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,
    asyncpg.InterfaceError,
)


@dataclass(frozen=True)
class Dsn:
    """A database address with what is ours taken off."""

    text: str
    pool_max: int


def parse_dsn(dsn: str) -> Dsn:
    """Take `pool_max` off a DSN. Raises ValueError, which does not repeat the DSN: it may hold a password."""
    parts = urlsplit(dsn)
    query = parse_qsl(parts.query, keep_blank_values=True)
    given = [value for name, value in query if name == "pool_max"]
    if any(not value.isdecimal() or not 3 <= int(value) <= 1000 for value in given):
        raise ValueError("pool_max in the database address must be a number from 3 to 1000")
    rest = urlencode([(name, value) for name, value in query if name != "pool_max"])
    return Dsn(urlunsplit(parts._replace(query=rest)), int(given[-1]) if given else _DEFAULT_POOL_MAX)


@contextmanager
def port_errors(*, lost: type[StorageUnavailable | OutcomeUnknown]) -> Iterator[None]:
    """Turn what the driver raises into the port's exceptions. `lost` says what a lost connection means here."""
    try:
        yield
    except _NOT_DONE as error:
        raise StorageUnavailable(f"the database did not do it: {type(error).__name__}") from error
    except _LOST as error:
        if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
            raise  # a value that cannot be encoded: ours
        raise lost(f"the database cannot be reached: {type(error).__name__}") from error


async def connect(dsn: Dsn) -> "asyncpg.Connection[asyncpg.Record]":
    """Open one connection outside of the pool, for the same few statements again and again.

    Raises `StorageUnavailable`.
    """
    with port_errors(lost=StorageUnavailable):
        return await asyncpg.connect(
            dsn.text,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=_ANSWER_TIMEOUT_S,
            # Their plans do not depend on what is in the arrays; planning the big one costs as much as running it.
            server_settings={**_SESSION, "plan_cache_mode": "force_generic_plan"},
        )


class Database:
    """Statements by name on a pool of connections. Opened by `open_database`."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", queries: Queries) -> None:
        self._pool = pool
        self.queries = queries

    async def read(self, name: str, *arguments: object) -> list[asyncpg.Record]:
        """Run one statement that changes nothing."""
        return await self._run(StorageUnavailable, name, arguments)

    async def read_row(self, name: str, *arguments: object) -> asyncpg.Record | None:
        rows = await self.read(name, *arguments)
        return rows[0] if rows else None

    async def write(self, name: str, *arguments: object) -> list[asyncpg.Record]:
        """Run one statement that is a transaction of its own."""
        return await self._run(OutcomeUnknown, name, arguments)

    async def did(self, name: str, *arguments: object) -> bool:
        """Run one statement as `write`; tell whether it returned a row."""
        return bool(await self.write(name, *arguments))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Run the block in a transaction; an exception in it rolls back."""
        async with self._connection() as connection:
            transaction = connection.transaction()
            with port_errors(lost=StorageUnavailable):
                await transaction.start()
                try:
                    yield connection
                except TimeoutError:
                    connection.terminate()
                    raise
                except BaseException:
                    if not connection.is_closed():
                        await transaction.rollback()
                    raise
            with port_errors(lost=OutcomeUnknown):
                await transaction.commit()

    async def close(self) -> None:
        self._pool.terminate()

    async def _run(
        self, lost: type[StorageUnavailable | OutcomeUnknown], name: str, arguments: tuple[object, ...]
    ) -> list[asyncpg.Record]:
        async with self._connection() as connection:
            with port_errors(lost=lost):
                return await connection.fetch(self.queries[name], *arguments)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator["PoolConnectionProxy[asyncpg.Record]"]:
        with port_errors(lost=StorageUnavailable):
            connection = await self._pool.acquire(timeout=CONNECT_TIMEOUT_S)
        try:
            yield connection
        except (StorageUnavailable, OutcomeUnknown) as error:
            # A server that does not answer would hold us again when the connection goes back.
            if isinstance(error.__cause__, TimeoutError):
                connection.terminate()
            raise
        finally:
            await self._pool.release(connection)


@asynccontextmanager
async def open_database(dsn: Dsn, *, pool_max: int) -> AsyncIterator[Database]:
    """Open a pool of at most `pool_max` connections. Raises `StorageUnavailable`."""
    with port_errors(lost=StorageUnavailable):
        pool = await asyncpg.create_pool(
            dsn.text,
            min_size=1,
            max_size=pool_max,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=_ANSWER_TIMEOUT_S,
            server_settings=_SESSION,
            # Nothing here changes a session, so there is nothing to reset: it would double every round trip.
            reset=_nothing,
        )
    try:
        yield Database(pool, Queries())
    finally:
        pool.terminate()


async def _nothing(_connection: Connection) -> None:
    pass


def columns(rows: "list[tuple[object, ...]]") -> list[list[object]]:
    """Turn rows into the arrays that UNNEST takes; there must be a row."""
    return [list(column) for column in zip(*rows, strict=True)]
