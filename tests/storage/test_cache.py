"""The cache in front of the log: what a reconnect storm costs, what it holds, and that it forgets what was deleted."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence

import pytest

from multiplayer.protocol.events import FactForgotten, FactPinned, MessageDeleted
from multiplayer.protocol.ids import CallId, RoomId, TurnId
from multiplayer.protocol.memory import Fact
from multiplayer.protocol.turn_events import ToolCalled, TurnEnded, TurnRequested, TurnStarted
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.storage.cache import CachedLog
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import StorageUnavailable, StoredEvent
from tests.contracts.room_scripts import AI, ALICE, NOW, RoomScript


class CountedLog:
    """A real store that counts how often it is read, and can be told to wait or to fail."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.reads = 0
        self.is_away = False
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def events_after(self, room_id: RoomId, seq: int, *, limit: int) -> Sequence[StoredEvent]:
        self.reads += 1
        found = await self.storage.events_after(room_id, seq, limit=limit)
        await self.goes_on.wait()
        if self.is_away:
            raise StorageUnavailable("away")
        return found


async def room_with(log: CountedLog, messages: int) -> RoomScript:
    script = RoomScript()
    for number in range(messages):
        script.post(f"message {number}")
    await log.storage.create_room(script.append(0), direct_key=None)
    return script


async def all_events(log: CountedLog, script: RoomScript) -> Sequence[StoredEvent]:
    return await log.storage.events_after(script.room_id, 0, limit=10_000)


async def read_through(cache: CachedLog, room_id: RoomId, seq: int, *, limit: int = 10) -> list[StoredEvent]:
    events: list[StoredEvent] = []
    while page := await cache.events_after(room_id, seq, limit=limit):
        events += page
        seq = events[-1].seq
    return events


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_was_remembered_is_read_without_the_database() -> None:
    log = CountedLog()
    script = await room_with(log, 50)
    cache, events = CachedLog(log), await all_events(log, script)
    cache.remember(script.room_id, events[:30])
    cache.remember(script.room_id, events[30:])
    for seq in range(51):
        assert await cache.events_after(script.room_id, seq, limit=7, up_to=51) == events[seq : seq + 7]
    assert await cache.events_after(script.room_id, 51, limit=7, up_to=51) == []
    assert log.reads == 0


async def test_every_start_and_page_size_reads_the_whole_log() -> None:
    log = CountedLog()
    script = await room_with(log, 40)
    events = await all_events(log, script)
    for limit in (1, 3, 100):
        cache = CachedLog(log, events_per_room=15)
        cache.remember(script.room_id, events[25:])
        for seq in (40, 30, 24, 5, 0, 41):
            assert await read_through(cache, script.room_id, seq, limit=limit) == events[seq:]


async def test_a_turn_that_ends_after_a_deletion_makes_it_forget_once_more() -> None:
    log, asked, call_id = CountedLog(), TurnId("01TURN"), CallId("01CALL")
    script = await room_with(log, 2)
    question = script.post("a question")
    script.add(TurnRequested, turn_id=asked, ai_id=AI, reason=TurnReason.ASKED, message_id=question)
    script.add(TurnStarted, AI, turn_id=asked, fence=1, pod="a")
    script.delete(question)
    script.add(ToolCalled, AI, turn_id=asked, call_id=call_id, name="run", arguments='{"of": "the question"}')
    script.add(TurnEnded, AI, turn_id=asked, ai_id=AI, outcome=TurnOutcome.DONE)
    cache = CachedLog(log)
    for since in range(3, script.seq):
        append = script.append(since, until=since + 1)
        await log.storage.append(append)
        cache.remember(script.room_id, [StoredEvent(new.event.seq, new.event.id, new.line) for new in append.events])
    assert await read_through(cache, script.room_id, 0) == await all_events(log, script)
    assert not [one for one in await read_through(cache, script.room_id, 0) if b"the question" in one.line]


async def test_each_of_two_turns_that_end_after_a_deletion_takes_its_lines_out() -> None:
    log = CountedLog()
    script = await room_with(log, 2)
    question = script.post("a question")
    turns = [TurnId("01ONE"), TurnId("01TWO")]
    for turn in turns:
        script.add(TurnRequested, turn_id=turn, ai_id=AI, reason=TurnReason.ASKED, message_id=question)
        script.add(TurnStarted, AI, turn_id=turn, fence=1, pod="a")
    script.delete(question)
    deleted = script.seq
    for turn in turns:
        script.add(
            ToolCalled,
            AI,
            turn_id=turn,
            call_id=CallId(f"01CALL{turn}"),
            name="run",
            arguments='{"of": "the question"}',
        )
    for turn in turns:
        script.add(TurnEnded, AI, turn_id=turn, ai_id=AI, outcome=TurnOutcome.DONE)
    await log.storage.append(script.append(3, until=deleted + 2))
    # A pod that comes new to the room reads the calls, and not the deletion that will take them.
    cache = CachedLog(log)
    assert [one for one in await cache.events_after(script.room_id, deleted, limit=9) if b"the question" in one.line]
    for since in range(deleted + 2, script.seq):
        append = script.append(since, until=since + 1)
        await log.storage.append(append)
        cache.remember(script.room_id, [StoredEvent(new.event.seq, new.event.id, new.line) for new in append.events])
        held = await read_through(cache, script.room_id, 0)
        assert held == await log.storage.events_after(script.room_id, 0, limit=999)


async def test_a_storm_of_clients_who_ask_at_once_is_one_read() -> None:
    log = CountedLog()
    script = await room_with(log, 50)
    cache, events = CachedLog(log), await all_events(log, script)
    log.goes_on.clear()
    async with asyncio.TaskGroup() as tasks:
        answers = {
            seq: [tasks.create_task(cache.events_after(script.room_id, seq, limit=60)) for _ in range(20)]
            for seq in range(5, 50)
        }
        await settled()
        log.goes_on.set()
    assert log.reads == 1
    assert all(task.result() == events[seq:] for seq, of_seq in answers.items() for task in of_seq)


async def test_a_reader_who_goes_away_leaves_the_others_to_read_for_themselves() -> None:
    log = CountedLog()
    script = await room_with(log, 5)
    cache = CachedLog(log)
    log.goes_on.clear()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(cache.events_after(script.room_id, 0, limit=10))
        await settled()
        second = tasks.create_task(cache.events_after(script.room_id, 0, limit=10))
        await settled()
        first.cancel()
        log.goes_on.set()
    assert first.cancelled()
    assert len(second.result()) == 6


async def test_all_who_wait_for_a_read_learn_that_the_database_is_away() -> None:
    log = CountedLog()
    script = await room_with(log, 5)
    cache = CachedLog(log)
    log.goes_on.clear()
    log.is_away = True
    async with asyncio.TaskGroup() as tasks:
        reads = [cache.events_after(script.room_id, 0, limit=10) for _ in range(10)]
        answers = tasks.create_task(gathered(reads))
        await settled()
        log.goes_on.set()
    assert [type(answer) for answer in answers.result()] == [StorageUnavailable] * 10
    assert log.reads == 1
    log.is_away = False
    assert len(await cache.events_after(script.room_id, 0, limit=10)) == 6


async def gathered(reads: Iterable[Awaitable[Sequence[StoredEvent]]]) -> list[Sequence[StoredEvent] | BaseException]:
    return await asyncio.gather(*reads, return_exceptions=True)


async def test_a_deletion_makes_it_forget_even_what_was_being_read() -> None:
    log = CountedLog()
    script = await room_with(log, 3)
    secret = script.post("secret")
    await log.storage.append(script.append(4))
    cache = CachedLog(log)
    cache.remember(script.room_id, await all_events(log, script))
    log.goes_on.clear()
    async with asyncio.TaskGroup() as tasks:
        other = CachedLog(log)
        tasks.create_task(other.events_after(script.room_id, 0, limit=10))  # read before the deletion is stored
        await settled()
        script.add(MessageDeleted, message_id=secret)
        await log.storage.append(script.append(5))
        deletion = await log.storage.events_after(script.room_id, 5, limit=1)
        for held in (cache, other):
            held.remember(script.room_id, deletion)
        after = tasks.create_task(other.events_after(script.room_id, 0, limit=10))
        await settled()
        log.goes_on.set()
    assert not any(b"secret" in event.line for event in after.result())
    for held in (cache, other):
        events = await read_through(held, script.room_id, 0)
        assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]
        assert not any(b"secret" in event.line for event in events)


async def test_a_forgotten_fact_makes_it_forget_the_lines_before() -> None:
    log = CountedLog()
    script = RoomScript()
    fact = Fact(id="f1", text="secret", by=ALICE, at=NOW)
    script.add(FactPinned, fact=fact)
    await log.storage.create_room(script.append(0), direct_key=None)
    cache = CachedLog(log)
    cache.remember(script.room_id, await all_events(log, script))
    script.add(FactForgotten, fact_id=fact.id)
    await log.storage.append(script.append(2))
    cache.remember(script.room_id, await log.storage.events_after(script.room_id, 2, limit=1))
    events = await read_through(cache, script.room_id, 0)
    assert [event.seq for event in events] == [1, 2, 3]
    assert not any(b"secret" in event.line for event in events)


async def test_a_message_that_only_speaks_of_deletion_is_kept() -> None:
    log = CountedLog()
    script = RoomScript()
    script.post('what is "type":"message_deleted" for?')
    await log.storage.create_room(script.append(0), direct_key=None)
    cache = CachedLog(log)
    cache.remember(script.room_id, await all_events(log, script))
    assert len(await cache.events_after(script.room_id, 0, limit=10)) == 2
    assert log.reads == 0


async def test_it_holds_no_more_than_its_bounds() -> None:
    log = CountedLog()
    scripts = [await room_with(log, 30) for _ in range(10)]
    cache = CachedLog(log, events_per_room=10, max_bytes=40_000)
    for script in scripts:
        cache.remember(script.room_id, await all_events(log, script))
        assert cache.size <= 40_000
    assert cache.size > 20_000
    assert len(await cache.events_after(scripts[-1].room_id, 21, limit=99)) == 10
    assert log.reads == 0
    await cache.events_after(scripts[-1].room_id, 20, limit=1)  # older than what is held
    await cache.events_after(scripts[0].room_id, 25, limit=1)  # least recently used: gone
    assert log.reads == 2
    cache.forget_all()
    assert cache.size == 0


async def test_events_behind_a_hole_replace_what_was_held() -> None:
    log = CountedLog()
    script = await room_with(log, 20)
    cache, events = CachedLog(log), await all_events(log, script)
    cache.remember(script.room_id, events[:5])
    cache.remember(script.room_id, events[10:])
    cache.remember(script.room_id, events[2:4])  # late, and of no use
    assert await cache.events_after(script.room_id, 10, limit=99) == events[10:]
    assert log.reads == 0
    assert await read_through(cache, script.room_id, 0) == events


@pytest.mark.parametrize("seq", [2, 6])
async def test_an_empty_answer_is_the_databases_own(seq: int) -> None:
    log = CountedLog()
    script = await room_with(log, 1)
    cache = CachedLog(log)
    cache.remember(script.room_id, await all_events(log, script))
    assert await cache.events_after(script.room_id, seq, limit=9) == []
    assert log.reads == 1
