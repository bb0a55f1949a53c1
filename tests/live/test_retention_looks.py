"""How looks at rooms that forget go on: after a cap, past a room that cannot be read, with a wrong clock, and counted."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from typing_extensions import override

from multiplayer.live.pod import Pod
from multiplayer.models.port import Finished, TextDelta, ToolCall, ToolCallsReady
from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.commands import PinMessage, PostMessage
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.retention import Forgotten, Retention
from multiplayer.protocol.turn_events import TurnEnded
from multiplayer.rooms.state import RoomState
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Append, Appended, OutcomeUnknown, Storage, StorageUnavailable
from multiplayer.storage.postgres import PostgresStorage
from multiplayer.tools.extraction.extraction import Extractor
from tests.contracts.databases import migrated_database
from tests.live.test_approvals import Time
from tests.live.test_retention import Heard, Scene, scene
from tests.support.chunk_model import ChunkModel, Moment
from tests.support.pods import PATIENCE_S, memory_pod
from tests.support.postgres import ephemeral_postgres

LOOKS = "multiplayer.live.retention"


def noted(entries: Sequence[AuditEntry]) -> list[tuple[int, int]]:
    """Return how many messages and files each entry tells of."""
    told = [json.loads(entry.after) for entry in entries]
    return [(one["messages"], one["files"]) for one in told]


async def until(pod: Pod, is_so: Callable[[], Awaitable[bool]]) -> None:
    """Return when it is so, looking again whenever something has happened."""
    happened = asyncio.Event()
    pod.directory.listen(lambda _host, _events: happened.set())
    while not await is_so():
        await happened.wait()
        happened.clear()


async def test_a_look_that_was_capped_goes_on_soon_and_not_at_the_next_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{LOOKS}.BATCHES", 1)
    monkeypatch.setattr(f"{LOOKS}.FIRST_LOOK_S", 0.0)
    monkeypatch.setattr(f"{LOOKS}.GO_ON_S", 0.01)
    async with scene(tmp_path) as at:
        await at.rules(Retention(messages_days=3))
        for number in range(250):
            await at.says(str(number))
        at.days_pass(3)
        assert await at.pod.retention.look() == 1
        assert list(at.pod.retention.unfinished) == [at.room_id]

        async def all_gone() -> bool:
            return not await at.left()

        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(at.pod.retention.run())
            async with asyncio.timeout(PATIENCE_S):
                await until(at.pod, all_gone)
            running.cancel()
        assert await at.pod.retention.look() == 0
        assert not at.pod.retention.unfinished


async def test_old_files_go_though_many_messages_are_to_go_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{LOOKS}.BATCHES", 1)
    async with scene(tmp_path) as at:
        await at.rules(Retention(messages_days=3, files_days=1))
        for number in range(150):
            await at.says(str(number))
        at.days_pass(2)
        await at.says("younger", b"a file")
        at.days_pass(1)
        await at.pod.retention.look()
        assert len(await at.left()) == 51
        assert (await at.messages())[-1].attachments[0].state is AttachmentState.REMOVED
        assert noted(await at.audit()) == [(100, 1)]


class Broken(MemoryStorage):
    """One room cannot be loaded."""

    bad: RoomId | None = None

    @override
    async def load(self, room_id: RoomId) -> RoomState | None:
        if room_id == self.bad:
            raise StorageUnavailable("this one cannot be read")
        return await super().load(room_id)


async def test_a_room_that_cannot_be_loaded_does_not_keep_others_from_forgetting(tmp_path: Path) -> None:
    storage = Broken()
    async with scene(tmp_path, storage=storage) as at:
        other = replace(at, room_id=await at.pod.lobby.create_room(at.alice.id, "other", origin="cli"))
        first, second = sorted((at, other), key=lambda one: one.room_id)
        for one in (first, second):
            await one.rules(Retention(messages_days=3))
            await one.says("old")
        at.days_pass(3)
        at.pod.directory.drop_all()
        storage.bad = first.room_id
        assert await at.pod.retention.look() == 1
        assert await second.left() == []
        assert await first.left() == ["old"]
        storage.bad = None
        assert await at.pod.retention.look() == 1


class Unnoting(MemoryStorage):
    away = 0

    @override
    async def note_forgotten(self, room_id: RoomId, forgotten: Forgotten, *, audit: AuditEntry) -> None:
        self.away -= 1
        if self.away >= 0:
            raise StorageUnavailable("away")
        await super().note_forgotten(room_id, forgotten, audit=audit)


async def test_what_two_looks_could_not_note_is_noted_together(tmp_path: Path) -> None:
    storage = Unnoting()
    async with scene(tmp_path, storage=storage) as at:
        await at.rules(Retention(messages_days=1))
        # Of the first look, of the same at the second one, and of the second one's own.
        storage.away = 3
        for files in ((b"one",), (b"two", b"three")):
            await at.says("old", *files)
            at.days_pass(1)
            await at.pod.retention.look()
        assert await at.audit() == []
        await at.pod.retention.look()
        assert noted(await at.audit()) == [(2, 3)]


class Unknowing(MemoryStorage):
    """Does it and does not say so, at the append that is so many appends ahead."""

    unknown_in = 10**9
    does_it = True

    @override
    async def append(self, append: Append) -> Appended:
        self.unknown_in -= 1
        if self.unknown_in != -1:
            return await super().append(append)
        if self.does_it:
            await super().append(append)
        raise OutcomeUnknown("the line went dead")


@pytest.mark.parametrize("does_it", [True, False])
async def test_a_batch_whose_outcome_is_unknown_is_counted_if_it_was_done(tmp_path: Path, *, does_it: bool) -> None:
    storage = Unknowing()
    async with scene(tmp_path, storage=storage) as at:
        await at.rules(Retention(messages_days=3))
        for number in range(150):
            await at.says(str(number))
        at.days_pass(3)
        storage.unknown_in, storage.does_it = 0, does_it
        for _ in range(2):
            await at.pod.retention.look()
        assert await at.left() == []
        assert sum(messages for messages, _ in noted(await at.audit())) == 150


async def test_a_room_with_nothing_old_but_pins_that_stay_is_not_looked_at(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.rules(Retention(messages_days=3, files_days=1))
        await at.asks(PinMessage(message_id=await at.says("pinned", b"file")))
        at.days_pass(4)
        due = at.pod.storage.rooms_with_due
        assert await due(now=at.pod.clock.now(), most_days=2) == []
        await at.rules(Retention(messages_days=3, keeps_pinned=False))
        assert await due(now=at.pod.clock.now(), most_days=None) == [at.room_id]


class Timed(MemoryStorage):
    """Has a clock of its own, as a database has."""

    ahead = timedelta()

    @override
    async def now(self) -> datetime | None:
        return datetime.now(UTC) + self.ahead


@pytest.mark.parametrize("days", [100, -100])
async def test_nothing_goes_while_our_clock_and_the_database_s_differ(tmp_path: Path, days: int) -> None:
    storage = Timed()
    async with scene(tmp_path, storage=storage) as at:
        await at.rules(Retention(messages_days=90))
        await at.says("of today")
        # One of the two is wrong; which, nobody knows.
        at.days_pass(100 if days > 0 else 0)
        storage.ahead = timedelta(days=100 if days < 0 else 0)
        with structlog.testing.capture_logs() as logs:
            assert await at.pod.retention.look() == 0
        assert [one["event"] for one in logs if one["log_level"] == "warning"] == ["retention_waits_for_the_clock"]
        assert await at.left() == ["of today"]
        at.days_pass(100 if days < 0 else 0)
        storage.ahead = timedelta(days=100, minutes=59)
        assert await at.pod.retention.look() == 1


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.slow)])
async def storage(request: pytest.FixtureRequest) -> AsyncIterator[Storage]:
    if request.param == "memory":
        yield MemoryStorage()
        return
    async with (
        ephemeral_postgres() as address,
        PostgresStorage.open(await migrated_database(address), ephemeral=True) as opened,
    ):
        yield opened


async def test_what_tools_found_of_old_messages_and_files_goes_with_them(storage: Storage, tmp_path: Path) -> None:
    time = Time()
    reading: list[Moment] = [Finished("stop")]
    model = ChunkModel(
        [ToolCallsReady((ToolCall("c1", "search_room", '{"query":"aubergine"}'),)), Finished("tool_calls")],
        reading,
        [TextDelta("Done."), Finished("stop")],
    )
    async with memory_pod(
        tmp_path / "rooms", clock=time.clock(), model=model, storage=storage, extractor=Extractor()
    ) as pod:
        await pod.lobby.ensure_built_ins()
        alice = await pod.lobby.create_account("alice", origin="cli")
        at = Scene(pod, time, alice, await pod.lobby.create_room(alice.id, "demo", origin="cli"))
        # So that at the end our clock is the database's.
        at.days_pass(-3)
        await at.says("the code is aubergine 4711")
        file = await at.file(b"in the file: courgette 0815")
        await at.asks(PostMessage(text="look", attachments=(file,)))

        async def has_text() -> bool:
            return (await at.messages())[-1].attachments[0].has_text

        async with asyncio.timeout(PATIENCE_S):
            await until(pod, has_text)
        reading[:] = [
            ToolCallsReady((ToolCall("c2", "read_attachment", json.dumps({"file": file})),)),
            Finished("tool_calls"),
        ]
        at.days_pass(2)
        ended = Heard(pod, TurnEnded)
        await at.says("@ai what is the code?")
        await ended.within()
        told = b"\n".join(await at.log())
        assert told.count(b"aubergine 4711") == 2
        assert told.count(b"courgette 0815") == 1
        at.days_pass(1)
        await at.rules(Retention(files_days=2))
        await at.pod.retention.look()
        told = b"\n".join(await at.log())
        assert b"courgette 0815" not in told
        assert told.count(b"aubergine 4711") == 2
        await at.rules(Retention(messages_days=2))
        await at.pod.retention.look()
        assert b"aubergine 4711" not in b"\n".join(await at.log())
        assert await at.left() == ["@ai what is the code?", "Done."]
        # A turn after it is told that something was there, and not what.
        ended = Heard(pod, TurnEnded)
        await at.says("@ai again?")
        await ended.within()
        prompt = "\n".join(message.content for message in model.requests[-1].messages)
        assert "went with it" in prompt
        assert "4711" not in prompt
        assert "0815" not in prompt
