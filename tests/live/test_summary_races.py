"""A summary that is due while others write one, too: nobody waits for a lease, and each answers once."""

from pathlib import Path

from multiplayer.models.port import Finished, TextDelta
from multiplayer.protocol.profiles import AiProfile
from tests.support.brains import GivenBrains, brain_of
from tests.support.chunk_model import ChunkModel
from tests.support.pods import Guest, memory_pod

WORDS = TextDelta("Decisions:\n- we use postgres\n")


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
