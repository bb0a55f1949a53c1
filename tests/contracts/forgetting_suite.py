"""The contract of what is gone when a message is deleted or a fact forgotten; each store's own file runs it."""

import asyncio
from hashlib import sha256

from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
    FactForgotten,
    FactPinned,
    FormAnswered,
    MessageDeleted,
    MessagePosted,
    SummaryUpdated,
)
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.memory import Fact
from multiplayer.protocol.messages import Answer
from multiplayer.protocol.turn_events import TurnCollected, TurnEnded, TurnRequested, TurnStarted, TurnSteered
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.rooms.state import folded
from multiplayer.storage.ai_port import Digest
from multiplayer.storage.port import Storage
from tests.contracts.answers import cards, form, form_answer, point
from tests.contracts.room_scripts import (
    AI,
    ALICE,
    BOB,
    NOW,
    RoomScript,
    read_back,
    ulid,
)
from tests.contracts.storage_suite import lines, put, stored

SECRET = 'sesame-42 "öffne" dich'


async def room_full_of_a_secret(storage: Storage) -> RoomScript:
    """Let a secret get everywhere that words get; then delete the messages and forget the fact that held it.

    Each word after the first belongs to one place only, so that a place that forgets too little can be told.
    """
    script = await stored(storage, RoomScript())
    first_turn, second_turn, asked_turn = (TurnId(ulid()) for _ in range(3))
    for turn_id in (first_turn, second_turn):
        script.add(TurnRequested, turn_id=turn_id, ai_id=AI, reason=TurnReason.ASKED)
        script.add(TurnStarted, AI, turn_id=turn_id, fence=1, pod="a")
    await put(storage, script, 1)
    for turn_id in (first_turn, second_turn):
        assert await storage.checkpoint(turn_id, fence=1, text=SECRET, cards=cards(SECRET))
    since = script.seq
    answer_id = script.post(SECRET, AI, turn_id=first_turn, cards=cards(SECRET), form=form(SECRET), asked_by=(ALICE,))
    second = Answer(turn_id=second_turn, at=NOW, text=f"{SECRET} again", cards=cards(SECRET), form=form(SECRET))
    script.add(AnswerRegenerated, AI, message_id=answer_id, answer=second, revision=2)
    script.add(AnswerChosen, BOB, message_id=answer_id, index=0, revision=3)
    script.add(FormAnswered, BOB, message_id=answer_id, answers=(form_answer(SECRET),))
    script.add(
        TurnRequested, BOB, turn_id=asked_turn, ai_id=AI, reason=TurnReason.FORM, message_id=answer_id, note=SECRET
    )
    message_id = script.post(SECRET)
    script.edit(message_id, f"{SECRET} edited")
    fact = Fact(id=ulid(), text=SECRET, by=ALICE, at=NOW, message_id=message_id)
    script.add(FactPinned, fact=fact)
    kept = script.post("harmless words")
    points = (point(SECRET, [answer_id]), point(f"{SECRET} too"), point("kept", [kept]), point("mine", by=ALICE))
    script.add(SummaryUpdated, AI, version=1, points=points, up_to_seq=script.seq, method="m", brief="b")
    script.add(SummaryUpdated, AI, version=2, points=points[2:], up_to_seq=script.seq, method="m")
    await put(storage, script, since)
    for body in (
        f"It is {SECRET}.",
        '{"facts": ["sesame-42 \\"öffne\\" dich"]}',
        f"id {fact.id}",
        "no words of theirs",
    ):
        await storage.put_part(script.room_id, body)
    for digest in (Digest(1, since, "before"), Digest(since, script.seq, SECRET)):
        assert await storage.put_digest(script.room_id, digest, seen_seq=script.seq)
    since = script.seq
    script.add(TurnEnded, AI, turn_id=asked_turn, ai_id=AI, outcome=TurnOutcome.DONE)
    await put(storage, script, since)
    since = script.seq
    script.delete(answer_id)
    script.delete(message_id)
    await put(storage, script, since)
    return script


class ForgettingContract:
    async def test_a_deleted_answer_takes_everything_with_it_that_was_said_or_derived(self, storage: Storage) -> None:
        script = await room_full_of_a_secret(storage)
        log = await lines(storage, script.room_id)
        assert log == script.lines()
        assert not [line for line in log if b"sesame" in line]
        for line in log:
            event = read_back(line)
            if isinstance(event, AnswerRegenerated | FormAnswered | FactPinned):
                assert event.is_redacted
        posted = next(event for event in map(read_back, log) if isinstance(event, MessagePosted))
        assert (posted.message.cards, posted.message.form, posted.message.asked_by) == ((), None, (ALICE,))
        records = await storage.turns_of_room(script.room_id, limit=9)
        assert [record.turn and record.turn.note for record in records] == ["", "", ""]
        assert {(record.text, record.cards) for record in records} == {("", ())}
        texts = [[one.text for one in version.summary.points] for version in await storage.summaries(script.room_id)]
        assert texts == [["kept", "mine"], ["kept", "mine"]]
        assert await storage.digests(script.room_id, 0, 1_000) == [Digest(1, 5, "before")]
        state = await storage.load(script.room_id)
        assert state == folded(script.events)
        assert state.notes.facts == ()
        fact = next(event.fact for event in script.events if isinstance(event, FactPinned))
        bodies = (f"It is {SECRET}.", f"id {fact.id}", "no words of theirs")
        names = [sha256(body.encode()).hexdigest() for body in bodies]
        assert list((await storage.parts(script.room_id, names)).values()) == ["no words of theirs"]

    async def test_a_version_made_after_a_deletion_keeps_its_points(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        message_id = script.post("x")
        await put(storage, script, 1)
        early, late = (point("early", by=None), point("late", by=None))
        script.add(SummaryUpdated, AI, version=1, points=(early,), up_to_seq=2, method="m")
        script.add(SummaryUpdated, AI, version=2, points=(early,), up_to_seq=1, method="m")
        script.add(MessageDeleted, message_id=message_id)
        script.add(SummaryUpdated, AI, version=3, points=(late,), up_to_seq=5, method="m")
        await put(storage, script, 2)
        points = [[one.text for one in version.summary.points] for version in await storage.summaries(script.room_id)]
        assert points == [["late"], ["early"], []]
        assert await lines(storage, script.room_id) == script.lines()

    async def test_a_forgotten_fact_is_no_more_in_the_log_and_the_others_are(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        facts = [Fact(id=ulid(), text=f"fact {n}", by=ALICE, at=NOW) for n in range(2)]
        for fact in facts:
            script.add(FactPinned, fact=fact)
        await put(storage, script, 1)
        script.add(FactForgotten, fact_id=facts[0].id)
        await put(storage, script, 3)
        log = [read_back(line) for line in await lines(storage, script.room_id)]
        assert [(event.fact.text, event.is_redacted) for event in log if isinstance(event, FactPinned)] == [
            ("…", True),
            ("fact 1", False),
        ]
        state = await storage.load(script.room_id)
        assert state is not None
        assert state.notes.facts == (facts[1],)

    async def test_short_words_of_a_deleted_message_take_only_pieces_that_name_it(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        message_id = script.post("ok")
        await put(storage, script, 1)
        names = [await storage.put_part(script.room_id, body) for body in ("look", f"ok in {message_id}")]
        script.delete(message_id)
        await put(storage, script, 2)
        assert await storage.parts(script.room_id, names) == {names[0]: "look"}

    async def test_a_digest_never_outlives_a_deletion_that_it_did_not_see(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        ids = [script.post(f"m{n}") for n in range(20)]
        await put(storage, script, 1)
        for n, message_id in enumerate(ids):
            seen = script.seq
            script.add(MessageDeleted, message_id=message_id)
            await asyncio.gather(
                storage.append(script.append(seen)),
                storage.put_digest(script.room_id, Digest(2 + n, 2 + n, "x"), seen_seq=seen),
            )
        assert await storage.digests(script.room_id, 0, 100) == []

    async def test_a_turn_that_ends_after_its_message_was_deleted_keeps_no_note(self, storage: Storage) -> None:
        script, noted = await stored(storage, RoomScript()), [TurnId(ulid()) for _ in range(2)]
        gone, there = script.post("gone"), script.post("there")
        for turn_id, message_id in zip(noted, (gone, there), strict=True):
            fields = {"ai_id": AI, "reason": TurnReason.FORM, "message_id": message_id, "note": "what was answered"}
            script.add(TurnRequested, turn_id=turn_id, **fields)
        script.delete(gone)
        await put(storage, script, 1)
        assert await storage.load(script.room_id) == folded(script.events)
        since = script.seq
        for turn_id in noted:
            script.add(TurnEnded, AI, turn_id=turn_id, ai_id=AI, outcome=TurnOutcome.DONE)
        await put(storage, script, since)
        records = [await storage.turn(script.room_id, turn_id) for turn_id in noted]
        assert [record and record.turn and record.turn.note for record in records] == ["", "what was answered"]

    async def test_what_was_asked_again_goes_with_the_answer_though_nothing_came_of_it(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        form_id, before, after, other = script.post("a form", AI), *(TurnId(ulid()) for _ in range(3))
        answer, kept = (script.post("an answer", AI, turn_id=TurnId(ulid())) for _ in range(2))
        for turn_id, replaced in ((before, answer), (after, answer), (other, kept)):
            fields = {"message_id": form_id, "replaces": replaced, "note": SECRET}
            script.add(TurnRequested, BOB, turn_id=turn_id, ai_id=AI, reason=TurnReason.REGENERATE, **fields)
        for turn_id in (before, other):
            script.add(TurnEnded, AI, turn_id=turn_id, ai_id=AI, outcome=TurnOutcome.FAILED)
        await put(storage, script, 1)
        since = script.seq
        script.delete(answer)
        await put(storage, script, since)
        since = script.seq
        script.add(TurnEnded, AI, turn_id=after, ai_id=AI, outcome=TurnOutcome.FAILED)
        await put(storage, script, since)
        log = await lines(storage, script.room_id)
        assert log == script.lines()
        told = [event for event in map(read_back, log) if isinstance(event, TurnRequested)]
        assert [(event.turn_id, event.note) for event in told] == [(before, ""), (after, ""), (other, SECRET)]
        records = [await storage.turn(script.room_id, turn_id) for turn_id in (before, after, other)]
        assert [record and record.turn and record.turn.note for record in records] == ["", "", SECRET]

    async def test_what_a_program_asked_goes_with_the_answer_that_came_of_it(self, storage: Storage) -> None:
        script, hooked, other = await stored(storage, RoomScript()), TurnId(ulid()), TurnId(ulid())
        for turn_id in (hooked, other):
            script.add(TurnRequested, turn_id=turn_id, ai_id=AI, reason=TurnReason.WEBHOOK, note=SECRET)
            script.add(TurnCollected, turn_id=turn_id, ai_id=AI, reason=TurnReason.WEBHOOK, note=f"{SECRET} again")
            script.add(TurnStarted, AI, turn_id=turn_id, fence=1, pod="a")
            script.add(TurnSteered, turn_id=turn_id, ai_id=AI, reason=TurnReason.SCHEDULE, note=f"{SECRET} and again")
        answers = {turn_id: script.post("an answer", AI, turn_id=turn_id) for turn_id in (hooked, other)}
        for turn_id, answer in answers.items():
            script.add(TurnEnded, AI, turn_id=turn_id, ai_id=AI, outcome=TurnOutcome.DONE, message_id=answer)
        await put(storage, script, 1)
        since = script.seq
        script.delete(answers[hooked])
        await put(storage, script, since)
        log = await lines(storage, script.room_id)
        assert log == script.lines()
        told = [
            event for event in map(read_back, log) if isinstance(event, TurnRequested | TurnCollected | TurnSteered)
        ]
        assert [(event.turn_id, event.is_redacted) for event in told] == [(hooked, True)] * 3 + [(other, False)] * 3
        assert not [line for line in log if b"sesame" in line and hooked.encode() in line]
        records = [await storage.turn(script.room_id, turn_id) for turn_id in (hooked, other)]
        assert [bool(record and record.turn and record.turn.note) for record in records] == [False, True]

    async def test_what_a_program_asked_goes_if_turn_end_and_deletion_come_in_one_append(
        self, storage: Storage
    ) -> None:
        script, hooked = await stored(storage, RoomScript()), TurnId(ulid())
        script.add(TurnRequested, turn_id=hooked, ai_id=AI, reason=TurnReason.WEBHOOK, note=SECRET)
        script.add(TurnStarted, AI, turn_id=hooked, fence=1, pod="a")
        answer = script.post("an answer", AI, turn_id=hooked)
        script.add(TurnEnded, AI, turn_id=hooked, ai_id=AI, outcome=TurnOutcome.DONE, message_id=answer)
        script.delete(answer)
        await put(storage, script, 1)
        assert await lines(storage, script.room_id) == script.lines()
        record = await storage.turn(script.room_id, hooked)
        assert record is not None
        assert record.turn == script.turns()[hooked]
        assert record.turn.note == ""
