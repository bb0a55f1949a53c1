"""The storage contract on a real Postgres, and what only a database can go through."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings

from multiplayer.protocol.ids import RoomId
from multiplayer.storage.audit_chain import ChainHead, linked
from multiplayer.storage.embedded import PostgresAddress
from multiplayer.storage.port import (
    Appended,
    OutcomeUnknown,
    Storage,
    StorageUnavailable,
    UnfitDatabase,
)
from multiplayer.storage.postgres import PostgresStorage
from multiplayer.storage.queries import Queries
from tests.contracts.account_suite import AccountContract, made
from tests.contracts.ai_suite import AiContract
from tests.contracts.databases import migrated_database
from tests.contracts.erasure_suite import ErasureContract
from tests.contracts.forgetting_suite import ForgettingContract, room_full_of_a_secret
from tests.contracts.forgotten_tools_suite import ForgottenToolsContract
from tests.contracts.profile_suite import ProfileContract
from tests.contracts.reading_suite import AuditContract, ReadingContract, SearchContract, TurnContract, searched_room
from tests.contracts.room_scripts import ALICE, ASKED_AGAIN, RoomScript, Step, audit, post_at, steps
from tests.contracts.search_filter_suite import SearchFilterContract
from tests.contracts.storage_suite import (
    LogContract,
    check_that_a_room_is_what_its_log_amounts_to,
    stored,
)
from tests.support.postgres import ephemeral_postgres, fresh_database

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
async def address() -> AsyncIterator[PostgresAddress]:
    async with ephemeral_postgres() as address:
        yield address


@pytest.fixture(scope="module")
async def dsn(address: PostgresAddress) -> str:
    return await migrated_database(address)


@pytest.fixture(scope="module")
async def storage(dsn: str) -> AsyncIterator[Storage]:
    async with PostgresStorage.open(dsn, ephemeral=True) as storage:
        yield storage


@pytest.fixture(scope="module")
async def searched(storage: Storage) -> RoomScript:
    return await searched_room(storage)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script_steps=steps)
@example(script_steps=ASKED_AGAIN)
async def test_a_room_is_what_its_log_amounts_to(storage: Storage, script_steps: Sequence[Step]) -> None:
    await check_that_a_room_is_what_its_log_amounts_to(storage, script_steps)


class TestLog(LogContract):
    pass


class TestSearch(SearchContract):
    pass


class TestSearchFilter(SearchFilterContract):
    pass


class TestReading(ReadingContract):
    pass


class TestTurns(TurnContract):
    pass


class TestAudit(AuditContract):
    pass


class TestAccounts(AccountContract):
    pass


class TestProfiles(ProfileContract):
    pass


class TestAi(AiContract):
    pass


class TestForgetting(ForgettingContract):
    pass


class TestForgottenTools(ForgottenToolsContract):
    pass


class TestErasure(ErasureContract):
    pass


async def test_four_writers_on_the_same_rooms_leave_no_gap_and_lose_nothing(dsn: str, storage: Storage) -> None:
    rooms = [(await stored(storage, RoomScript())).room_id for _ in range(4)]
    committed: dict[RoomId, list[int]] = {room_id: [] for room_id in rooms}

    async def write(pod: Storage, name: str, random: Random) -> None:
        for number in range(60):
            room_id = random.choice(rooms)
            while True:
                seq = (await pod.seqs([room_id]))[room_id]
                answer = await pod.append(post_at(room_id, seq, f"{name} {number}"))
                if answer is Appended.COMMITTED:
                    committed[room_id].append(seq + 1)
                    break
                assert answer is Appended.CONFLICT

    async with PostgresStorage.open(dsn, ephemeral=True) as first, PostgresStorage.open(dsn, ephemeral=True) as second:
        await asyncio.gather(*(write((first, second)[n % 2], f"writer {n}", Random(n)) for n in range(4)))
    assert sum(len(seqs) for seqs in committed.values()) == 240
    for room_id in rooms:
        log = await storage.events_after(room_id, 0, limit=1_000)
        assert [event.seq for event in log] == list(range(1, len(committed[room_id]) + 2))
        assert sorted(committed[room_id]) == list(range(2, len(committed[room_id]) + 2))


async def test_connections_killed_under_load_are_the_ports_errors_and_it_works_on(address: PostgresAddress) -> None:
    dsn = await migrated_database(address)
    told: dict[str, str] = {}
    async with PostgresStorage.open(dsn, ephemeral=True) as pod:
        rooms = [(await stored(pod, RoomScript())).room_id for _ in range(4)]

        async def write(room_id: RoomId) -> None:
            for number in range(40):
                key = f"{room_id} {number}"
                try:
                    state = await pod.load(room_id)
                    assert state is not None
                    told[key] = (await pod.append(post_at(room_id, state.seq, "hi", key))).value
                except (StorageUnavailable, OutcomeUnknown) as error:
                    told[key] = type(error).__name__

        async def kill() -> None:
            admin = await asyncpg.connect(dsn)
            while len(told) < 150:
                await admin.fetch(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'multiplayer'"
                )
            await admin.close()

        async with asyncio.timeout(60):
            await asyncio.gather(kill(), *(write(room_id) for room_id in rooms))
            for room_id in rooms:
                await _append_at_last(pod, room_id)
        there: set[str] = set()
        for room_id in rooms:
            log = await pod.events_after(room_id, 0, limit=1_000)
            assert [event.seq for event in log] == list(range(1, len(log) + 1))
            keys = [(ALICE, f"{room_id} {number}") for number in range(40)]
            there |= {key for _, key in await pod.find_keys(room_id, keys)}
    kept = {key for key, word in told.items() if word == Appended.COMMITTED.value}
    unsure = {key for key, word in told.items() if word == "OutcomeUnknown"}
    assert len(kept) < len(told), "nothing was killed in time"
    assert kept <= there <= kept | unsure


async def _append_at_last(pod: Storage, room_id: RoomId) -> None:
    while True:
        try:
            seq = (await pod.seqs([room_id]))[room_id]
            if await pod.append(post_at(room_id, seq, "after")) is Appended.COMMITTED:
                return
        except (StorageUnavailable, OutcomeUnknown):
            continue  # a connection that was killed a moment ago


async def test_a_changed_or_cut_audit_row_is_found(dsn: str, storage: Storage) -> None:
    script = await stored(storage, RoomScript())
    script.post("hi")
    assert await storage.append(script.append(1, audits=[audit("kick"), audit("ban")])) is Appended.COMMITTED
    await made(storage)
    connection = await asyncpg.connect(dsn)
    try:
        with pytest.raises(asyncpg.RaiseError):
            await connection.execute("UPDATE audit SET action = 'nothing' WHERE chain = $1", script.room_id)
        await connection.execute("SET session_replication_role = replica")  # as someone with all rights could
        before = await connection.fetchval("SELECT hash FROM audit WHERE chain = $1 AND number = 1", script.room_id)
        [forged], _ = linked(script.room_id, ChainHead(), [audit("nothing")])
        rewrite = "UPDATE audit SET action = $2, hash = $3 WHERE chain = $1 AND number = 1"
        await connection.execute(rewrite, script.room_id, "nothing", forged.hash)
        assert "row 2 is not" in (await storage.verify_audit(script.room_id) or "")
        await connection.execute(rewrite, script.room_id, "kick", before)
        assert await storage.verify_audit(script.room_id) is None
        await connection.execute("UPDATE audit SET action = 'x' WHERE chain = $1 AND number = 2", script.room_id)
        assert "row 2 is not" in (await storage.verify_audit(script.room_id) or "")
        await connection.execute("DELETE FROM audit WHERE chain = $1 AND number = 2", script.room_id)
        assert "ends at row 1" in (await storage.verify_audit(script.room_id) or "")
        assert await storage.verify_audit(None) is None
    finally:
        await connection.close()


async def test_nothing_of_a_deleted_text_is_left_in_any_table(dsn: str, storage: Storage) -> None:
    script = await room_full_of_a_secret(storage)
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch("SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'r'")
        holding = [
            (table["name"], row[0])
            for table in tables
            if not table["name"].startswith(("pg_", "information_schema."))
            for row in await connection.fetch(f"SELECT t::text FROM {table['name']} t WHERE t::text ILIKE '%sesame%'")
        ]
    finally:
        await connection.close()
    assert len(tables) > 30
    assert [row for row in holding if script.room_id in row[1]] == []


async def test_rare_reads_go_by_their_indexes(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET enable_seqscan = off")
        queries = Queries()
        for name, arguments, index in (
            ("scheduled_rooms", (), "rooms_scheduled"),
            ("turns_of_room", ("r", None, 9), "turns_of_room"),
            ("redact_turn_notes", (["r"], ["m"]), "turns_with_note"),
            ("thread_facts", ("r", ["m"]), "messages_of_thread_by_ai"),
        ):
            plan = await connection.fetch(f"EXPLAIN {queries[name]}", *arguments)
            assert index in "\n".join(row[0] for row in plan), name
    finally:
        await connection.close()


async def test_a_database_that_may_lose_what_it_confirmed_is_refused(dsn: str) -> None:
    with pytest.raises(UnfitDatabase, match="fsync"):
        async with PostgresStorage.open(dsn):
            pass


async def test_a_database_that_is_not_migrated_is_refused(address: PostgresAddress) -> None:
    with pytest.raises(UnfitDatabase, match="not migrated"):
        async with PostgresStorage.open(await fresh_database(address), ephemeral=True):
            pass


async def test_a_restore_mark_makes_another_epoch(dsn: str, storage: Storage) -> None:
    before = await storage.epoch()
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("UPDATE server_state SET restore_mark = 'r1'")
        assert await storage.epoch() == f"{before}-r1"
        await connection.execute("UPDATE server_state SET restore_mark = ''")
    finally:
        await connection.close()


async def test_who_waits_for_another_server_to_keep_a_setting_gets_that_servers_value(
    dsn: str, storage: Storage
) -> None:
    other = await asyncpg.connect(dsn)
    try:
        # Begun, and not yet to be seen by anyone.
        transaction = other.transaction()
        await transaction.start()
        await other.execute("INSERT INTO server_settings (name, value) VALUES ('race', 'first')")
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            second = group.create_task(storage.keep_setting("race", "second"))
            while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                pass
            await transaction.commit()
        assert second.result() == await storage.setting("race") == "first"
    finally:
        await other.close()


async def test_the_pool_stays_within_its_bound(dsn: str) -> None:
    async with PostgresStorage.open(f"{dsn}&pool_max=4", ephemeral=True) as pod:
        room_id = (await stored(pod, RoomScript())).room_id
        await asyncio.gather(*(pod.load(room_id) for _ in range(50)), pod.append(post_at(room_id, 1, "x")))
        connection = await asyncpg.connect(dsn)
        other = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await connection.close()
        assert other <= 4 + 10  # beside the module's own storage
    with pytest.raises(ValueError, match="pool_max"):
        async with PostgresStorage.open(f"{dsn}&pool_max=x", ephemeral=True):
            pass
