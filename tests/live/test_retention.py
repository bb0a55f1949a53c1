"""Rooms that forget: what is due goes, nothing else does, and what was shown before is what goes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from multiplayer.live.pod import Pod, PodLimits
from multiplayer.live.room_archive import RoomExports
from multiplayer.live.room_archive_writing import ArchiveForm
from multiplayer.live.room_host import RoomHost
from multiplayer.live.room_import import RoomImports
from multiplayer.models.scripted import Say, ScriptedModel, Stall
from multiplayer.protocol.attachments import AttachmentState, BeginUpload
from multiplayer.protocol.commands import (
    AnyCommand,
    ArchiveRoom,
    AskAi,
    DeleteRoom,
    EditSummary,
    PinFact,
    PinMessage,
    PostMessage,
    SetRoomSettings,
)
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import Event, MessageDeleted, event_adapter
from multiplayer.protocol.ids import AttachmentId, MessageId, RoomId
from multiplayer.protocol.members import Account
from multiplayer.protocol.memory import PointEdit, Section
from multiplayer.protocol.messages import Message
from multiplayer.protocol.retention import Forgotten, Retention, RetentionPreview
from multiplayer.protocol.turn_events import TurnEnded
from multiplayer.rooms.limits import RoomLimits
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Append, Appended, ReadableRoom, Storage, StorageUnavailable
from tests.live.test_approvals import Time
from tests.support.pods import PATIENCE_S, memory_pod

DAY_S = 24 * 3600.0


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


@dataclass
class Scene:
    """A pod, and a room of alice's in which time passes."""

    pod: Pod
    time: Time
    alice: Account
    room_id: RoomId

    async def asks(self, command: AnyCommand) -> str:
        host = await self.pod.directory.host(self.room_id)
        done = await host.ask(self.alice.id, command, origin="http")
        return str(done.event_id)

    async def file(self, data: bytes, name: str = "plan.txt") -> AttachmentId:
        asked = BeginUpload(name=name, size=len(data))
        taken = await self.pod.files.uploads.take(self.room_id, self.alice.id, asked, once(data))
        return taken.attachment.id

    async def says(self, text: str, *files: bytes) -> MessageId:
        attached = tuple([await self.file(data) for data in files])
        return MessageId(await self.asks(PostMessage(text=text, attachments=attached)))

    async def rules(self, rule: Retention) -> None:
        now = (await self.pod.directory.host(self.room_id)).room.state.room.settings
        await self.asks(SetRoomSettings(settings=now.model_copy(update={"retention": rule})))

    async def preview(self, rule: Retention | None = None) -> RetentionPreview:
        return await self.pod.retention.preview(self.room_id, self.alice.id, rule)

    def days_pass(self, days: float) -> None:
        self.time.ahead_s += days * DAY_S

    async def messages(self) -> Sequence[Message]:
        return await self.pod.storage.recent_messages(self.room_id, limit=10_000)

    async def left(self) -> list[str]:
        return [message.text for message in await self.messages() if not message.is_deleted]

    async def found(self, words: str) -> int:
        return len(await self.pod.storage.search([ReadableRoom(self.room_id)], words, limit=99))

    async def audit(self) -> list[AuditEntry]:
        rows = await self.pod.storage.audit_after(self.room_id, 0, limit=999)
        return [row.entry for row in rows if row.entry.action == "retention_applied"]

    async def log(self) -> list[bytes]:
        return [one.line for one in await self.pod.storage.events_after(self.room_id, 0, limit=10_000)]


class Heard:
    """Waits until something of a kind has happened in a room of the pod."""

    def __init__(self, pod: Pod, kind: type[Event]) -> None:
        self._kind = kind
        self._is_there = asyncio.Event()
        pod.directory.listen(self._hear)

    async def within(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self._is_there.wait()

    def _hear(self, _host: RoomHost, events: Sequence[Event]) -> None:
        if any(isinstance(event, self._kind) for event in events):
            self._is_there.set()


@asynccontextmanager
async def scene(
    folder: Path, *, server_days: int | None = None, storage: Storage | None = None, model: ScriptedModel | None = None
) -> AsyncIterator[Scene]:
    time = Time()
    limits = PodLimits(room=RoomLimits(retention_days=server_days))
    async with memory_pod(folder / "rooms", clock=time.clock(), limits=limits, storage=storage, model=model) as pod:
        await pod.lobby.ensure_built_ins()
        alice = await pod.lobby.create_account("alice", origin="cli")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        yield Scene(pod, time, alice, room_id)


async def test_what_is_as_old_as_the_rule_says_goes_and_what_is_a_day_younger_stays(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.rules(Retention(messages_days=3))
        await at.says("old")
        at.days_pass(1)
        await at.says("young")
        at.days_pass(1.9)
        assert await at.pod.retention.look() == 0
        assert await at.left() == ["old", "young"]
        at.days_pass(0.11)
        assert await at.pod.retention.look() == 1
        assert await at.left() == ["young"]
        assert await at.pod.retention.look() == 0


async def test_nothing_goes_where_there_is_no_rule(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.says("old", b"file")
        at.days_pass(4000)
        assert await at.pod.retention.look() == 0
        assert await at.left() == ["old"]


async def test_a_room_that_nobody_has_open_and_that_is_archived_forgets_too(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.rules(Retention(messages_days=3))
        await at.says("old")
        await at.asks(ArchiveRoom(is_archived=True))
        at.pod.directory.drop_all()
        at.days_pass(3)
        assert await at.pod.retention.look() == 1
        assert await at.left() == []


async def test_pinned_messages_stay_unless_the_rule_drops_them(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.rules(Retention(messages_days=3, files_days=1))
        pinned = await at.says("pinned", b"with a file")
        await at.says("not pinned")
        await at.asks(PinMessage(message_id=pinned))
        at.days_pass(3)
        shown = await at.preview()
        assert (shown.messages, shown.files, shown.pinned_kept) == (1, 0, 1)
        await at.pod.retention.look()
        assert await at.left() == ["pinned"]
        assert (await at.messages())[0].attachments[0].state is AttachmentState.READY
        dropping = Retention(messages_days=3, keeps_pinned=False)
        shown = await at.preview(dropping)
        assert (shown.messages, shown.files, shown.pinned_kept) == (1, 1, 0)
        await at.rules(dropping)
        await at.pod.retention.look()
        assert await at.left() == []


async def test_old_files_go_with_their_bytes_and_the_words_stay(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.rules(Retention(files_days=2))
        await at.says("see this", b"one", b"two")
        at.days_pass(1)
        await at.says("and this", b"three")
        at.days_pass(1)
        assert await at.pod.retention.look() == 1
        assert await at.left() == ["see this", "and this"]
        old, young = await at.messages()
        assert {file.state for file in old.attachments} == {AttachmentState.REMOVED}
        assert young.attachments[0].state is AttachmentState.READY
        noted = await at.pod.storage.forgotten(at.room_id)
        assert noted is not None
        assert (noted.messages, noted.files, noted.size) == (0, 2, 6)
        at.days_pass(0.5)
        for _ in range(2):
            await at.pod.files.sweep.look()
        assert [listed.attachment.size for listed in await at.pod.storage.files_of_room(at.room_id, limit=9)] == [5]


async def test_the_server_s_rule_holds_in_rooms_without_one_or_with_a_longer_one_and_in_direct_rooms(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, server_days=5) as at:
        bob = await at.pod.lobby.create_account("bob", origin="cli")
        direct = await at.pod.lobby.direct(at.alice.id, ["bob"], origin="cli")
        await (await at.pod.directory.host(direct)).ask(bob.id, PostMessage(text="between us"), origin="http")
        await at.says("old")
        at.days_pass(4.9)
        assert await at.pod.retention.look() == 0
        at.days_pass(0.11)
        assert await at.pod.retention.look() == 2
        assert await at.left() == []
        left = await at.pod.storage.recent_messages(direct, limit=9)
        assert [message.is_deleted for message in left] == [True]
        with pytest.raises(Refused) as refused:
            await at.rules(Retention(messages_days=6))
        assert refused.value.code is RefusalCode.LIMIT_REACHED
        await at.rules(Retention(messages_days=2))
        await at.says("newer")
        at.days_pass(2)
        assert await at.pod.retention.look() == 1


async def test_what_went_is_found_by_nobody_and_what_came_of_it_is_gone(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.rules(Retention(messages_days=3))
        old = await at.says("the sesame word", b"sesame in a file")
        await at.asks(PinFact(text="sesame opens it", message_id=old))
        await at.asks(EditSummary(version=0, points=(PointEdit(section=Section.TOPIC, text="their own words"),)))
        at.days_pass(2)
        await at.says("harmless")
        assert await at.found("sesame") == 1
        at.days_pass(1)
        await at.pod.retention.look()
        assert await at.found("sesame") == 0
        assert not [line for line in await at.log() if b"sesame" in line]
        state = (await at.pod.directory.host(at.room_id)).room.state
        assert state.notes.facts == ()
        # What a person wrote without a source is the person's own.
        assert state.summary is not None
        assert [point.text for point in state.summary.points] == ["their own words"]
        context = await at.pod.insights.previews.context(at.room_id, at.alice.id)
        assert "sesame" not in context.model_dump_json()
        caught = await at.pod.insights.catch_ups.since(at.room_id, at.alice.id, 0)
        assert "sesame" not in caught.model_dump_json()
        exports = RoomExports(at.pod.storage, at.pod.files.blobs, at.pod.directory, at.pod.clock)
        await exports.export(at.room_id, at.alice.id, tmp_path / "out", ArchiveForm.FOLDER, origin="cli")
        written = {path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
        assert not [name for name, data in written.items() if b"sesame" in data]
        assert [name for name, data in written.items() if b"removed by the room's rule" in data]


async def test_a_room_that_forgot_is_exported_and_imported_with_its_rule(tmp_path: Path) -> None:
    rule = Retention(messages_days=3, files_days=1)
    async with scene(tmp_path / "here") as at:
        await at.rules(rule)
        await at.says("old")
        at.days_pass(2)
        await at.says("loses a file", b"one")
        at.days_pass(1)
        await at.pod.retention.look()
        exports = RoomExports(at.pod.storage, at.pod.files.blobs, at.pod.directory, at.pod.clock)
        await exports.export(at.room_id, at.alice.id, tmp_path / "out", ArchiveForm.FOLDER, origin="cli")
        kept = await at.messages()
    async with memory_pod(tmp_path / "there" / "rooms") as there:
        await there.lobby.ensure_built_ins()
        imports = RoomImports(there.storage, there.files.blobs, there.lobby, there.clock)
        done = await imports.import_room(tmp_path / "out", name=None, origin="cli")
        assert done.room_id is not None
        state = (await there.directory.host(done.room_id)).room.state
        assert state.room.settings.retention == rule
        messages = await there.storage.recent_messages(done.room_id, limit=9)
        assert [(one.text, one.deleted_because) for one in messages] == [("", "retention"), ("loses a file", "")]
        assert [one.state for one in messages[1].attachments] == [one.state for one in kept[1].attachments]
        # It is not three days old yet.
        assert await there.retention.look() == 0


async def test_the_log_says_that_the_rule_did_it_and_the_audit_says_it_once_a_look(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        rule = Retention(messages_days=3, files_days=2)
        await at.rules(rule)
        for number in range(120):
            await at.says(f"old {number}", *([b"12345"] if number % 40 == 0 else []))
        at.days_pass(1)
        await at.says("keeps its words", b"123")
        at.days_pass(2)
        shown = await at.preview()
        assert await at.pod.retention.look() == 1
        host = await at.pod.storage.find_account_by_handle("host")
        assert host is not None
        deleted = [
            event for event in map(event_adapter.validate_json, await at.log()) if isinstance(event, MessageDeleted)
        ]
        assert {(event.because, event.actor_id) for event in deleted} == {("retention", host.account.id)}
        assert len(deleted) == 120
        [entry] = await at.audit()
        assert (entry.actor_id, entry.origin, entry.subject) == (host.account.id, "server", at.room_id)
        assert Retention.model_validate_json(entry.before) == rule
        assert entry.after == '{"messages":120,"files":4,"size":18}'
        assert (shown.messages, shown.files, shown.size) == (120, 4, 18)
        rows = await at.pod.storage.audit_after(at.room_id, 0, limit=999)
        assert not [row for row in rows if row.entry.action == "message_deleted"]
        report = await at.pod.retention.report(at.room_id, at.alice.id)
        assert report.last is not None
        assert (report.last.messages, report.last.files, report.last.size) == (120, 4, 18)
        assert (report.preview.messages, report.preview.first) == (0, ())


async def test_a_flood_is_removed_over_several_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiplayer.live.retention.BATCHES", 2)
    async with scene(tmp_path) as at:
        await at.rules(Retention(messages_days=3))
        for number in range(230):
            await at.says(str(number))
        at.days_pass(3)
        for left in (30, 0, 0):
            await at.pod.retention.look()
            assert len(await at.left()) == left
        assert [entry.after for entry in await at.audit()] == [
            '{"messages":200,"files":0,"size":0}',
            '{"messages":30,"files":0,"size":0}',
        ]


async def test_what_a_turn_is_about_is_left_for_the_look_after_it(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with scene(tmp_path, model=ScriptedModel([[Stall(gate), Say("an answer")]])) as at:
        await at.rules(Retention(messages_days=3))
        asked = await at.says("a question")
        await at.says("another word")
        ai = next(
            one for one in (await at.pod.directory.host(at.room_id)).room.state.members.values() if one.handle == "ai"
        )
        ended = Heard(at.pod, TurnEnded)
        await at.asks(AskAi(ai_id=ai.account_id, message_id=asked))
        at.days_pass(3)
        shown = await at.preview()
        assert (shown.messages, shown.waiting) == (1, 1)
        await at.pod.retention.look()
        assert await at.left() == ["a question"]
        gate.set()
        await ended.within()
        await at.pod.retention.look()
        assert await at.left() == ["an answer"]


async def test_two_pods_that_look_at_once_remove_each_thing_once(tmp_path: Path) -> None:
    storage = MemoryStorage()
    async with (
        scene(tmp_path / "a", storage=storage) as at,
        memory_pod(tmp_path / "b" / "rooms", clock=at.time.clock(), storage=storage, name="other") as other,
    ):
        await at.rules(Retention(messages_days=3, files_days=2))
        for number in range(150):
            await at.says(str(number), *([b"123"] if number % 50 == 0 else []))
        at.days_pass(1)
        await at.says("stays", b"12")
        at.days_pass(2)
        await asyncio.gather(at.pod.retention.look(), other.retention.look())
        await other.retention.look()
        assert await at.left() == ["stays"]
        deleted = [
            event for event in map(event_adapter.validate_json, await at.log()) if isinstance(event, MessageDeleted)
        ]
        assert len({event.message_id for event in deleted}) == len(deleted) == 150
        told = [
            Forgotten.model_validate_json(f'{{"at":"2026-01-01T00:00:00Z",{entry.after[1:]}')
            for entry in await at.audit()
        ]
        assert sum(one.messages for one in told) == 150
        assert sum(one.files for one in told) == 4
        assert sum(one.size for one in told) == 11


class Cut(MemoryStorage):
    """Fails at the append that is so many appends ahead."""

    cut_in = 10**9

    @override
    async def append(self, append: Append) -> Appended:
        self.cut_in -= 1
        if self.cut_in < 0:
            raise StorageUnavailable("away")
        return await super().append(append)


async def test_a_look_that_breaks_off_is_gone_on_with_after_a_restart(tmp_path: Path) -> None:
    storage = Cut()
    async with scene(tmp_path / "a", storage=storage) as at:
        await at.rules(Retention(messages_days=3))
        for number in range(250):
            await at.says(str(number))
        at.days_pass(3)
        storage.cut_in = 1
        assert await at.pod.retention.look() == 1
        assert len(await at.left()) == 150
        assert [entry.after for entry in await at.audit()] == ['{"messages":100,"files":0,"size":0}']
        storage.cut_in = 10**9
    async with memory_pod(tmp_path / "b" / "rooms", clock=at.time.clock(), storage=storage, name="next") as pod:
        assert await pod.retention.look() == 1
        left = await pod.storage.recent_messages(at.room_id, limit=999)
        assert not [message for message in left if not message.is_deleted]
    noted = await storage.forgotten(at.room_id)
    assert noted is not None
    assert noted.messages == 150


async def test_a_pod_that_dies_between_two_batches_leaves_the_rest_for_another(tmp_path: Path) -> None:
    storage = MemoryStorage()
    async with scene(tmp_path / "a", storage=storage) as at:
        await at.rules(Retention(messages_days=3))
        for number in range(250):
            await at.says(str(number))
        at.days_pass(3)
        removed = Heard(at.pod, MessageDeleted)
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(at.pod.retention.look())
            await removed.within()
            looking.cancel()
        assert len(await at.left()) in {50, 150}
    async with memory_pod(tmp_path / "b" / "rooms", clock=at.time.clock(), storage=storage, name="next") as pod:
        await pod.retention.look()
        left = await pod.storage.recent_messages(at.room_id, limit=999)
        assert not [message for message in left if not message.is_deleted]


class Unnoting(MemoryStorage):
    is_away = False

    @override
    async def note_forgotten(self, room_id: RoomId, forgotten: Forgotten, *, audit: AuditEntry) -> None:
        if self.is_away:
            raise StorageUnavailable("away")
        await super().note_forgotten(room_id, forgotten, audit=audit)


async def test_what_could_not_be_noted_is_noted_at_the_next_look(tmp_path: Path) -> None:
    storage = Unnoting()
    async with scene(tmp_path, storage=storage) as at:
        await at.rules(Retention(messages_days=3))
        await at.says("old")
        at.days_pass(3)
        storage.is_away = True
        await at.pod.retention.look()
        assert await at.audit() == []
        storage.is_away = False
        for _ in range(2):
            await at.pod.retention.look()
        assert [entry.after for entry in await at.audit()] == ['{"messages":1,"files":0,"size":0}']


async def test_only_owners_see_what_a_rule_would_remove(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        bob = await at.pod.lobby.create_account("bob", origin="cli")
        for code in (RefusalCode.NOT_FOUND,):
            with pytest.raises(Refused) as refused:
                await at.pod.retention.preview(at.room_id, bob.id, Retention(messages_days=1))
            assert refused.value.code is code


async def test_a_preview_tells_the_oldest_first_in_short(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        first = await at.says(f"one\n\n  two {'x' * 200}", b"abc")
        for number in range(24):
            at.days_pass(0.01)
            await at.says(str(number))
        at.days_pass(10)
        last = await at.says("young words", b"ab")
        at.days_pass(5)
        shown = await at.preview(Retention(messages_days=9, files_days=2))
        assert (shown.messages, shown.files, shown.size) == (25, 2, 5)
        assert shown.oldest is not None
        assert shown.newest is not None
        assert shown.newest - shown.oldest > timedelta(days=10)
        assert len(shown.first) == 20
        assert (shown.first[0].message_id, shown.first[0].files) == (first, ("plan.txt",))
        assert shown.first[0].text.startswith("one two xxx")
        assert len(shown.first[0].text) == 120
        bare = await at.preview(Retention(files_days=2))
        assert [(one.message_id, one.keeps_words) for one in bare.first] == [(first, True), (last, True)]
        assert (await at.preview(Retention())).model_dump(include={"messages", "files", "size", "first"}) == {
            "messages": 0,
            "files": 0,
            "size": 0,
            "first": (),
        }
        assert await at.pod.retention.look() == 0, "a preview changes nothing"


@st.composite
def lives(draw: st.DrawFn) -> Sequence[tuple[float, int, bool]]:
    """Days before the next message, how many files it has, and whether it is pinned."""
    return draw(
        st.lists(st.tuples(st.sampled_from([0.0, 0.4, 1.0, 3.0]), st.integers(0, 2), st.booleans()), max_size=12)
    )


some_days = st.none() | st.integers(1, 4)


@pytest.fixture(params=[None, 4], ids=["no server rule", "four days"])
async def town(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    async with scene(tmp_path, server_days=request.param) as at:
        yield at


@pytest.mark.slow
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    life=lives(), rule=st.builds(Retention, messages_days=some_days, files_days=some_days, keeps_pinned=st.booleans())
)
async def test_what_is_shown_before_is_what_then_goes(
    town: Scene, life: Sequence[tuple[float, int, bool]], rule: Retention
) -> None:
    room_id = await town.pod.lobby.create_room(town.alice.id, "demo", origin="cli")
    at = replace(town, room_id=room_id)
    for days, files, is_pinned in life:
        message_id = await at.says("words", *[b"x" * (number + 3) for number in range(files)])
        if is_pinned:
            await at.asks(PinMessage(message_id=message_id))
        at.days_pass(days)
    shown = await at.preview(rule)
    before = {message.id: message for message in await at.messages()}
    if rule != Retention():
        await at.rules(rule)
    assert await at.preview() == shown
    assert await at.pod.retention.look() == (1 if shown.messages or shown.files else 0)
    after = await at.messages()
    gone = [message for message in after if message.is_deleted]
    touched = [
        message for message in after if message.is_deleted or message.attachments != before[message.id].attachments
    ]
    lost = [file for message in touched for file in before[message.id].attachments]
    assert (len(gone), len(lost), sum(file.size for file in lost)) == (shown.messages, shown.files, shown.size)
    times = [message.at for message in touched]
    assert (shown.oldest, shown.newest) == (min(times, default=None), max(times, default=None))
    assert {one.message_id for one in shown.first} == {one.id for one in touched}
    left = await at.preview()
    assert (left.messages, left.files, left.pinned_kept) == (0, 0, shown.pinned_kept)
    # So that the next life is looked at alone.
    await at.asks(DeleteRoom())
