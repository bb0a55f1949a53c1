"""The contract of attached files on a real Postgres with two storages, what its locks are for, and an older database."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from multiplayer.protocol.codec import encode
from multiplayer.protocol.events import RoomCreated
from multiplayer.storage.embedded import PostgresAddress
from multiplayer.storage.migrate import migrate
from multiplayer.storage.port import Appended, OutcomeUnknown, Storage, StorageUnavailable
from multiplayer.storage.postgres import PostgresStorage
from multiplayer.storage.queries import Queries, sql_root
from tests.contracts.attachment_message_suite import ReferenceContract
from tests.contracts.attachment_suite import (
    LATER,
    NO_LIMIT,
    QuotaContract,
    UploadContract,
    attach,
    begun,
    content_of,
    new_upload,
    one,
    ready,
)
from tests.contracts.attachment_sweep_suite import Bin, SweepContract, swept
from tests.contracts.databases import migrated_database
from tests.contracts.room_scripts import ALICE, BOB, NOW, RoomScript
from tests.contracts.storage_suite import put, stored
from tests.support.postgres import ephemeral_postgres, fresh_database

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
async def address() -> AsyncIterator[PostgresAddress]:
    async with ephemeral_postgres() as address:
        yield address


@pytest.fixture(scope="module")
async def template(address: PostgresAddress) -> str:
    return (await migrated_database(address)).split("@/")[1].split("?")[0]


@pytest.fixture
async def dsn(address: PostgresAddress, template: str) -> str:
    return await fresh_database(address, template=template)


@pytest.fixture
async def storage(dsn: str) -> AsyncIterator[Storage]:
    async with PostgresStorage.open(dsn, ephemeral=True) as storage:
        yield storage


@pytest.fixture
async def other(dsn: str) -> AsyncIterator[Storage]:
    async with PostgresStorage.open(dsn, ephemeral=True) as storage:
        yield storage


_MANY_FILES = """
INSERT INTO contents (sha256, state, claimed_until, is_loose, size)
SELECT n, 'known', now(), n % 1000 = 0, 1 FROM generate_series(1, 10000) n;
INSERT INTO attachments (id, room_id, uploader_id, name, size, part_bytes, at, until, state, sha256, message_id, message_seq)
SELECT n, 'r' || n / 500, 'u' || n % 20, '', 1, 1, now(), now(), 'ready', n, n / 8, n / 8 FROM generate_series(1, 10000) n;
"""


@asynccontextmanager
async def by_hand(dsn: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


class TestUploads(UploadContract):
    pass


class TestQuotas(QuotaContract):
    pass


class TestSweeps(SweepContract):
    pass


class TestReferences(ReferenceContract):
    pass


async def test_a_sweep_passes_over_what_is_being_finished_and_then_sees_that_it_is_had(
    dsn: str, storage: Storage
) -> None:
    script, content = await stored(storage, RoomScript()), content_of("x")
    await storage.claim_content(content.sha256, NOW)
    upload = await begun(storage, new_upload(script.room_id))
    async with by_hand(dsn) as connection:
        async with connection.transaction():
            facts = ("image/png", "image", 1, 1, 1, True, True, True)
            assert await connection.fetchval(Queries()["finish_upload"], upload, content.sha256, content.size, *facts)
            assert await swept(storage) == []
        assert await swept(storage) == []
    assert (await one(storage, upload)).sha256 == content.sha256


@pytest.mark.parametrize("is_dropped", [False, True])
async def test_a_content_whose_last_upload_goes_while_a_sweep_looks_at_it_is_found_by_the_next(
    dsn: str, storage: Storage, *, is_dropped: bool
) -> None:
    script, content = await stored(storage, RoomScript()), content_of("x")
    first, last = [await ready(storage, new_upload(script.room_id), content) for _ in range(2)]
    assert await storage.drop_upload(first.attachment.id)  # so it is to be looked at already
    async with by_hand(dsn) as connection:
        async with connection.transaction():
            name, arguments = (
                ("drop_upload", (last.attachment.id,))
                if is_dropped
                else ("remove_attachments", ([last.attachment.id], [""]))
            )
            await connection.execute(Queries()[name], *arguments)
            assert await swept(storage) == []
        assert await swept(storage) == [content.sha256]


async def test_a_sweep_that_dies_while_it_removes_leaves_nothing_to_count_on_and_no_lock(
    dsn: str, storage: Storage, other: Storage
) -> None:
    content, rubbish = content_of("x"), Bin(holds=True)
    done = await ready(storage, new_upload((await stored(storage, RoomScript())).room_id), content)
    assert await storage.drop_upload(done.attachment.id)
    async with by_hand(dsn) as connection, asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        sweep = tasks.create_task(_failed(storage.sweep_contents, rubbish))
        await rubbish.begun.wait()
        killed = await connection.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'idle in transaction'"
        )
        assert len(killed) == 1
        await other.claim_content(content.sha256, NOW)
        rubbish.may_go.set()
    assert sweep.result()
    assert await other.content(content.sha256) is None
    assert await other.known_contents([content.sha256]) == {content.sha256}
    assert await swept(other) == [content.sha256]


async def _failed(sweep: Callable[..., object], rubbish: Bin) -> bool:
    try:
        await sweep(rubbish.remove, now=LATER, limit=9)  # type: ignore[misc]  # the storage's own method
    except (StorageUnavailable, OutcomeUnknown):
        return True
    return False


async def test_a_cancelled_sweep_leaves_no_lock_and_what_it_had_not_removed(storage: Storage, other: Storage) -> None:
    content, rubbish = content_of("x"), Bin(holds=True)
    await storage.claim_content(content.sha256, NOW)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        sweep = tasks.create_task(storage.sweep_contents(rubbish.remove, now=LATER, limit=9))
        await rubbish.begun.wait()
        sweep.cancel()
    assert await swept(other) == [content.sha256]


async def test_a_remove_that_takes_too_long_is_given_up(
    storage: Storage, other: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("multiplayer.storage.attachment_rows.REMOVE_TIMEOUT_S", 0.05)
    content = content_of("x")
    await storage.claim_content(content.sha256, NOW)
    with pytest.raises(StorageUnavailable, match=r"within 0\.05 s"):
        await storage.sweep_contents(Bin(holds=True).remove, now=LATER, limit=9)
    assert await swept(other) == [content.sha256]


async def test_a_remove_may_take_longer_than_other_transactions_and_a_claim_waits_for_it(
    dsn: str, storage: Storage, other: Storage
) -> None:
    content, rubbish = content_of("x"), Bin(holds=True)
    await storage.claim_content(content.sha256, NOW)
    async with by_hand(dsn) as connection, asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        sweep = tasks.create_task(storage.sweep_contents(rubbish.remove, now=LATER, limit=9))
        await rubbish.begun.wait()
        claim = tasks.create_task(other.claim_content(content.sha256, LATER))
        # Longer than a connection may be idle in a transaction, than a lock is waited for, and than an answer is.
        await connection.execute("SELECT pg_sleep(8)")
        assert not claim.done()
        rubbish.may_go.set()
    assert sweep.result() == 1
    assert await other.known_contents([content.sha256]) == {content.sha256}


async def test_rooms_that_forget_the_same_contents_at_once_do_not_stand_in_each_others_way(
    storage: Storage, other: Storage
) -> None:
    contents = [content_of(f"{n}") for n in range(8)]
    scripts = [await stored(storage, RoomScript()) for _ in range(8)]
    for n, script in enumerate(scripts):
        order = contents if n % 2 else contents[::-1]
        files = [await ready(storage, new_upload(script.room_id), content) for content in order]
        message_id = await attach(storage, script, *files)
        script.delete(message_id)
    answers = await asyncio.gather(
        *((storage, other)[n // 2 % 2].append(script.append(2)) for n, script in enumerate(scripts))
    )
    assert answers == [Appended.COMMITTED] * 8
    assert len(await swept(storage)) == 8


async def test_reads_of_files_go_by_their_indexes(dsn: str) -> None:
    async with by_hand(dsn) as connection:
        await connection.execute(_MANY_FILES)
        await connection.execute("VACUUM ANALYZE")
        for name, arguments, index in (
            ("files_of_room", ("r1", 0, None, 9), "attachments_ready_of_room"),
            ("file_bytes_of_room", ("r1",), "attachments_of_room"),
            ("overdue_uploads", (NOW, 9), "attachments_overdue"),
            ("content_known_to", ("b", "7"), "attachments_of_content"),
            ("lock_loose_contents", (NOW, 9, []), "contents_loose"),
            ("attachments_of_messages", (["r1"], ["80"], [None]), "attachments_of_message"),
            ("attachments_of_rooms", (["r2"],), "attachments_of_room"),
            ("remove_attachments", (["1"], [""]), "attachments_pkey"),
            ("doom_contents", (["1"],), "attachments_of_content"),
        ):
            plan = await connection.fetch(f"EXPLAIN {Queries()[name]}", *arguments)
            assert index in "\n".join(row[0] for row in plan), name


async def test_a_database_from_before_there_were_files_keeps_its_messages_and_takes_files(
    address: PostgresAddress, tmp_path: Path
) -> None:
    dsn = await fresh_database(address)
    for path in sorted((sql_root() / "migrations").glob("*.sql")):
        if path.name < "0006":
            shutil.copy(path, tmp_path)
    script = RoomScript()
    old = script.post("an old message")
    async with by_hand(dsn) as connection:
        await migrate(connection, directory=tmp_path)
        created = script.events[0]
        assert isinstance(created, RoomCreated)
        await connection.execute(
            "INSERT INTO rooms (id, seq, kind, name, topic, settings, created_at) VALUES ($1, 2, 'room', 'r', '', '{}', $2)",
            *(script.room_id, NOW),
        )
        await connection.executemany(
            "INSERT INTO events (room_id, seq, event_id, at, actor_id, type, body) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [(e.room_id, e.seq, e.id, e.at, e.actor_id, e.type, encode(e).decode()) for e in script.events],
        )
        await connection.executemany(
            "INSERT INTO members (room_id, account_id, kind, handle, display_name, role, joined_at, joined_seq)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, 1)",
            [
                (script.room_id, m.account_id, m.kind, m.handle, m.display_name, m.role, m.joined_at)
                for m in created.members
            ],
        )
        await connection.execute(
            "INSERT INTO messages (room_id, id, seq, author_id, at, text, mentions, mention_groups, words)"
            " VALUES ($1, $2, 2, $3, $4, 'an old message', '{}', '{}', 'an old message')",
            *(script.room_id, old, ALICE, script.events[1].at),
        )
        assert 6 in [migration.number for migration in await migrate(connection)]
    async with PostgresStorage.open(dsn, ephemeral=True) as storage:
        assert await storage.recent_messages(script.room_id, limit=9) == script.messages()
        done = await ready(storage, new_upload(script.room_id), content_of("x"))
        await attach(storage, script, done)
        assert await storage.content_known_to(BOB, done.sha256 or "") == content_of("x")
        since = script.seq
        script.delete(old)
        await put(storage, script, since)
        assert await storage.recent_messages(script.room_id, limit=9) == script.messages()
        assert await storage.begin_upload(new_upload(script.room_id), NO_LIMIT) is None
