"""Turns of a provider that takes a plain question: what is kept, shown and replayed is that question, and no prompt."""

import time
from pathlib import Path

import pytest

from multiplayer.live.pod import Pod
from multiplayer.models.failover import Failover
from multiplayer.models.port import ModelUnavailable, TextDelta
from multiplayer.models.scripted import Say, ScriptedModel
from multiplayer.protocol.ids import MessageId, RoomId, TurnId
from multiplayer.protocol.reports_prompts import Manifest, Replay, Share
from tests.support.brains import GivenBrains, brain_of
from tests.support.chunk_model import ChunkModel
from tests.support.pods import Guest, Line, memory_pod


def brains_of(model: ScriptedModel) -> GivenBrains:
    return GivenBrains(brain_of(model, takes_tools=False))


async def asked(pod: Pod) -> tuple[Guest, RoomId, Line, list[MessageId]]:
    """alice's room with bob, six messages and a question; the ids are those of the messages."""
    bob = await Guest.enter(pod, "bob")
    alice = await Guest.enter(pod, "alice")
    room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
    await alice.join(room_id)
    await alice.ask(type="invite_member", room_id=room_id, handle="bob")
    await bob.join(room_id)
    await alice.ask(type="pin_fact", room_id=room_id, text="@bob is vegan")
    said = [
        MessageId(str((await alice.post(room_id, f"@bob, dish {number} and `@alice` too"))["event_id"]))
        for number in range(6)
    ]
    said.append(MessageId(str((await alice.post(room_id, "@ai @bob: what goes with it? mail a@bob.com"))["event_id"])))
    return alice, room_id, await alice.expect_type("turn_ended"), said


async def kept(pod: Pod, room_id: RoomId, ended: Line) -> Manifest:
    record = await pod.storage.turn(room_id, TurnId(str(ended["turn_id"])))
    assert record is not None
    assert record.manifest is not None
    return Manifest.model_validate_json(record.manifest)


async def replayed(alice: Guest, room_id: RoomId, ended: Line) -> Replay:
    return await alice.pod.insights.replays.of_turn(room_id, alice.id, TurnId(str(ended["turn_id"])))


async def test_no_members_name_goes_out_with_a_plain_question(tmp_path: Path) -> None:
    model = ScriptedModel([[Say("Rice.")]])
    async with memory_pod(tmp_path, brains=brains_of(model)) as pod:
        await asked(pod)
        told = model.requests[0].conversation
        assert told is not None
        assert told.question == "what goes with it? mail a@bob.com"
        assert told.previous == tuple(f"dish {number} and `` too" for number in range(1, 6))
        assert told.facts == ("is vegan",)


async def test_the_manifest_of_a_plain_question_names_what_was_sent_and_counts_no_tokens(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, brains=brains_of(ScriptedModel([[Say("Rice.")]]))) as pod:
        _, room_id, ended, said = await asked(pod)
        manifest = await kept(pod, room_id, ended)
        assert manifest.conversation is not None
        assert manifest.conversation.question == (said[-1],)
        assert manifest.conversation.previous == tuple(said[1:-1])
        assert (manifest.conversation.facts, manifest.conversation.summary_points) == (1, 0)
        assert [message.id for message in manifest.messages] == said[1:]
        assert (manifest.tokens, manifest.budget_tokens, manifest.share) == (0, 0, Share())
        assert (manifest.rules, manifest.tools_text, manifest.pins) == ("", "", ())


async def test_a_replay_of_a_plain_question_shows_it_and_no_prompt(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, brains=brains_of(ScriptedModel([[Say("Rice.")]]))) as pod:
        alice, room_id, ended, said = await asked(pod)
        await alice.ask(type="edit_message", room_id=room_id, message_id=said[-1], text="something else")
        replay = await replayed(alice, room_id, ended)
        assert replay.is_equal, replay.differs
        (shown,) = replay.prompt
        assert shown.role == "user"
        assert shown.content.splitlines() == [
            "Fact: is vegan",
            *(f"Earlier: dish {number} and `` too" for number in range(1, 6)),
            "Question: what goes with it? mail a@bob.com",
        ]
        assert (replay.tokens, replay.tools) == (0, ())


@pytest.mark.parametrize(("place", "is_equal"), [(0, True), (3, False)])
async def test_a_replay_of_a_plain_question_tells_a_deletion_of_what_was_sent_from_any_other(
    tmp_path: Path, place: int, is_equal: bool
) -> None:
    async with memory_pod(tmp_path, brains=brains_of(ScriptedModel([[Say("Rice.")]]))) as pod:
        alice, room_id, ended, said = await asked(pod)
        await alice.ask(type="delete_message", room_id=room_id, message_id=said[place])
        replay = await replayed(alice, room_id, ended)
        assert replay.is_equal is is_equal
        assert "dish 0" not in replay.prompt[0].content
        gone = f"One message that it was built from was deleted since: {said[place]}."
        assert replay.differs == (() if is_equal else (gone,))


async def test_a_preview_of_a_plain_question_tells_what_would_go_out_with_it(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, brains=brains_of(ScriptedModel([[Say("Rice.")]]))) as pod:
        alice, room_id, _, said = await asked(pod)
        context = await pod.insights.previews.context(room_id, alice.id)
        assert context.conversation is not None
        assert context.conversation.previous == tuple(said[2:])
        assert [message.id for message in context.messages] == said[2:]
        assert (context.tokens, context.budget_tokens, context.recent_tokens, context.summarise_at) == (0, 0, 0, 0)
        assert context.share == Share()


async def test_a_prompt_has_no_conversation_in_its_manifest_and_rows_from_before_are_read(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, model=ScriptedModel([[Say("Rice.")]])) as pod:
        alice, room_id, ended, _ = await asked(pod)
        manifest = await kept(pod, room_id, ended)
        assert manifest.conversation is None
        assert manifest.tokens > 0
        before = manifest.model_dump(mode="json", exclude={"conversation"})
        assert Manifest.model_validate(before) == manifest
        assert (await pod.insights.previews.context(room_id, alice.id)).conversation is None


async def test_a_replay_says_that_a_model_stood_in_which_was_given_more(tmp_path: Path) -> None:
    chain = Failover(
        [ChunkModel([ModelUnavailable("away")], model_name="site"), ChunkModel([TextDelta("Rice.")], model_name="big")],
        first_token_s=5,
        progress_s=5,
        clock=time.monotonic,
    )
    async with memory_pod(tmp_path, brains=GivenBrains(brain_of(chain, takes_tools=False))) as pod:
        alice, room_id, ended, _ = await asked(pod)
        replay = await replayed(alice, room_id, ended)
        assert replay.rebuilt_sha256 == replay.prompt_sha256
        assert (replay.is_equal, replay.differs) == (
            False,
            ("big stood in. It was given the room's prompt, of which no record was kept.",),
        )


async def test_a_note_is_the_question_and_a_replay_says_when_it_was_erased(tmp_path: Path) -> None:
    model = ScriptedModel([[Say("Rice.")]])
    rule = {"type": "webhook", "id": "w", "prompt": "Say hi to @alice.", "cooldown_s": 0}
    async with memory_pod(tmp_path, brains=brains_of(model)) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        await alice.join(room_id)
        await alice.ask(type="set_room_settings", room_id=room_id, settings={"triggers": [rule]})
        made = await pod.insights.hooks.create(room_id, alice.id, "w", origin="http")
        await pod.insights.hooks.fire(made.secret, "the words of a program")
        ended = await alice.expect_type("turn_ended")
        manifest = await kept(pod, room_id, ended)
        assert manifest.conversation is not None
        assert (manifest.conversation.has_note, manifest.conversation.question) == (True, ())
        replay = await replayed(alice, room_id, ended)
        assert replay.is_equal, replay.differs
        assert replay.prompt[0].content == "Question: Say hi to . the words of a program"
        await alice.ask(type="delete_message", room_id=room_id, message_id=ended["message_id"])
        replay = await replayed(alice, room_id, ended)
        assert replay.differs == ("What a form, a schedule or a webhook had asked was erased.",)
        assert "program" not in replay.model_dump_json()
