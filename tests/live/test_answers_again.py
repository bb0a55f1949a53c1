"""An answer that is given again: it is told what was asked beside its messages, and all of that as it stands now."""

import asyncio
import json
from pathlib import Path

import pytest

from multiplayer.models.port import Finished, FormAsked, TextDelta
from multiplayer.protocol.cards import Form, Question
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.inner_commands import FireRule
from tests.live.test_turn_controls import room_of
from tests.support.brains import GivenBrains, brain_of
from tests.support.chunk_model import ChunkModel, Moment
from tests.support.pods import Guest, memory_pod

SAID: list[Moment] = [TextDelta("Noted."), Finished("stop")]
FORM: list[Moment] = [FormAsked(Form(questions=(Question(id="q", text="Which day?"),))), Finished("stop")]


def asked(model: ChunkModel, number: int) -> str:
    return json.dumps([message.content for message in model.requests[number].messages], ensure_ascii=False)


async def test_the_answers_to_a_form_are_told_again(tmp_path: Path) -> None:
    model = ChunkModel(FORM, SAID, SAID)
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai book it")
        ended = await alice.expect_type("turn_ended")
        answers = [{"question_id": "q", "values": ["on Friday"]}]
        start = len(alice.heard)
        await alice.ask(type="answer_form", room_id=room_id, message_id=ended["message_id"], answers=answers)
        answered = await alice.expect_type("turn_ended", start=start)
        start = len(alice.heard)
        await alice.ask(type="regenerate_answer", room_id=room_id, message_id=answered["message_id"])
        await alice.expect_type("turn_ended", start=start, outcome="done")
        assert asked(model, 1).count("on Friday") >= 1
        assert "on Friday" in asked(model, 2)


@pytest.mark.parametrize("deletes", [False, True])
async def test_what_a_webhook_brought_is_told_again_marked_as_such_and_goes_with_its_answer(
    tmp_path: Path, *, deletes: bool
) -> None:
    model = ChunkModel(SAID, SAID)
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        rule = {"type": "webhook", "id": "hook", "prompt": "What is it?"}
        room_id = await room_of(alice, triggers=[rule])
        host = await pod.directory.host(room_id)
        await host.ask(alice.id, FireRule(rule_id="hook", note="the build broke"), origin="server")
        ended = await alice.expect_type("turn_ended")
        start = len(alice.heard)
        await alice.ask(type="regenerate_answer", room_id=room_id, message_id=ended["message_id"])
        again = await alice.expect_type("turn_requested", start=start)
        assert again["note_taint"] == ["webhook"]
        await alice.expect_type("turn_ended", start=start, outcome="done")
        assert "the build broke" in asked(model, 1)
        if deletes:
            await alice.ask(type="delete_message", room_id=room_id, message_id=ended["message_id"])
            stored = await pod.storage.events_after(room_id, 0, limit=1_000)
            assert not any(b"the build broke" in event.line for event in stored)


@pytest.mark.parametrize("takes_tools", [True, False])
async def test_a_question_that_was_edited_is_asked_as_it_stands_now(tmp_path: Path, *, takes_tools: bool) -> None:
    model = ChunkModel([TextDelta("Paris"), Finished("stop")], [TextDelta("Oslo"), Finished("stop")])
    async with memory_pod(tmp_path, brains=GivenBrains(brain_of(model, takes_tools=takes_tools))) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        question = (await alice.post(room_id, "@ai capital of France?"))["event_id"]
        ended = await alice.expect_type("turn_ended")
        later = (await alice.post(room_id, "what came later"))["event_id"]
        for message_id, text in ((question, "@ai capital of Norway?"), (later, "and was changed")):
            await alice.ask(type="edit_message", room_id=room_id, message_id=message_id, text=text)
        start = len(alice.heard)
        await alice.ask(type="regenerate_answer", room_id=room_id, message_id=ended["message_id"])
        again = await alice.expect_type("turn_ended", start=start)
        if takes_tools:
            last = json.loads(model.requests[1].messages[-1].content)
            assert last["text"] == "@ai capital of Norway?"
        else:
            conversation = model.requests[1].conversation
            assert conversation is not None
            assert conversation.question == "capital of Norway?"
        assert not [word for word in ("Paris", "later", "changed") if word in asked(model, 1)]
        # However often it is changed after that.
        await alice.ask(type="edit_message", room_id=room_id, message_id=question, text="@ai capital of Chile?")
        for one in (ended, again):
            replay = await pod.insights.replays.of_turn(room_id, alice.id, TurnId(str(one["turn_id"])))
            assert replay.is_equal, replay.differs


async def test_words_for_an_answer_that_waits_to_be_given_again_are_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    model = ChunkModel(SAID, [TextDelta("I am busy"), go_on, Finished("stop")], SAID)
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai note it")
        ended = await alice.expect_type("turn_ended")
        start = len(alice.heard)
        await alice.post(room_id, "@ai something else")
        await alice.expect_type("ai_delta", start=start)
        await alice.ask(type="regenerate_answer", room_id=room_id, message_id=ended["message_id"])
        waiting = await alice.expect_type("turn_requested", start=start, reason="regenerate")
        words = {"type": "steer_turn", "room_id": room_id, "turn_id": waiting["turn_id"], "text": "speak of cats"}
        refused = await alice.ask(**words)
        assert (refused["type"], refused["code"]) == ("refused", "conflict")
        assert "has not begun" in str(refused["message"])
        assert not any(line["type"] == "message_posted" and "cats" in str(line) for line in alice.heard)
        go_on.set()
        await alice.expect(lambda line: line["type"] == "turn_ended" and line["turn_id"] == waiting["turn_id"])
        assert "cats" not in asked(model, 2)
