"""The writers: what waits shares a commit, nobody pays for a neighbour, and a lost database is said as it is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable

import asyncpg
import pytest

from multiplayer.protocol.ids import RoomId
from multiplayer.storage.database import connect, parse_dsn
from multiplayer.storage.embedded import PostgresAddress
from multiplayer.storage.group_commit import MAX_WAITING, GroupCommit, WriterConnection
from multiplayer.storage.port import Appended, OutcomeUnknown, StorageUnavailable
from multiplayer.storage.postgres import PostgresStorage
from multiplayer.storage.queries import Queries
from tests.contracts.databases import migrated_database
from tests.contracts.room_scripts import RoomScript, audit, post_at
from tests.contracts.storage_suite import stored
from tests.support.postgres import ephemeral_postgres

pytestmark = pytest.mark.slow
_LOCKED = "SELECT true FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
_KILL_LOCKED = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture(scope="module")
async def address() -> AsyncIterator[PostgresAddress]:
    async with ephemeral_postgres() as address:
        yield address


@pytest.fixture(scope="module")
async def dsn(address: PostgresAddress) -> str:
    return await migrated_database(address)


@pytest.fixture
async def storage(dsn: str) -> AsyncIterator[PostgresStorage]:
    async with PostgresStorage.open(dsn, ephemeral=True, shards=1) as storage:
        yield storage


@pytest.fixture
async def admin(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def someone_waits_for_a_lock(admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    # Postgres shows a transaction one view of its statistics: look anew each time.
    async with asyncio.timeout(10):
        while not await admin.fetchval(_LOCKED):
            await admin.execute("SELECT pg_stat_clear_snapshot()")


class NoDatabase:
    """Stands for a server that cannot be reached, until `is_back`."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.is_back = False
        self.tries = 0

    async def connect(self) -> WriterConnection:
        self.tries += 1
        if not self.is_back:
            raise StorageUnavailable("nothing listens there")
        return await connect(parse_dsn(self._dsn))


class Door:
    """Stands for a server that takes long to answer, and then is not there."""

    def __init__(self) -> None:
        self.is_asked = asyncio.Event()
        self.opens = asyncio.Event()

    async def connect(self) -> WriterConnection:
        self.is_asked.set()
        await self.opens.wait()
        raise StorageUnavailable("nothing listens there")


async def error_of(answer: Awaitable[Appended]) -> Exception | None:
    try:
        await answer
    except (StorageUnavailable, OutcomeUnknown) as error:
        return error
    return None


async def test_what_waits_in_one_room_and_in_many_shares_a_commit(
    storage: PostgresStorage, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    first = (await stored(storage, RoomScript())).room_id
    others = [(await stored(storage, RoomScript())).room_id for _ in range(8)]
    lock = admin.transaction()
    await lock.start()
    await admin.execute("SELECT FROM rooms WHERE id = $1 FOR UPDATE", first)
    async with asyncio.TaskGroup() as tasks:
        answers = [tasks.create_task(storage.append(post_at(first, 1, "held")))]
        await someone_waits_for_a_lock(admin)
        appends = [post_at(first, seq, f"m{seq}", f"k{seq}") for seq in range(2, 34)]
        appends += [post_at(room_id, 1, "hi") for room_id in others]
        answers += [tasks.create_task(storage.append(append)) for append in appends]
        await asyncio.sleep(0)  # all of them are waiting now
        await lock.rollback()
    assert {answer.result() for answer in answers} == {Appended.COMMITTED}
    commits = await admin.fetchval(
        "SELECT count(DISTINCT xmin::text) FROM events WHERE room_id = $1 AND seq > 1", first
    )
    assert commits == 2  # the one that was held, and all the rest
    assert await storage.seqs([first]) == {first: 34}


async def test_a_locked_room_holds_up_its_neighbours_only_for_a_moment(
    storage: PostgresStorage, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    locked, free = (await stored(storage, RoomScript())).room_id, (await stored(storage, RoomScript())).room_id
    async with admin.transaction():
        await admin.execute("SELECT FROM rooms WHERE id = $1 FOR UPDATE", locked)
        answers = await asyncio.gather(
            storage.append(post_at(locked, 1, "x")), storage.append(post_at(free, 1, "y")), return_exceptions=True
        )
    assert isinstance(answers[0], StorageUnavailable)
    assert answers[1] is Appended.COMMITTED
    assert await storage.append(post_at(locked, 1, "x")) is Appended.COMMITTED


@pytest.mark.parametrize("is_hot", [True, False])
async def test_a_connection_killed_in_the_statement_is_unknown_or_surely_nothing(
    storage: PostgresStorage, admin: "asyncpg.Connection[asyncpg.Record]", *, is_hot: bool
) -> None:
    script = await stored(storage, RoomScript())
    script.post("hi")
    append = script.append(1, audits=() if is_hot else [audit("act")])
    expected = OutcomeUnknown if is_hot else StorageUnavailable  # a transaction that was not committed is not there
    async with admin.transaction(), asyncio.TaskGroup() as tasks:
        await admin.execute("SELECT FROM rooms WHERE id = $1 FOR UPDATE", script.room_id)
        answer = tasks.create_task(error_of(storage.append(append)))
        await someone_waits_for_a_lock(admin)
        await admin.execute(_KILL_LOCKED)
        assert isinstance(await answer, expected)
    assert await storage.append(append) is Appended.COMMITTED


async def test_without_a_database_appends_are_refused_and_then_it_goes_on(dsn: str, storage: PostgresStorage) -> None:
    script = await stored(storage, RoomScript())
    script.post("hi")
    world = NoDatabase(dsn)
    async with GroupCommit(world.connect, Queries(), shards=1) as log:
        for _ in range(3):
            with pytest.raises(StorageUnavailable):
                await log.append(script.append(1))
        assert world.tries == 3
        world.is_back = True
        assert await log.append(script.append(1)) is Appended.COMMITTED


async def test_more_waiting_than_the_bound_is_refused_at_once_and_closing_answers_the_rest() -> None:
    room_id, door = RoomId("r"), Door()
    async with asyncio.TaskGroup() as tasks:
        async with GroupCommit(door.connect, Queries(), shards=1) as log:
            taken = tasks.create_task(error_of(log.append(post_at(room_id, 0, ""))))
            await door.is_asked.wait()
            waiting = [tasks.create_task(error_of(log.append(post_at(room_id, 1, "")))) for _ in range(MAX_WAITING)]
            await asyncio.sleep(0)
            with pytest.raises(StorageUnavailable, match=str(MAX_WAITING)):
                await log.append(post_at(room_id, 1, ""))
            door.opens.set()
        with pytest.raises(StorageUnavailable, match="closed"):
            await log.append(post_at(room_id, 1, ""))
    assert isinstance(taken.result(), StorageUnavailable)
    assert all(isinstance(task.result(), StorageUnavailable) for task in waiting)


async def test_an_append_whose_caller_has_gone_is_not_written(
    storage: PostgresStorage, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    room_id = (await stored(storage, RoomScript())).room_id
    async with asyncio.TaskGroup() as tasks, admin.transaction():
        await admin.execute("SELECT FROM rooms WHERE id = $1 FOR UPDATE", room_id)
        first = tasks.create_task(storage.append(post_at(room_id, 1, "in the statement")))
        await someone_waits_for_a_lock(admin)
        gone = tasks.create_task(storage.append(post_at(room_id, 2, "waiting")))
        await asyncio.sleep(0)
        gone.cancel()
    assert first.result() is Appended.COMMITTED
    assert await storage.seqs([room_id]) == {room_id: 2}
    assert await storage.append(post_at(room_id, 2, "next")) is Appended.COMMITTED


async def test_an_error_of_the_block_comes_out_as_it_is(dsn: str) -> None:
    with pytest.raises(KeyError, match="ours"):
        async with PostgresStorage.open(dsn, ephemeral=True):
            raise KeyError("ours")
