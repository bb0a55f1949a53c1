"""The contract of what AI members need; each store's own file runs it with a `storage` fixture."""

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

from multiplayer.protocol.cards import Card, Taint
from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
    FormAnswered,
    MessageDeleted,
    RoomArchived,
    RoomDeleted,
    RoomSettingsSet,
)
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.messages import Answer
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.trigger_rules import DEFAULT_TRIGGERS, EveryRule
from multiplayer.protocol.turn_events import (
    ModelChanged,
    SteeringTaken,
    TurnEnded,
    TurnRequested,
    TurnStarted,
    TurnSteered,
)
from multiplayer.protocol.turns import TokenUsage, TurnOutcome, TurnReason
from multiplayer.rooms.facts import ThreadFacts
from multiplayer.rooms.state import folded
from multiplayer.storage.ai_port import Digest, StoredHook
from multiplayer.storage.port import Storage
from tests.contracts.answers import cards, form, form_answer
from tests.contracts.room_scripts import (
    AI,
    ALICE,
    BOB,
    NOW,
    SCHEDULE,
    RoomScript,
    audit,
    ulid,
)
from tests.contracts.storage_suite import found, put, stored


class AiContract:
    async def test_an_answer_with_cards_form_and_alternatives_is_read_as_it_was_said(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        asked = script.post("what is there?")
        answer_id = script.post(
            "this",
            AI,
            turn_id=ulid(),
            asked_by=(ALICE,),
            answers=(asked,),
            cards=cards('a "card" \\ 卡片'),
            form=form("which?"),
            taint=(Taint.NLWEB, Taint.WEB),
        )
        await put(storage, script, 1)
        assert await storage.recent_messages(script.room_id, limit=9) == script.messages()
        second = Answer(turn_id=TurnId(ulid()), at=NOW, text="that", cards=cards("x"), taint=(Taint.FILE,))
        script.add(AnswerRegenerated, AI, message_id=answer_id, answer=second, revision=2, mentions=(BOB,))
        script.add(AnswerChosen, BOB, message_id=answer_id, index=0, revision=3)
        script.add(FormAnswered, BOB, message_id=answer_id, answers=(form_answer("the first"),))
        await put(storage, script, 3)
        [message] = (await storage.messages(script.room_id, [answer_id])).values()
        assert message == script.messages()[1]
        assert [answer.text for answer in message.alternatives] == ["this", "that"]
        assert (message.chosen, message.form and message.form.answered_by) == (0, BOB)
        assert [revision.text for revision in await storage.revisions(script.room_id, answer_id)] == [
            "this",
            "that",
            "this",
        ]

    async def test_search_finds_cards_of_the_answer_that_stands_and_no_other(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        card = Card(title="Apple Pie Deluxe", text="mit 苹果 und C++, apple_pie.py", url="https://example.org/hidden")
        answer_id = script.post("the answer", AI, turn_id=ulid(), cards=(card,))
        script.post("apple")
        await put(storage, script, 1)
        assert await found(storage, script, "deluxe") == ["the answer"]
        assert await found(storage, script, "apple") == ["apple", "the answer"]
        assert await found(storage, script, "answer pie C++") == ["the answer"]  # words of both
        assert await found(storage, script, "苹果") == ["the answer"]
        assert await found(storage, script, "c++") == ["the answer"]
        assert await found(storage, script, "apple_pie") == ["the answer"]
        assert await found(storage, script, "pie-deluxe") == []
        assert await found(storage, script, "+") == ["the answer"]
        assert await found(storage, script, "hidden") == []
        new = Answer(turn_id=TurnId(ulid()), at=NOW, text="plain c-- words")
        script.add(AnswerRegenerated, AI, message_id=answer_id, answer=new, revision=2)
        await put(storage, script, 3)
        assert await found(storage, script, "pie") == []
        assert await found(storage, script, "c++") == []
        assert await found(storage, script, "c--") == ["plain c-- words"]
        script.add(AnswerChosen, message_id=answer_id, index=0, revision=3)
        await put(storage, script, 4)
        assert await found(storage, script, "c++") == ["the answer"]
        script.delete(answer_id)
        await put(storage, script, 5)
        assert await found(storage, script, "c++") == []

    async def test_a_room_counts_what_people_said_since_a_rule_fired(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        rules = (EveryRule(id="three", messages=3), EveryRule(id="five", messages=5), EveryRule(id="one", messages=1))
        script.add(RoomSettingsSet, settings=RoomSettings(triggers=rules))
        gone = script.post("one")
        script.post("by the ai", AI, turn_id=ulid())
        script.add(TurnRequested, turn_id=ulid(), ai_id=AI, reason=TurnReason.EVERY, rule_id="three", message_id=gone)
        script.post("two")
        script.add(MessageDeleted, message_id=gone)
        await put(storage, script, 1)
        state = await storage.load(script.room_id)
        assert state is not None
        assert state.said_since == {"three": 1, "five": 2}
        assert state == folded(script.events)

    async def test_pieces_of_prompts_are_kept_once_and_go_with_the_room(self, storage: Storage) -> None:
        script, other = await stored(storage, RoomScript()), await stored(storage, RoomScript())
        name = await storage.put_part(script.room_id, "a piece 部")
        assert name == sha256("a piece 部".encode()).hexdigest()
        assert await storage.put_part(script.room_id, "a piece 部") == name
        assert await storage.parts(script.room_id, [name, "0" * 64]) == {name: "a piece 部"}
        assert await storage.parts(other.room_id, [name]) == {}
        await storage.put_part(other.room_id, "a piece 部")
        script.add(RoomDeleted)
        await put(storage, script, 1)
        assert await storage.parts(script.room_id, [name]) == {}
        await storage.put_part(script.room_id, "too late")
        assert await storage.parts(script.room_id, [sha256(b"too late").hexdigest()]) == {}
        assert await storage.parts(other.room_id, [name]) == {name: "a piece 部"}

    async def test_digests_are_found_by_range_until_something_in_them_is_deleted(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        ids = [script.post(f"m{n}") for n in range(6)]
        await put(storage, script, 1)
        first, second, both = Digest(2, 4, "first"), Digest(5, 7, "second"), Digest(2, 7, "both")
        for digest in (first, second, both, replace(second, body="second again")):
            assert await storage.put_digest(script.room_id, digest, seen_seq=7)
        second = replace(second, body="second again")
        assert await storage.digests(script.room_id, 2, 7) == [first, both, second]
        assert await storage.digests(script.room_id, 3, 7) == [second]
        script.delete(ids[0])
        await put(storage, script, 7)
        assert await storage.digests(script.room_id, 1, 9) == [second]
        assert not await storage.put_digest(script.room_id, both, seen_seq=7)
        assert await storage.put_digest(script.room_id, both, seen_seq=8)
        assert await storage.digests(script.room_id, 1, 9) == [both, second]
        assert not await storage.put_digest(RoomId("nowhere"), both, seen_seq=0)

    async def test_a_hook_is_found_by_its_digest_until_it_is_revoked(self, storage: Storage) -> None:
        script, secret = await stored(storage, RoomScript()), sha256(ulid().encode()).digest()
        hook = StoredHook(ulid(), script.room_id, "deploy", ALICE, NOW, None, "the rule's key")
        other = StoredHook(ulid(), script.room_id, "deploy", BOB, NOW + timedelta(seconds=1), None)
        await storage.add_hook(hook, secret, audit=audit("add hook"))
        await storage.add_hook(other, sha256(ulid().encode()).digest(), audit=audit("add hook"))
        assert await storage.find_hook(secret) == hook
        assert await storage.find_hook(b"?") is None
        assert await storage.hooks(script.room_id) == [hook, other]
        elsewhere = await stored(storage, RoomScript())
        assert not await storage.revoke_hook(elsewhere.room_id, hook.id, at=NOW, audit=audit("revoke"))
        assert await storage.revoke_hook(script.room_id, hook.id, at=NOW, audit=audit("revoke"))
        assert not await storage.revoke_hook(script.room_id, hook.id, at=NOW, audit=audit("revoke"))
        assert await storage.find_hook(secret) is None
        assert await storage.hooks(script.room_id) == [replace(hook, revoked_at=NOW), other]
        trail = await storage.audit_after(script.room_id, 0, limit=9)
        assert [row.entry.action for row in trail] == ["add hook", "add hook", "revoke"]
        assert await storage.verify_audit(script.room_id) is None

    async def test_a_hook_of_a_deleted_room_is_not_found(self, storage: Storage) -> None:
        script, secret = await stored(storage, RoomScript()), sha256(ulid().encode()).digest()
        hook = StoredHook(ulid(), script.room_id, "deploy", ALICE, NOW, None)
        await storage.add_hook(hook, secret, audit=audit("add hook"))
        script.add(RoomDeleted)
        await put(storage, script, 1)
        assert await storage.find_hook(secret) is None

    async def test_rooms_with_a_schedule_that_is_on_are_listed(self, storage: Storage) -> None:
        scheduled = RoomSettings(triggers=(*DEFAULT_TRIGGERS, SCHEDULE))
        off = RoomSettings(triggers=(SCHEDULE.model_copy(update={"is_on": False}),))
        scripts = {name: await stored(storage, RoomScript()) for name in ("on", "off", "never", "archived", "deleted")}
        for name, script in scripts.items():
            if name != "never":
                script.add(RoomSettingsSet, settings=off if name == "off" else scheduled)
            if name == "archived":
                script.add(RoomArchived, is_archived=True)
            if name == "deleted":
                script.add(RoomDeleted)
            if script.seq > 1:
                await put(storage, script, 1)
        mine = {script.room_id for script in scripts.values()}
        listed = [(key, settings) for key, settings in await storage.scheduled_rooms() if key in mine]
        assert listed == [(scripts["on"].room_id, scheduled)]

    async def test_a_thread_tells_which_ais_spoke_and_when_anyone_last_did(self, storage: Storage) -> None:
        script, other = await stored(storage, RoomScript()), AccountId(ulid())
        by_alice, by_ai, alone = script.post("a"), script.post("b", AI, turn_id=ulid()), script.post("c")
        script.post("reply", BOB, reply_to=by_alice, thread_root=by_alice)
        gone = script.post("reply", other, turn_id=ulid(), reply_to=by_alice, thread_root=by_alice)
        last = script.post("reply", BOB, reply_to=by_ai, thread_root=by_ai)
        script.add(MessageDeleted, message_id=gone)
        await put(storage, script, 1)
        at = {message.id: message.at for message in script.messages()}
        roots = [by_alice, by_ai, alone, MessageId("not there")]
        assert await storage.thread_facts(script.room_id, roots) == {
            by_alice: ThreadFacts(frozenset({other}), at[gone]),
            by_ai: ThreadFacts(frozenset({AI}), at[last]),
            alone: ThreadFacts(frozenset(), at[alone]),
        }
        assert await storage.thread_facts(RoomId("elsewhere"), roots) == {}
        assert await storage.thread_facts(script.room_id, []) == {}

    async def test_the_room_of_a_message_is_found_unless_it_is_deleted(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        message_id = script.post("hi")
        await put(storage, script, 1)
        assert await storage.room_of_message(message_id) == script.room_id
        assert await storage.room_of_message(MessageId("not there")) is None
        script.add(RoomDeleted)
        await put(storage, script, 2)
        assert await storage.room_of_message(message_id) is None

    async def test_turns_of_a_room_page_backwards_with_what_they_used(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        ids = [TurnId(ulid()) for _ in range(3)]
        for turn_id in ids:
            script.add(TurnRequested, turn_id=turn_id, ai_id=AI, reason=TurnReason.MENTION, rule_id="mention")
        await put(storage, script, 1)
        assert await storage.save_manifest(ids[0], fence=1, manifest="{}")
        usage = TokenUsage(
            model="m", tokens_in=3, tokens_cached=2, tokens_out=1, cost_micros=7, price_version="p", calls=4
        )
        message_id = script.post("done", AI, turn_id=ids[0])
        fields = {"outcome": TurnOutcome.FAILED, "reason": "why", "message_id": message_id, "usage": usage}
        end = script.add(TurnEnded, AI, turn_id=ids[0], ai_id=AI, **fields)
        await put(storage, script, 4)
        assert await storage.checkpoint(ids[2], fence=1, text="so far", cards=cards("c"))
        newest, *_ = page = await storage.turns_of_room(script.room_id, limit=2)
        assert [record.turn_id for record in page] == [ids[2], ids[1]]
        assert (newest.text, newest.cards, newest.usage, newest.reason) == ("so far", cards("c"), None, "")
        assert await storage.checkpoint(ids[2], fence=1, text="so far")
        waiting = {turn.turn_id: turn for turn in await storage.waiting(unclaimed_for_s=0, limit=10_000)}
        assert waiting[ids[2]].cards == ()
        [oldest] = await storage.turns_of_room(script.room_id, limit=9, before_seq=page[-1].requested_seq)
        assert (oldest.state, oldest.reason, oldest.message_id, oldest.usage) == ("failed", "why", message_id, usage)
        assert (oldest.requested_seq, oldest.ended_seq, oldest.ended_at) == (2, end.seq, end.at)
        assert oldest.turn == script.turns()[ids[0]]
        assert oldest.manifest is None
        assert await storage.turn(script.room_id, ids[0]) == replace(oldest, manifest="{}")
        assert await storage.turns_of_room(RoomId("elsewhere"), limit=9) == []

    async def test_a_steered_turn_is_stored_as_the_room_sees_it(self, storage: Storage) -> None:
        script, turn_id = await stored(storage, RoomScript()), TurnId(ulid())
        script.add(TurnRequested, turn_id=turn_id, ai_id=AI, reason=TurnReason.ASKED)
        script.add(TurnStarted, AI, turn_id=turn_id, fence=1, pod="a")
        said = [script.post(text) for text in ("one", "two")]
        for message_id in said:
            fields = {"ai_id": AI, "message_id": message_id, "reason": TurnReason.STEERED}
            script.add(TurnSteered, BOB, turn_id=turn_id, **fields)
        await put(storage, script, 1)
        assert await storage.load(script.room_id) == folded(script.events)
        since = script.seq
        script.add(SteeringTaken, AI, turn_id=turn_id, messages=said[:1])
        script.add(ModelChanged, AI, turn_id=turn_id, model="other", previous="m", reason="it is down")
        await put(storage, script, since)
        state = await storage.load(script.room_id)
        assert state == folded(script.events)
        assert (state.turns[turn_id].steering, state.turns[turn_id].model) == ((said[1],), "other")

    async def test_a_turn_that_waits_again_has_its_cards(self, storage: Storage) -> None:
        script, turn_id = await stored(storage, RoomScript()), TurnId(ulid())
        script.add(TurnRequested, turn_id=turn_id, ai_id=AI, reason=TurnReason.ASKED)
        await put(storage, script, 1)
        assert await storage.checkpoint(turn_id, fence=1, text="words", cards=cards("c"))
        waiting = {turn.turn_id: turn for turn in await storage.waiting(unclaimed_for_s=0, limit=10_000)}
        assert (waiting[turn_id].text, waiting[turn_id].cards) == ("words", cards("c"))
        script.add(TurnEnded, AI, turn_id=turn_id, ai_id=AI, outcome=TurnOutcome.STOPPED)
        await put(storage, script, 2)
        record = await storage.turn(script.room_id, turn_id)
        assert record is not None
        assert (record.text, record.cards) == ("", ())
