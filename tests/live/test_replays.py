"""The prompt of an earlier answer, built again: the same after whatever happened since, or it says what was erased."""

import re
from pathlib import Path

import pytest

from multiplayer.ai.masking import HIDDEN
from multiplayer.ai.plain_results import PlainResults
from multiplayer.live.pod import Pod
from multiplayer.live.replays import without_markers
from multiplayer.models.port import PromptMessage
from multiplayer.models.scripted import Call, Say, ScriptedModel
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import MessageId, RoomId, TurnId
from multiplayer.protocol.reports_prompts import Replay
from multiplayer.storage.memory import MemoryStorage
from tests.support.brains import GivenBrains, brain_of
from tests.support.pods import Guest, Line, memory_pod


async def answered(someone: Guest, room_id: RoomId, text: str) -> Line:
    """Post, and return the end of the turn that follows."""
    start = len(someone.heard)
    assert (await someone.post(room_id, text))["type"] == "accepted"
    return await someone.expect_type("turn_ended", start=start)


async def replayed(someone: Guest, room_id: RoomId, ended: Line) -> Replay:
    return await someone.pod.insights.replays.of_turn(room_id, someone.id, TurnId(str(ended["turn_id"])))


async def room_with_an_answer(pod: Pod) -> tuple[Guest, RoomId, MessageId, Line]:
    """alice's room: some words, a fact, a pin, and an answer of the AI that used a tool. The id is of the first words."""
    alice = await Guest.enter(pod, "alice")
    room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
    await alice.join(room_id)
    first = await alice.post(room_id, "the gate code is 4711, between us")
    await alice.ask(type="pin_fact", room_id=room_id, text="our language is Python")
    await alice.ask(type="pin_message", room_id=room_id, message_id=first["event_id"])
    ended = await answered(alice, room_id, "@ai write it down")
    return alice, room_id, MessageId(str(first["event_id"])), ended


def model_of(*answers: str) -> ScriptedModel:
    write = Call("write_file", {"path": "a.txt", "content": "hi"})
    return ScriptedModel([[write], [Say("Written.")], *[[Say(answer)] for answer in answers]])


async def test_a_replay_is_what_the_model_was_asked_without_a_single_marker(tmp_path: Path) -> None:
    model = model_of()
    async with memory_pod(tmp_path, model=model) as pod:
        alice, room_id, _, ended = await room_with_an_answer(pod)
        replay = await replayed(alice, room_id, ended)
        asked = model.requests[0].messages
        assert replay.is_equal, replay.differs
        assert [message.role for message in replay.prompt] == [message.role for message in asked]
        markers = set(re.findall(r'"(?:marker|end)":"([0-9a-f]{16})"', "".join(one.content for one in asked)))
        assert len(markers) > 2
        text = replay.model_dump_json()
        assert not any(marker in text for marker in markers)
        assert "the gate code is 4711" in text
        for told, was in zip(replay.prompt, asked, strict=True):
            assert told.content == re.sub("|".join(markers), HIDDEN, was.content)
        by_message = await pod.insights.replays.of_message(room_id, alice.id, MessageId(str(ended["message_id"])))
        assert by_message == replay


async def test_a_replay_is_equal_after_a_restart(tmp_path: Path) -> None:
    storage = MemoryStorage()
    async with memory_pod(tmp_path, model=model_of(), storage=storage) as pod:
        _, room_id, _, ended = await room_with_an_answer(pod)
    async with memory_pod(tmp_path, storage=storage, name="another") as pod:
        alice = await Guest.enter(pod, "alice")
        replay = await replayed(alice, room_id, ended)
        assert (replay.is_equal, replay.differs) == (True, ())
        assert replay.rebuilt_sha256 == replay.prompt_sha256


async def test_a_replay_is_equal_after_edits_of_what_it_was_built_from_and_of_later_words(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, model=model_of()) as pod:
        alice, room_id, first, ended = await room_with_an_answer(pod)
        later = await alice.post(room_id, "something else")
        for message_id in (first, later["event_id"]):
            edited = await alice.ask(type="edit_message", room_id=room_id, message_id=message_id, text="changed")
            assert edited["type"] == "accepted"
        replay = await replayed(alice, room_id, ended)
        assert replay.is_equal
        assert "the gate code is 4711" in replay.model_dump_json()


async def test_a_replay_is_equal_after_the_summary_rolled_over_and_was_edited(tmp_path: Path) -> None:
    # A scripted model is not asked for summaries: they are made from the messages' own sentences.
    brains = GivenBrains(brain_of(PlainResults(model_of("Second.", "Third."))))
    async with memory_pod(tmp_path, brains=brains) as pod:
        alice, room_id, _, before = await room_with_an_answer(pod)
        await alice.ask(type="set_room_settings", room_id=room_id, settings={"summarise_after": 5})
        for number in range(8):
            await alice.post(room_id, f"we decided on plan {number}")
        over = await answered(alice, room_id, "@ai which plan?")
        summary = await alice.expect_type("summary_updated")
        assert summary["version"] == 1
        point = {"section": "decisions", "text": "Plan 7 it is"}
        assert (await alice.ask(type="edit_summary", room_id=room_id, version=1, points=[point]))["type"] == "accepted"
        after = await answered(alice, room_id, "@ai and now?")
        for ended in (before, over, after):
            replay = await replayed(alice, room_id, ended)
            assert replay.is_equal, replay.differs
        assert "Plan 7 it is" in (await replayed(alice, room_id, after)).model_dump_json()
        assert "Plan 7 it is" not in (await replayed(alice, room_id, over)).model_dump_json()


async def test_a_replay_is_equal_after_members_roles_names_persona_and_facts_changed(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, model=model_of()) as pod:
        bob = await Guest.enter(pod, "bob")
        alice, room_id, first, ended = await room_with_an_answer(pod)
        for change in (
            {"type": "invite_member", "handle": "bob", "role": "guest"},
            {"type": "set_role", "account_id": bob.id, "role": "admin"},
            {"type": "rename_room", "name": "renamed"},
            {"type": "set_topic", "topic": "another"},
            {"type": "set_room_settings", "settings": {"persona": "a pirate", "tools": []}},
            {"type": "unpin_message", "message_id": first},
            {"type": "pin_fact", "text": "a new one"},
            {"type": "remove_member", "account_id": bob.id},
        ):
            assert (await alice.ask(room_id=room_id, **change))["type"] == "accepted", change
        assert (await replayed(alice, room_id, ended)).is_equal


async def test_both_answers_can_be_replayed_after_one_was_given_again(tmp_path: Path) -> None:
    model = model_of("Another.")
    async with memory_pod(tmp_path, model=model) as pod:
        alice, room_id, _, ended = await room_with_an_answer(pod)
        start = len(alice.heard)
        await alice.ask(type="regenerate_answer", room_id=room_id, message_id=ended["message_id"])
        again = await alice.expect_type("turn_ended", start=start)
        first, second = [await replayed(alice, room_id, one) for one in (ended, again)]
        assert (first.is_equal, second.is_equal) == (True, True)
        standing = await pod.insights.replays.of_message(room_id, alice.id, MessageId(str(ended["message_id"])))
        assert standing.turn_id == again["turn_id"] == second.turn_id
        assert second.prompt == without_markers(model.requests[-1].messages)
        await alice.ask(type="choose_answer", room_id=room_id, message_id=ended["message_id"], index=0)
        standing = await pod.insights.replays.of_message(room_id, alice.id, MessageId(str(ended["message_id"])))
        assert standing.turn_id == ended["turn_id"]


async def test_an_answer_that_the_summary_covers_can_be_given_again_after_edits_and_replayed(tmp_path: Path) -> None:
    answers = ("First.", "Second.", "Again.")
    brains = GivenBrains(brain_of(PlainResults(ScriptedModel([[Say(answer)] for answer in answers]))))
    async with memory_pod(tmp_path, brains=brains) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        await alice.join(room_id)
        await alice.ask(type="set_room_settings", room_id=room_id, settings={"summarise_after": 5})
        question = (await alice.post(room_id, "@ai which plan?"))["event_id"]
        first = await alice.expect_type("turn_ended")
        for number in range(8):
            await alice.post(room_id, f"we decided on plan {number}")
        await answered(alice, room_id, "@ai and now?")
        summary = (await pod.directory.host(room_id)).room.state.summary
        assert summary is not None
        assert summary.up_to_seq > int(str(first["seq"]))
        later = (await alice.post(room_id, "what came later"))["event_id"]
        for message_id, text in ((question, "@ai which plot?"), (later, "and was changed")):
            await alice.ask(type="edit_message", room_id=room_id, message_id=message_id, text=text)
        start = len(alice.heard)
        await alice.ask(type="regenerate_answer", room_id=room_id, message_id=first["message_id"])
        replay = await replayed(alice, room_id, await alice.expect_type("turn_ended", start=start))
        assert replay.is_equal, replay.differs
        told = replay.model_dump_json()
        assert ("which plot?" in told, "and was changed" in told) == (True, False)


async def test_a_replay_says_what_was_erased(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, model=model_of()) as pod:
        alice, room_id, first, ended = await room_with_an_answer(pod)
        fact = (await alice.expect_type("fact_pinned"))["fact"]
        assert isinstance(fact, dict)
        await alice.ask(type="delete_message", room_id=room_id, message_id=first)
        replay = await replayed(alice, room_id, ended)
        assert not replay.is_equal
        assert replay.differs == (f"One message that it was built from was deleted since: {first}.",)
        assert "4711" not in replay.model_dump_json()
        await alice.ask(type="forget_fact", room_id=room_id, fact_id=fact["id"])
        replay = await replayed(alice, room_id, ended)
        assert "One fact that it was built from was forgotten since." in replay.differs
        assert "Python" not in replay.model_dump_json()


async def test_what_was_deleted_before_the_answer_is_not_said_to_be_erased_since(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, model=ScriptedModel([[Say("One.")]])) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        await alice.join(room_id)
        before, since = [await alice.post(room_id, f"{number} and some more") for number in range(2)]
        await alice.ask(type="delete_message", room_id=room_id, message_id=before["event_id"])
        ended = await answered(alice, room_id, "@ai hello")
        assert (await replayed(alice, room_id, ended)).is_equal
        await alice.ask(type="delete_message", room_id=room_id, message_id=since["event_id"])
        differs = (await replayed(alice, room_id, ended)).differs
        assert differs == (f"One message that it was built from was deleted since: {since['event_id']}.",)


async def test_a_replay_says_that_points_of_its_summary_went_with_their_messages(tmp_path: Path) -> None:
    brains = GivenBrains(brain_of(PlainResults(ScriptedModel([[Say("One.")]]))))
    async with memory_pod(tmp_path, brains=brains) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        await alice.join(room_id)
        await alice.ask(type="set_room_settings", room_id=room_id, settings={"summarise_after": 5})
        said = [await alice.post(room_id, f"we decided on plan {number}") for number in range(8)]
        ended = await answered(alice, room_id, "@ai which plan?")
        assert (await replayed(alice, room_id, ended)).is_equal
        await alice.ask(type="delete_message", room_id=room_id, message_id=said[0]["event_id"])
        replay = await replayed(alice, room_id, ended)
        assert replay.differs == ("Points of version 1 of the summary were erased with the messages they came from.",)
        assert "plan 0" not in replay.model_dump_json()


async def test_what_has_no_prompt_or_is_not_there_cannot_be_replayed(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, model=model_of()) as pod:
        alice, room_id, first, ended = await room_with_an_answer(pod)
        bob = await Guest.enter(pod, "bob")
        replays = pod.insights.replays
        with pytest.raises(Refused) as not_an_answer:
            await replays.of_message(room_id, alice.id, first)
        assert not_an_answer.value.code is RefusalCode.CONFLICT
        for reader, turn_id in ((alice.id, TurnId("no such turn")), (bob.id, TurnId(str(ended["turn_id"])))):
            with pytest.raises(Refused) as missing:
                await replays.of_turn(room_id, reader, turn_id)
            assert missing.value.code is RefusalCode.NOT_FOUND
        pod.turns.drain("nobody speaks")
        await alice.ask(type="ask_ai", room_id=room_id)
        waiting = list((await pod.directory.host(room_id)).room.state.turns)
        with pytest.raises(Refused) as no_prompt:
            await replays.of_turn(room_id, alice.id, waiting[0])
        assert no_prompt.value.code is RefusalCode.CONFLICT


def test_a_marker_that_an_ai_repeated_is_hidden_too() -> None:
    secret = "0123456789abcdef"
    messages = (
        PromptMessage(role="user", content=f'{{"id":"1","marker":"{secret}","text":"hi","end":"{secret}"}}'),
        PromptMessage(role="assistant", content=f"the marker is {secret}"),
        PromptMessage(role="tool", content="[result fedcba9876543210 ok]\nx\n[end fedcba9876543210]", tool_call_id="1"),
    )
    shown = without_markers(messages)
    assert [message.content for message in shown] == [
        '{"id":"1","marker":"•","text":"hi","end":"•"}',
        "the marker is •",
        "[result • ok]\nx\n[end •]",
    ]
