"""What was asked beside the messages of a turn is asked again when its answer is given again."""

import json
from pathlib import Path

import pytest

from multiplayer.models.port import Finished, FormAsked, TextDelta
from multiplayer.protocol.cards import Form, Question
from multiplayer.protocol.commands import FireRule
from tests.live.test_turn_controls import room_of
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
