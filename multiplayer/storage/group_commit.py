"""Group commit: one writer per shard of rooms takes everything that waits, writes it in one commit, answers all, repeats.

No timer: the commit in progress is the wait. Appends of a room never overtake each other.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeAlias
from zlib import crc32

import asyncpg

from multiplayer.protocol.ids import RoomId
from multiplayer.storage.append_rows import check, is_hot, statement_arguments
from multiplayer.storage.database import port_errors
from multiplayer.storage.port import Append, Appended, OutcomeUnknown, StorageUnavailable
from multiplayer.storage.projections import project
from multiplayer.storage.queries import Queries
from multiplayer.storage.unfit import Unfit

WriterConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Connect: TypeAlias = "Callable[[], Awaitable[WriterConnection]]"

MAX_WAITING: Final = 10_000
# A statement must end well within its timeout.
_MAX_BATCH_EVENTS: Final = 4_000
_MAX_BATCH_BYTES: Final = 8 * 1024 * 1024
_FIRST_BACKOFF_S: Final = 0.02
_LONGEST_BACKOFF_S: Final = 1.0
_PARTITION_PREFIX: Final = "events_"
_WORLD: Final = (StorageUnavailable, OutcomeUnknown)
# What one append can do to a batch: a constraint broken, a value that cannot be stored, events that fit nothing.
_OFFENCES: Final = (asyncpg.PostgresError, Unfit, ValueError)


@dataclass(eq=False, slots=True)
class _Waiting:
    append: Append
    answer: "asyncio.Future[Appended]"
    is_hot: bool


_Chain: TypeAlias = list[_Waiting]
"""Appends of one room, each expecting the seq that the one before leaves: stored together or not at all."""


class GroupCommit:
    """The writers. An async context manager; at its end what waits is answered `StorageUnavailable`.

    `connect` opens a connection for one writer alone and raises `StorageUnavailable` when it cannot.
    """

    def __init__(self, connect: Connect, queries: Queries, *, shards: int = 2) -> None:
        self._writers = [_Writer(connect, queries) for _ in range(shards)]
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        for writer in self._writers:
            self._tasks.create_task(writer.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        # Only a cancellation concerns the group; an error of the block's own must not come out wrapped in one.
        if isinstance(error, asyncio.CancelledError):
            await self._tasks.__aexit__(kind, error, trace)
        else:
            await self._tasks.__aexit__(None, None, None)

    async def append(self, append: Append) -> Appended:
        """Store the append in the next commit. Raises `StorageUnavailable`, `OutcomeUnknown`."""
        check(append)
        if sum(len(writer.waiting) for writer in self._writers) >= MAX_WAITING:
            raise StorageUnavailable(f"{MAX_WAITING} appends are waiting for the database already")
        answer: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        writer = self._writers[crc32(append.room_id.encode()) % len(self._writers)]
        writer.put(_Waiting(append, answer, is_hot(append)))
        return await answer

    def close(self) -> None:
        """Let the commits in progress end and refuse everything else."""
        for writer in self._writers:
            writer.close()


class _Writer:
    def __init__(self, connect: Connect, queries: Queries) -> None:
        self.waiting: deque[_Waiting] = deque()
        self._taken: list[_Chain] = []
        self._connect = connect
        self._queries = queries
        self._connection: WriterConnection | None = None
        self._statement: asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record] | None = None
        self._backoff_s = _FIRST_BACKOFF_S
        self._something = asyncio.Event()
        self._closing = asyncio.Event()

    def put(self, waiting: _Waiting) -> None:
        if self._closing.is_set():
            raise StorageUnavailable("the storage is closed")
        self.waiting.append(waiting)
        self._something.set()

    def close(self) -> None:
        self._closing.set()
        self._something.set()

    async def run(self) -> None:
        try:
            while True:
                await self._something.wait()
                if self._closing.is_set():
                    break
                self._taken = self._take()
                if not self.waiting:
                    self._something.clear()
                if self._taken and not await self._store(self._taken):
                    await self._back_off()
        finally:
            self._closing.set()
            _fail(self._taken, OutcomeUnknown("the storage was closed during the commit"))
            _fail([list(self.waiting)], StorageUnavailable("the storage was closed"))
            self.waiting.clear()
            self._drop_connection()

    def _take(self) -> list[_Chain]:
        """Take what can go together: of each room, appends that follow upon each other, in the order they came."""
        chains: dict[RoomId, _Chain] = {}
        left: deque[_Waiting] = deque()
        held: set[RoomId] = set()
        events = size = 0
        while self.waiting and events < _MAX_BATCH_EVENTS and size < _MAX_BATCH_BYTES:
            waiting = self.waiting.popleft()
            if waiting.answer.done():
                continue  # its caller is gone
            append = waiting.append
            chain = chains.setdefault(append.room_id, [])
            if append.room_id in held or (chain and append.expected != _end(chain[-1].append)):
                held.add(append.room_id)
                left.append(waiting)
                continue
            chain.append(waiting)
            events += len(append.events)
            size += sum(len(new.line) for new in append.events)
        self.waiting.extendleft(reversed(left))
        return [chain for chain in chains.values() if chain]

    async def _store(self, chains: list[_Chain]) -> bool:
        """Write and answer `chains`; False if the database could not be reached."""
        try:
            moved = await self._write(chains)
        except _WORLD as error:
            is_alive = self._is_alive(error)
            if not is_alive:
                self._drop_connection()
            if is_alive and _splits(chains):
                return await self._store_apart(chains)  # one room that is locked must not hold up the others
            _fail(chains, error)
            return is_alive
        except _OFFENCES as error:
            if _splits(chains):
                return await self._store_apart(chains)
            _answer_offender(chains[0][0], error)
            return True
        self._backoff_s = _FIRST_BACKOFF_S
        for chain in chains:
            result = Appended.COMMITTED if chain[0].append.room_id in moved else Appended.CONFLICT
            for waiting in chain:
                if not waiting.answer.done():
                    waiting.answer.set_result(result)
        return True

    async def _store_apart(self, chains: list[_Chain]) -> bool:
        """Write room by room, and a single room append by append, so that only who offends is hit."""
        parts = chains if len(chains) > 1 else [[waiting] for waiting in chains[0]]
        for position, part in enumerate(parts):
            if not await self._store([part]):
                _fail(parts[position + 1 :], StorageUnavailable("the database cannot be reached"))
                return False
        return True

    async def _write(self, chains: list[_Chain]) -> set[RoomId]:
        """Return the rooms that stood where they were expected."""
        connection, statement = await self._connected()
        arguments = statement_arguments([[waiting.append for waiting in chain] for chain in chains])
        if all(waiting.is_hot for chain in chains for waiting in chain):
            with port_errors(lost=OutcomeUnknown):
                rows = await statement.fetch(*arguments)
            return {row["id"] for row in rows}
        transaction = connection.transaction()
        with port_errors(lost=StorageUnavailable):
            await transaction.start()
            try:
                moved = {row["id"] for row in await statement.fetch(*arguments)}
                rarer = [waiting.append for chain in chains for waiting in chain if not waiting.is_hot]
                await project(connection, self._queries, [append for append in rarer if append.room_id in moved])
            except TimeoutError:
                connection.terminate()
                raise
            except BaseException:
                if not connection.is_closed():
                    await transaction.rollback()
                raise
        with port_errors(lost=OutcomeUnknown):
            await transaction.commit()
        return moved

    async def _connected(
        self,
    ) -> "tuple[WriterConnection, asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]]":
        connection, statement = self._connection, self._statement
        if connection is None or statement is None or connection.is_closed():
            self._drop_connection()
            self._connection = connection = await self._connect()
            with port_errors(lost=StorageUnavailable):
                self._statement = statement = await connection.prepare(self._queries["append_events"])
        return connection, statement

    def _is_alive(self, error: BaseException) -> bool:
        """Tell whether it was the server itself that said no, on a connection that goes on."""
        connection = self._connection
        return (
            isinstance(error.__cause__, asyncpg.PostgresError) and connection is not None and not connection.is_closed()
        )

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
        self._connection = self._statement = None

    async def _back_off(self) -> None:
        """Wait before the next try; what comes meanwhile waits too, and is tried together."""
        try:
            await asyncio.wait_for(self._closing.wait(), self._backoff_s)
        except TimeoutError:
            self._backoff_s = min(self._backoff_s * 2, _LONGEST_BACKOFF_S)


def _end(append: Append) -> int:
    return append.expected + len(append.events)


def _splits(chains: list[_Chain]) -> bool:
    return len(chains) > 1 or len(chains[0]) > 1


def _fail(chains: Iterable[Iterable[_Waiting]], error: StorageUnavailable | OutcomeUnknown) -> None:
    for chain in chains:
        for waiting in chain:
            if not waiting.answer.done():
                # Each its own: an exception that several callers raise gathers all their tracebacks.
                waiting.answer.set_exception(type(error)(*error.args))


def _answer_offender(waiting: _Waiting, error: Exception) -> None:
    if waiting.answer.done():
        return
    if isinstance(error, asyncpg.UniqueViolationError) and _is_key_index(error):
        waiting.answer.set_result(Appended.KEY_TAKEN)
    else:
        waiting.answer.set_exception(error)


def _is_key_index(error: asyncpg.UniqueViolationError) -> bool:
    """Tell the unique index of keys, which each partition has under a name of its own, from the primary key."""
    table, constraint = error.table_name or "", error.constraint_name or ""
    return table.startswith(_PARTITION_PREFIX) and not constraint.endswith("_pkey")
