"""A summary that is due while others write one, too, or delete what it is made of: nobody waits, nothing stays."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from typing_extensions import override

from multiplayer.models.port import ChatRequest, Chunk, Finished, TextDelta
from multiplayer.protocol.profiles import AiProfile
from tests.support.brains import GivenBrains, brain_of
from tests.support.chunk_model import ChunkModel, Moment
from tests.support.pods import Guest, memory_pod

WORDS = TextDelta("Decisions:\n- we use postgres\n")


class TellingModel(ChunkModel):
    """Says when it is asked."""

    def __init__(self, *scripts: Sequence[Moment]) -> None:
        super().__init__(*scripts)
        self.is_asked = asyncio.Event()

    @override
    def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self.is_asked.set()
        return super().stream(request)


async def test_two_ais_that_are_asked_when_a_summary_is_due_both_answer_at_once(tmp_path: Path) -> None:
    model = ChunkModel([WORDS, Finished("stop")])
    async with memory_pod(tmp_path, brains=GivenBrains(brain_of(model))) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        await pod.profiles.create(AiProfile(handle="two", name="Two"), by=None, origin="cli")
        await alice.join(room_id)
        await alice.ask(type="invite_member", room_id=room_id, handle="two")
        await alice.ask(type="set_room_settings", room_id=room_id, settings={"summarise_after": 5})
        for number in range(10):
            await alice.post(room_id, f"message number {number} about the database")
        await alice.post(room_id, "@ai @two hello")
        first = await alice.expect_type("turn_ended", outcome="done")
        second = await alice.expect(lambda line: line["type"] == "turn_ended" and line["turn_id"] != first["turn_id"])
        assert second["outcome"] == "done"
        fences = [line["fence"] for line in alice.heard if line["type"] == "turn_started"]
        assert fences == [1, 1]
        assert len([line for line in alice.heard if line["type"] == "summary_updated"]) == 1


async def test_what_a_model_drew_from_a_message_that_is_deleted_while_it_writes_is_never_kept(tmp_path: Path) -> None:
    is_deleted = asyncio.Event()
    moments: list[Moment] = [is_deleted]
    model = TellingModel(moments, [TextDelta("Well."), Finished("stop")])
    async with memory_pod(tmp_path, brains=GivenBrains(brain_of(model))) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        await alice.join(room_id)
        await alice.ask(type="set_room_settings", room_id=room_id, settings={"summarise_after": 5})
        kept = (await alice.post(room_id, "the database is postgres"))["event_id"]
        secret = (await alice.post(room_id, "the password is hunter2"))["event_id"]
        for number in range(10):
            await alice.post(room_id, f"message number {number} about the database")
        points = (f"we use postgres (message {kept})", "the password is hunter2")
        moments += [TextDelta("Decisions:\n" + "\n".join(f"- {point}" for point in points)), Finished("stop")]
        await alice.post(room_id, "@ai hello")
        async with asyncio.timeout(20):
            await model.is_asked.wait()
        assert any("hunter2" in message.content for message in model.requests[0].messages)
        await alice.ask(type="delete_message", room_id=room_id, message_id=secret)
        is_deleted.set()
        await alice.expect_type("turn_ended", outcome="done")
        versions = [one.summary for one in await pod.storage.summaries(room_id)]
        assert [(point.text, point.sources) for one in versions for point in one.points] == [
            ("we use postgres", (kept,))
        ]
        assert not any("hunter2" in message.content for message in model.requests[-1].messages)
