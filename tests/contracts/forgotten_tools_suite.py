"""The contract of what tools were told and brought, when messages or files go; each store's own file runs it."""

from collections.abc import Sequence
from json import dumps

from multiplayer.protocol.attachments import Attachment
from multiplayer.protocol.events import AttachmentChanged
from multiplayer.protocol.ids import CallId, MessageId, TurnId
from multiplayer.protocol.turn_events import ToolCalled, ToolFinished, TurnEnded, TurnRequested, TurnStarted
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.rooms.attachment_rules import without_content
from multiplayer.rooms.state import folded
from multiplayer.storage.ai_port import Digest
from multiplayer.storage.port import Storage
from tests.contracts.attachment_suite import content_of, new_upload, ready
from tests.contracts.room_scripts import AI, RoomScript, read_back, ulid
from tests.contracts.storage_suite import lines, put, stored

SECRET = 'sesame-42 "öffne"\ndich'
TOLD = '{"query": "x"}'


def begun(script: RoomScript, asked_by: MessageId | None = None) -> TurnId:
    turn_id = TurnId(ulid())
    script.add(TurnRequested, turn_id=turn_id, ai_id=AI, reason=TurnReason.ASKED, message_id=asked_by)
    script.add(TurnStarted, AI, turn_id=turn_id, fence=1, pod="a")
    return turn_id


def called(script: RoomScript, turn_id: TurnId, text: str, arguments: str = TOLD, *, name: str = "search_room") -> None:
    call_id = CallId(ulid())
    script.add(ToolCalled, AI, turn_id=turn_id, call_id=call_id, name=name, arguments=arguments)
    script.add(ToolFinished, AI, turn_id=turn_id, call_id=call_id, is_ok=True, text=text)


def ended(script: RoomScript, turn_id: TurnId, answer: MessageId | None = None) -> None:
    script.add(TurnEnded, AI, turn_id=turn_id, ai_id=AI, outcome=TurnOutcome.DONE, message_id=answer)


def turn(script: RoomScript, text: str, arguments: str = TOLD, *, asked_by: MessageId | None = None) -> TurnId:
    turn_id = begun(script, asked_by)
    called(script, turn_id, text, arguments)
    ended(script, turn_id)
    return turn_id


async def left(storage: Storage, script: RoomScript) -> list[tuple[str, str]]:
    """Return what each tool call was told and brought, as the log has it now."""
    log = await lines(storage, script.room_id)
    assert log == script.lines()
    events = [read_back(line) for line in log]
    told = {event.call_id: event for event in events if isinstance(event, ToolCalled)}
    for event in events:
        if isinstance(event, ToolCalled | ToolFinished):
            said = event.arguments if isinstance(event, ToolCalled) else event.text
            assert event.is_redacted == (said in {"", "{}"})
    return [(told[event.call_id].arguments, event.text) for event in events if isinstance(event, ToolFinished)]


async def deleted(storage: Storage, script: RoomScript, *message_ids: MessageId) -> None:
    since = script.seq
    for message_id in message_ids:
        script.delete(message_id)
    await put(storage, script, since)
    assert await storage.load(script.room_id) == folded(script.events)


async def with_file(storage: Storage, script: RoomScript) -> tuple[MessageId, Attachment]:
    since = script.seq
    file = await ready(storage, new_upload(script.room_id, size=9), content_of(ulid(), size=9))
    message_id = script.post("look at this file", attachments=(file.attachment,))
    await put(storage, script, since)
    return message_id, file.attachment


class ForgottenToolsContract:
    async def test_tool_calls_go_with_the_answer_and_with_the_question(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        question, other = script.post("what is there?"), script.post("and what is here?")
        asked = begun(script, question)
        called(script, asked, "of the question")
        ended(script, asked)
        answered = begun(script, other)
        called(script, answered, "of the answer")
        answer = script.post("an answer", AI, turn_id=answered)
        ended(script, answered, answer)
        turn(script, "of neither")
        await put(storage, script, 1)
        seen = script.seq
        assert await storage.put_digest(script.room_id, Digest(4, 8, "tools"), seen_seq=seen)
        await deleted(storage, script, question)
        assert await left(storage, script) == [("{}", ""), (TOLD, "of the answer"), (TOLD, "of neither")]
        assert await storage.digests(script.room_id, 0, 99) == []
        await deleted(storage, script, answer)
        assert await left(storage, script) == [("{}", ""), ("{}", ""), (TOLD, "of neither")]

    async def test_what_quotes_the_words_goes_in_any_turn_and_nothing_else_does(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        turn(script, f"said before: {SECRET}")
        elsewhere = await stored(storage, RoomScript())
        turn(elsewhere, f"in another room: {SECRET}")
        await put(storage, elsewhere, 1)
        message_id = script.post(SECRET)
        turn(script, f"[1] alice: {SECRET}!")
        turn(script, dumps({"found": SECRET}), dumps({"path": "a.txt"}))
        turn(script, "written", dumps({"content": f"so: {SECRET}"}))
        turn(script, f"found ({message_id}): sesame-42 […]")
        turn(script, "sesame-42")
        script.edit(message_id, "edited words")
        turn(script, "here are edited words")
        await put(storage, script, 1)
        await deleted(storage, script, message_id)
        assert await left(storage, script) == [
            (TOLD, f"said before: {SECRET}"),
            (TOLD, ""),
            ('{"path": "a.txt"}', ""),
            ("{}", ""),
            (TOLD, ""),
            (TOLD, "sesame-42"),
            (TOLD, ""),
        ]
        assert await left(storage, elsewhere) == [(TOLD, f"in another room: {SECRET}")]
        since = script.seq
        turn(script, f"again: {SECRET}")
        await put(storage, script, since)
        assert (await left(storage, script))[-1] == (TOLD, f"again: {SECRET}")

    async def test_short_words_go_only_where_the_message_is_named(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        message_id = script.post("ok")
        turn(script, "all is ok")
        turn(script, f"({message_id}): ok")
        # What frames a line of the log is nobody's quotation.
        framed = script.post("tool_finished")
        turn(script, "harmless")
        await put(storage, script, 1)
        await deleted(storage, script, message_id, framed)
        assert await left(storage, script) == [(TOLD, "all is ok"), (TOLD, ""), (TOLD, "harmless")]

    async def test_what_was_read_of_a_file_goes_with_the_file(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        message_id, file = await with_file(storage, script)
        _, other = await with_file(storage, script)
        since = script.seq
        turn(script, f"{file.id}: listed\n{other.id}: listed")
        turn(script, "in the file: words", dumps({"file": file.id}))
        turn(script, "in the other: words", dumps({"file": other.id}))
        await put(storage, script, since)
        since = script.seq
        script.add(AttachmentChanged, message_id=message_id, attachment=without_content(file))
        await put(storage, script, since)
        events = [read_back(line) for line in await lines(storage, script.room_id)]
        texts = [event.text for event in events if isinstance(event, ToolFinished)]
        told = [event.arguments for event in events if isinstance(event, ToolCalled)]
        assert texts == ["", "", "in the other: words"]
        assert told == [TOLD, "{}", dumps({"file": other.id})]

    async def test_a_file_s_words_go_with_its_message(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        message_id, file = await with_file(storage, script)
        since = script.seq
        turn(script, "in the file: words", dumps({"file": file.id}))
        await put(storage, script, since)
        await deleted(storage, script, message_id)
        assert await left(storage, script) == [("{}", "")]

    async def test_a_turn_whose_question_goes_meanwhile_is_emptied_at_its_end(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        question = script.post("what is there?")
        running = begun(script, question)
        called(script, running, "before")
        cut = CallId(ulid())
        script.add(ToolCalled, AI, turn_id=running, call_id=cut, name="run", arguments='{"command": "cut off"}')
        await put(storage, script, 1)
        await deleted(storage, script, question)
        assert await left(storage, script) == [("{}", "")]
        # What still runs is not taken away under it.
        state = await storage.load(script.room_id)
        assert state is not None
        assert [call.arguments for call in state.turns[running].calls] == ['{"command": "cut off"}']
        since = script.seq
        called(script, running, "after")
        await put(storage, script, since)
        assert await left(storage, script) == [("{}", ""), (TOLD, "after")]
        since = script.seq
        ended(script, running)
        await put(storage, script, since)
        assert await left(storage, script) == [("{}", ""), ("{}", "")]
        record = await storage.turn(script.room_id, running)
        assert record is not None
        assert record.turn is not None
        assert record.turn.calls == ()

    async def test_all_of_it_in_one_append_comes_to_the_same(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        question = script.post(SECRET)
        turn(script, f"quotes {SECRET}")
        turn(script, "asked", asked_by=question)
        script.delete(question)
        turn(script, f"later {SECRET}")
        await put(storage, script, 1)
        assert await left(storage, script) == [(TOLD, ""), ("{}", ""), (TOLD, f"later {SECRET}")]

    async def test_each_message_s_words_go_behind_it_only_though_several_are_deleted_at_once(
        self, storage: Storage
    ) -> None:
        script = await stored(storage, RoomScript())
        first = script.post("an early message")
        turn(script, f"said before: {SECRET}")
        second = script.post(SECRET)
        await put(storage, script, 1)
        since = script.seq
        script.delete(first)
        turn(script, "an early message, said after it was gone")
        script.delete(second)
        await put(storage, script, since)
        assert await left(storage, script) == [
            (TOLD, f"said before: {SECRET}"),
            (TOLD, "an early message, said after it was gone"),
        ]

    async def test_many_lines_are_looked_through_to_the_last(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        message_id = script.post(SECRET)
        turn_id = begun(script)
        for number in range(300):
            called(script, turn_id, SECRET if number in {0, 299} else f"result {number}")
        await put(storage, script, 1)
        await deleted(storage, script, message_id)
        texts = _texts(await left(storage, script))
        assert [number for number, text in enumerate(texts) if not text] == [0, 299]


def _texts(calls: Sequence[tuple[str, str]]) -> list[str]:
    return [text for _, text in calls]
