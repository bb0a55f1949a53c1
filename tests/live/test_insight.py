"""What members see of their AIs: the queue, what a turn did, what an AI knows and would cost, why it spoke, what was missed."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest

from multiplayer.ai.plain_results import PlainResults
from multiplayer.models.scripted import Call, Say, ScriptedModel, Stall
from multiplayer.protocol.commands import PostMessage
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.memory import Section
from multiplayer.protocol.reports_rules import CausedTurn
from multiplayer.protocol.reports_turns import TurnDetail
from multiplayer.protocol.trigger_rules import EveryRule, KeywordRule, MentionRule, Why
from multiplayer.protocol.turns import TurnReason
from multiplayer.storage.memory import MemoryStorage
from tests.support.brains import GivenBrains, brain_of
from tests.support.pods import Guest, Line, memory_pod

GUESTS_MAY_ASK = {"guests_see_history": False, "guests_post": True, "guests_ask_ai": True}


async def room_of(alice: Guest, *others: Guest, role: str = "member") -> RoomId:
    room_id = await alice.pod.lobby.create_room(alice.id, "demo", origin="cli")
    await alice.join(room_id)
    for other in others:
        await alice.ask(type="invite_member", room_id=room_id, handle=other.account.handle, role=role)
    return room_id


async def answered(someone: Guest, room_id: RoomId, text: str) -> Line:
    start = len(someone.heard)
    assert (await someone.post(room_id, text))["type"] == "accepted"
    return await someone.expect_type("turn_ended", start=start)


async def refused(work: Awaitable[object]) -> RefusalCode:
    with pytest.raises(Refused) as raised:
        await work
    return raised.value.code


async def detail(someone: Guest, room_id: RoomId, turn_id: object) -> TurnDetail:
    return await someone.pod.insights.turns.one(room_id, someone.id, TurnId(str(turn_id)))


async def test_a_turn_tells_what_it_was_asked_built_from_did_used_and_cost(tmp_path: Path) -> None:
    model = ScriptedModel([[Call("write_file", {"path": "a.txt", "content": "hi"})], [Say("Written.")]])
    brains = GivenBrains(brain_of(model, micros_per_token=3))
    async with memory_pod(tmp_path, brains=brains) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        ended = await answered(alice, room_id, "@ai write hi into a.txt")
        asked = await alice.expect_type("message_posted")
        turn = await detail(alice, room_id, ended["turn_id"])
        assert (turn.state, turn.reason, turn.rule_id) == ("done", TurnReason.MENTION, "mention")
        assert turn.why == "@alice mentioned @ai"
        assert (turn.askers, turn.messages) == ((alice.id,), (asked["id"],))
        assert (turn.message_id, turn.ended_seq) == (ended["message_id"], ended["seq"])
        [call] = turn.calls
        assert (call.name, call.is_started, call.is_ok) == ("write_file", True, True)
        assert "a.txt" in call.arguments
        assert call.text
        assert turn.manifest is not None
        assert turn.manifest.model == "scripted"
        assert [used.id for used in turn.manifest.messages] == [asked["id"]]
        assert len(turn.manifest.prompt_sha256) == 64
        assert turn.usage is not None
        assert turn.usage.price_version == "test-prices"
        assert turn.usage.cost_micros == 3 * (turn.usage.tokens_in + turn.usage.tokens_out) > 0


async def test_what_a_turn_cost_is_in_no_event_and_told_only_to_those_who_may_see_it(tmp_path: Path) -> None:
    brains = GivenBrains(brain_of(ScriptedModel([[Say("One.")], [Say("Two.")]]), micros_per_token=3))
    async with memory_pod(tmp_path, brains=brains) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice)
        await alice.ask(type="invite_member", room_id=room_id, handle="bob", role="guest")
        await bob.join(room_id)
        before = await answered(alice, room_id, "@ai hello")
        ended = await answered(alice, room_id, "@ai and again")
        heard = await bob.expect_type("turn_ended", turn_id=ended["turn_id"])
        used = heard["usage"]
        assert isinstance(used, dict)
        assert int(str(used["tokens_out"])) > 0
        logged = (await pod.storage.events_after(room_id, int(str(ended["seq"])) - 1, limit=1))[0].line
        assert "cost" not in str(heard)
        assert b"cost" not in logged
        page, guests_page = [await pod.insights.turns.page(room_id, reader.id) for reader in (alice, bob)]
        assert [turn.turn_id for turn in page.ended] == [ended["turn_id"], before["turn_id"]]
        for turn in page.ended:
            assert turn.usage is not None
            assert turn.usage.cost_micros == 3 * (turn.usage.tokens_in + turn.usage.tokens_out) > 0
            assert turn.usage == (await detail(alice, room_id, turn.turn_id)).usage
        assert {turn.usage for turn in guests_page.ended} == {None}
        assert (await detail(bob, room_id, ended["turn_id"])).usage is None


async def test_the_queue_is_seen_by_all_with_each_ones_place_and_then_the_latest_turns(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    model = ScriptedModel([[Say("zero")], [Say("first "), Stall(go_on)], [Say("second")]])
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        over = await answered(alice, room_id, "@ai zero")
        await alice.post(room_id, "@ai one")
        await alice.expect_type("ai_delta", text="first ")
        await bob.post(room_id, "@ai two")
        pages = [await pod.insights.turns.page(room_id, reader.id) for reader in (alice, bob)]
        for page in pages:
            assert [(turn.state, turn.position, turn.askers) for turn in page.open] == [
                ("running", 0, (alice.id,)),
                ("requested", 1, (bob.id,)),
            ]
            assert [turn.turn_id for turn in page.ended] == [over["turn_id"]]
            assert page.before is None
        running = await detail(bob, room_id, pages[0].open[0].turn_id)
        assert (running.text, running.ended_at) == ("first ", None)
        start = len(alice.heard)
        go_on.set()
        first = await alice.expect_type("turn_ended", start=start)
        second = await alice.expect(
            lambda line: line["type"] == "turn_ended" and line["turn_id"] != first["turn_id"], start=start
        )
        newest = await pod.insights.turns.page(room_id, alice.id, limit=2)
        assert [turn.turn_id for turn in newest.ended] == [second["turn_id"], first["turn_id"]]
        rest = await pod.insights.turns.page(room_id, alice.id, limit=2, before=newest.before)
        assert ([turn.turn_id for turn in rest.ended], rest.open, rest.before) == ([over["turn_id"]], (), None)


async def test_a_guest_kept_from_the_history_sees_only_turns_whose_prompt_they_might_read(tmp_path: Path) -> None:
    model = ScriptedModel([[Say("One.")], [Say("Two.")], [Say("Three.")]])
    async with memory_pod(tmp_path, model=model) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice)
        await alice.ask(type="set_room_settings", room_id=room_id, settings=GUESTS_MAY_ASK)
        old = await answered(alice, room_id, "@ai the merger is on friday")
        await alice.ask(type="invite_member", room_id=room_id, handle="bob", role="guest")
        knowing = await answered(alice, room_id, "@ai when?")
        await bob.join(room_id)
        own = await answered(bob, room_id, "@ai hello")
        page = await pod.insights.turns.page(room_id, bob.id)
        assert [turn.turn_id for turn in page.ended] == [own["turn_id"]]
        turn = await detail(bob, room_id, own["turn_id"])
        assert turn.manifest is not None
        assert turn.usage is None, "guests see no usage"
        replay = await pod.insights.replays.of_turn(room_id, bob.id, turn.turn_id)
        assert replay.is_equal
        assert "merger" not in replay.model_dump_json()
        for hidden in (old, knowing):
            turn_id = TurnId(str(hidden["turn_id"]))
            assert await refused(detail(bob, room_id, turn_id)) is RefusalCode.NOT_FOUND
            assert await refused(pod.insights.replays.of_turn(room_id, bob.id, turn_id)) is RefusalCode.NOT_FOUND
        message_id = MessageId(str(old["message_id"]))
        assert await refused(pod.insights.rules.explain(room_id, bob.id, message_id)) is RefusalCode.NOT_FOUND
        assert await refused(pod.insights.replays.of_message(room_id, bob.id, message_id)) is RefusalCode.NOT_FOUND
        # Also of an answer that they saw, the prompt is not theirs to read.
        seen = MessageId(str(knowing["message_id"]))
        assert await refused(pod.insights.replays.of_message(room_id, bob.id, seen)) is RefusalCode.NOT_FOUND


async def test_the_context_is_what_the_model_is_then_asked_and_asking_for_it_stores_nothing(tmp_path: Path) -> None:
    model = ScriptedModel([[Say("One.")], [Say("Two.")]])
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        said = await alice.post(room_id, "we use Python")
        await alice.ask(type="pin_fact", room_id=room_id, text="we use Python 3.11")
        await alice.ask(type="set_room_settings", room_id=room_id, settings={"persona": "a pirate"})
        await answered(alice, room_id, "@ai hello")
        host = await pod.directory.host(room_id)
        before = host.room.seq
        context = await pod.insights.previews.context(room_id, alice.id)
        assert host.room.seq == before
        assert not host.room.state.turns
        assert (context.model, context.persona, context.summary_version) == ("scripted", "a pirate", None)
        assert said["event_id"] in [used.id for used in context.messages]
        assert "write_file" in context.tools
        share = context.share
        assert context.tokens == share.rules + share.tools + share.room + share.summary + share.messages + share.results
        assert 0 < context.tokens < context.budget_tokens < context.model_tokens
        ended = await answered(alice, room_id, "@ai hello again")
        turn = await detail(alice, room_id, ended["turn_id"])
        assert turn.manifest is not None
        assert {used.id for used in context.messages} < {used.id for used in turn.manifest.messages}
        assert turn.manifest.share.rules == share.rules


async def test_an_estimate_grows_with_the_text_and_says_which_cap_it_would_break(tmp_path: Path) -> None:
    brains = GivenBrains(brain_of(ScriptedModel([]), micros_per_token=2, max_output_tokens=500))
    async with memory_pod(tmp_path, brains=brains) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob, role="guest")
        estimate = pod.insights.previews.estimate
        short = await estimate(room_id, alice.id, "hello")
        long = await estimate(room_id, alice.id, "hello " * 1_000)
        assert long.tokens_in > short.tokens_in + 1_000
        assert short.cost_micros_at_most == 2 * (short.tokens_in + 500)
        assert (short.tokens_out_at_most, short.currency, short.breach, short.caps) == (500, "USD", "", ())
        budget = {"total": {"tokens_per_day": short.tokens_in + 600}}
        assert (await alice.ask(type="set_budget", room_id=room_id, budget=budget))["type"] == "accepted"
        assert (await estimate(room_id, alice.id, "hello")).breach == ""
        broken = await estimate(room_id, alice.id, "hello " * 1_000)
        assert "This room may use" in broken.breach
        assert [cap.cap for cap in broken.caps] == [short.tokens_in + 600]
        assert await refused(estimate(room_id, bob.id, "hello")) is RefusalCode.FORBIDDEN
        await alice.ask(type="set_room_settings", room_id=room_id, settings={"guests_ask_ai": True})
        guessed = await estimate(room_id, bob.id, "hello " * 1_000)
        assert (guessed.caps, bool(guessed.breach)) == ((), True)


async def test_what_cannot_answer_says_why_instead_of_a_context(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, brains=GivenBrains()) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        previews = pod.insights.previews
        assert await refused(previews.context(room_id, alice.id)) is RefusalCode.CONFLICT
        assert await refused(previews.estimate(room_id, alice.id, "hello")) is RefusalCode.CONFLICT
        assert await refused(previews.context(room_id, alice.id, alice.id)) is RefusalCode.NOT_FOUND


async def test_an_explanation_tells_why_each_rule_fired_or_not_and_what_came_of_it(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, model=ScriptedModel([[Say("Hello.")]])) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        quiet = await alice.post(room_id, "nobody in particular")
        ended = await answered(alice, room_id, "@ai hello")
        explain = pod.insights.rules.explain
        nothing = await explain(room_id, alice.id, MessageId(str(quiet["event_id"])))
        assert [(verdict.rule_id, verdict.why) for verdict in nothing.verdicts] == [
            ("mention", Why.NOT_ADDRESSED),
            ("reply", Why.NOT_ADDRESSED),
        ]
        assert nothing.turns == ()
        asked = (await detail(alice, room_id, ended["turn_id"])).messages[0]
        told = await explain(room_id, alice.id, asked)
        mention, reply = told.verdicts
        assert (mention.fires, mention.turn_id, mention.text) == (
            True,
            ended["turn_id"],
            "The rule 'mention' asked @ai.",
        )
        assert (reply.fires, reply.turn_id) == (False, None)
        assert told.turns == (
            CausedTurn(
                turn_id=TurnId(str(ended["turn_id"])),
                ai_id=AccountId(str(ended["ai_id"])),
                how="requested",
                reason=TurnReason.MENTION,
                rule_id="mention",
                state="done",
                ended_because=str(ended["reason"]),
                message_id=MessageId(str(ended["message_id"])),
            ),
        )
        answer = await explain(room_id, alice.id, MessageId(str(ended["message_id"])))
        assert {verdict.why for verdict in answer.verdicts} == {Why.NOT_BY_AI}
        assert told.is_exact
        unknown = MessageId("01ARZ3NDEKTSV4RRFFQ69G5FAV")
        assert await refused(explain(room_id, alice.id, unknown)) is RefusalCode.NOT_FOUND


async def test_a_dry_run_tells_what_other_rules_would_have_done_to_what_the_reader_may_read(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice)
        await alice.ask(type="set_room_settings", room_id=room_id, settings={"guests_see_history": False})
        hidden = await alice.post(room_id, "deploy it")
        await alice.ask(type="invite_member", room_id=room_id, handle="bob", role="guest")
        seen = await alice.post(room_id, "please DEPLOY again")
        await alice.post(room_id, "deployment is no such word")
        rules = (
            KeywordRule(id="word", words=("deploy",), cooldown_s=0),
            EveryRule(id="third", messages=3, cooldown_s=0),
            MentionRule(id="named"),
        )
        run = await pod.insights.rules.dry_run(room_id, alice.id, rules)
        assert [(firing.rule_id, firing.message_id) for firing in run.firings][:2] == [
            ("word", hidden["event_id"]),
            ("word", seen["event_id"]),
        ]
        assert [(count.rule_id, count.fired) for count in run.rules] == [("word", 2), ("third", 1), ("named", 0)]
        assert run.rules[2].held_back == {Why.NOT_ADDRESSED: 3}
        assert (run.messages, run.was_cut, run.is_exact) == (3, False, True)
        later = await pod.insights.rules.dry_run(room_id, alice.id, rules, since=int(str(seen["seq"])))
        assert (later.messages, later.rules[0].fired, later.rules[1].fired) == (2, 1, 1)
        theirs = await pod.insights.rules.dry_run(room_id, bob.id, rules)
        assert (theirs.messages, str(hidden["event_id"]) in str(theirs)) == (2, False)
        twice = (MentionRule(id="one"), MentionRule(id="one"))
        assert await refused(pod.insights.rules.dry_run(room_id, alice.id, twice)) is RefusalCode.MALFORMED
        host = await pod.directory.host(room_id)
        assert not host.room.state.turns


async def test_the_history_of_the_summary_and_the_facts_are_for_those_who_may_read_all(tmp_path: Path) -> None:
    brains = GivenBrains(brain_of(PlainResults(ScriptedModel([[Say("One.")]]))))
    async with memory_pod(tmp_path, brains=brains) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice)
        settings = {"summarise_after": 5, "guests_see_history": False}
        await alice.ask(type="set_room_settings", room_id=room_id, settings=settings)
        for number in range(8):
            await alice.post(room_id, f"we decided on plan {number}")
        await answered(alice, room_id, "@ai which plan?")
        point = {"section": "decisions", "text": "Plan 7 it is"}
        await alice.ask(type="edit_summary", room_id=room_id, version=1, points=[point])
        await alice.ask(type="pin_fact", room_id=room_id, text="we use Python")
        memory = pod.insights.memory
        versions = (await memory.summaries(room_id, alice.id)).versions
        assert [version.summary.version for version in versions] == [2, 1]
        assert versions[0].summary.points[0].text == "Plan 7 it is"
        assert [fact.text for fact in (await memory.facts(room_id, alice.id)).facts] == ["we use Python"]
        await alice.ask(type="invite_member", room_id=room_id, handle="bob", role="guest")
        assert (await memory.summaries(room_id, bob.id)).versions == ()
        assert (await memory.facts(room_id, bob.id)).facts == ()


async def test_catching_up_tells_what_was_said_since_one_read_with_what_names_the_reader_on_top(tmp_path: Path) -> None:
    async with memory_pod(tmp_path, model=ScriptedModel([[Say("Use tabs.")]])) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        read = await alice.post(room_id, "we decided on spaces")
        await bob.ask(type="mark_read", room_id=room_id, seq=read["seq"])
        decided = await alice.post(room_id, "we decided to ship on Friday")
        named = await alice.post(room_id, "@bob can you write the notes?")
        await answered(alice, room_id, "@ai tabs or spaces?")
        caught = await pod.insights.catch_ups.since(room_id, bob.id)
        assert (caught.after_seq, caught.from_seq) == (read["seq"], int(str(read["seq"])) + 1)
        assert (caught.messages, caught.answers, caught.people) == (3, 1, (alice.id,))
        assert [mention.message_id for mention in caught.mentions] == [named["event_id"]]
        assert caught.mentions[0].text == "@bob can you write the notes?"
        sources = {point.section: point.sources for point in caught.points}
        assert sources[Section.DECISIONS] == (decided["event_id"],)
        assert "spaces" not in str([point for point in caught.points if point.section is Section.DECISIONS])
        assert caught.method == "extractive"
        for account, seq in ((bob, (await pod.directory.host(room_id)).room.seq), (alice, None)):
            host = await pod.directory.host(room_id)
            if seq is None:
                await alice.ask(type="mark_read", room_id=room_id, seq=host.room.seq)
            nothing = await pod.insights.catch_ups.since(room_id, account.id, seq)
            assert (nothing.messages, nothing.points, nothing.mentions) == (0, (), ())


async def test_a_whole_segment_is_digested_once_for_all_and_again_after_a_deletion(tmp_path: Path) -> None:
    storage = MemoryStorage()
    async with memory_pod(tmp_path, storage=storage) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice, bob)
        host = await pod.directory.host(room_id)
        named = await alice.post(room_id, "long ago somebody asked for @bob")
        said = [
            await host.ask(alice.id, PostMessage(text=f"we decided on plan {number}"), origin="server")
            for number in range(520)
        ]
        catch_ups = pod.insights.catch_ups
        first = await catch_ups.since(room_id, alice.id, 0)
        assert first.mentions == ()
        [kept] = await storage.digests(room_id, 1, host.room.seq)
        assert (kept.from_seq, kept.to_seq) == (1, 500)
        again = await catch_ups.since(room_id, bob.id, 0)
        assert [point.text for point in again.points] == [point.text for point in first.points]
        assert first.messages == again.messages == 521
        assert [mention.message_id for mention in again.mentions] == [named["event_id"]]
        assert "plan 400" not in str(first.points), "only the newest are told"
        victim = MessageId(str(said[450].event_id))
        await alice.ask(type="delete_message", room_id=room_id, message_id=victim)
        assert await storage.digests(room_id, 1, host.room.seq) == []
        without = await catch_ups.since(room_id, bob.id, 0)
        assert without.messages == 520
        [kept] = await storage.digests(room_id, 1, host.room.seq)
        assert '"we decided on plan 450"' not in kept.body
        assert "plan 450" not in kept.body


async def test_a_guest_catches_up_without_the_words_of_what_was_said_before(tmp_path: Path) -> None:
    async with memory_pod(tmp_path) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await room_of(alice)
        await alice.ask(type="set_room_settings", room_id=room_id, settings={"guests_see_history": False})
        old = await alice.post(room_id, "we decided on a merger, @bob")
        await alice.ask(type="invite_member", room_id=room_id, handle="bob", role="guest")
        await alice.ask(
            type="edit_message", room_id=room_id, message_id=old["event_id"], text="we decided on a secret merger"
        )
        await alice.post(room_id, "we decided to welcome bob")
        whole = await pod.insights.catch_ups.since(room_id, alice.id, 0)
        assert "secret merger" in str(whole.points)
        theirs = await pod.insights.catch_ups.since(room_id, bob.id, 0)
        assert "merger" not in str(theirs)
        assert (theirs.messages, theirs.mentions) == (1, ())
        assert "welcome bob" in str(theirs.points)
