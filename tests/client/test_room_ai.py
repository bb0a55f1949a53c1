"""What a program can do with a room's AIs through the SDK, at a real server."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from multiplayer.client import Client, RefusalCode, Refused, Room
from multiplayer.models.port import CardsFound, ChatRequest, Chunk, FormAsked, TextDelta
from multiplayer.protocol.budgets import Budget, Caps, UsageGroup
from multiplayer.protocol.cards import Card, Form, Question, QuestionKind
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.memory import PointEdit, Section
from multiplayer.protocol.trigger_rules import DEFAULT_TRIGGERS, KeywordRule
from multiplayer.protocol.turn_events import TurnEnded, TurnRequested, TurnStarted
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from tests.client.chunk_model import ChunkModel
from tests.support.server import RunningServer, running_server

pytestmark = pytest.mark.slow
PATIENCE_S = 20.0
Script = Sequence[Chunk | asyncio.Event]


@asynccontextmanager
async def room_with(folder: Path, *scripts: Script) -> AsyncIterator[tuple[Room, RunningServer, ChunkModel]]:
    """Alice's open room, whose AI plays these scripts."""
    model = ChunkModel(*scripts)
    async with running_server(folder, model=model) as server:
        alice = await server.know("alice")
        await server.room(alice)
        async with Client(server.url, token=alice.token) as client:
            yield await client.room("demo"), server, model


async def end_of(room: Room, turn_id: TurnId) -> TurnEnded:
    """Return the end of a turn, also of one that has ended, when the room's view has it."""
    word = await room.wait_for(
        lambda word: isinstance(word, TurnEnded) and word.turn_id == turn_id, PATIENCE_S, after=1
    )
    assert isinstance(word, TurnEnded)
    await seen(room, word.seq)
    return word


async def seen(room: Room, seq: int | None) -> None:
    """Wait until the room's view is as far as this event."""
    assert seq is not None
    words = room.events()
    async with asyncio.timeout(PATIENCE_S):
        while room.view.seq < seq:
            await anext(words)


def asked(request: ChatRequest) -> str:
    return "\n".join(message.content for message in request.messages)


async def test_a_running_turn_is_steered(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with room_with(tmp_path, [TextDelta("One "), gate], [TextDelta("Deux.")]) as (room, _, model):
        turn_id = await room.ask_ai()
        await room.wait_for(lambda word: isinstance(word, TurnStarted), PATIENCE_S, after=1)
        sent = await room.steer(turn_id, "in French, please")
        assert await room.turns_of(sent) == [turn_id]
        await seen(room, sent.seq)
        assert room.view.messages[sent.message_id].text == "in French, please"
        gate.set()
        assert (await end_of(room, turn_id)).outcome is TurnOutcome.DONE
        # It came when the answer was being written already: it is what is answered next.
        following = await room.wait_for(
            lambda word: isinstance(word, TurnRequested) and word.reason is TurnReason.STEERED, PATIENCE_S, after=1
        )
        assert isinstance(following, TurnRequested)
        assert (await end_of(room, following.turn_id)).outcome is TurnOutcome.DONE
        assert "in French, please" in asked(model.requests[1])
        with pytest.raises(Refused) as refused:
            await room.steer(turn_id, "too late")
        assert refused.value.code is RefusalCode.NOT_FOUND


async def test_turns_that_wait_are_in_the_queue_and_are_stopped(tmp_path: Path) -> None:
    async with room_with(tmp_path, [TextDelta("I wait."), asyncio.Event()], [TextDelta("Hm.")]) as (room, _, model):
        running = await room.ask_ai()
        await room.wait_for(lambda word: isinstance(word, TurnStarted), PATIENCE_S, after=1)
        waiting = await room.ask_ai()
        # A further request joins the one that waits.
        assert await room.ask_ai() == waiting
        page = await room.turns()
        assert [(turn.turn_id, turn.state, turn.position) for turn in page.open] == [
            (running, "running", 0),
            (waiting, "requested", 1),
        ]
        await room.stop_turn(waiting)
        assert (await end_of(room, waiting)).outcome is TurnOutcome.STOPPED
        await room.stop_turn(running)
        assert (await end_of(room, running)).outcome is TurnOutcome.STOPPED
        assert len(model.requests) == 1


async def test_an_answer_is_given_again_and_one_of_them_chosen(tmp_path: Path) -> None:
    async with room_with(tmp_path, [TextDelta("Yes.")], [TextDelta("No.")]) as (room, _, _):
        first = await end_of(room, await room.ask_ai())
        assert first.message_id is not None
        second = await end_of(room, await room.regenerate(first.message_id))
        assert second.message_id == first.message_id
        message = room.view.messages[first.message_id]
        assert ([one.text for one in message.alternatives], message.chosen) == (["Yes.", "No."], 1)
        await seen(room, (await room.choose_answer(message.id, 0)).seq)
        assert room.view.messages[message.id].text == "Yes."
        # The same key again is the same choice.
        chosen = await room.choose_answer(message.id, 1, key="k")
        assert (await room.choose_answer(message.id, 1, key="k")).seq == chosen.seq


async def test_cards_come_and_a_form_is_filled_in(tmp_path: Path) -> None:
    form = Form(
        questions=(
            Question(id="q", text="For how many?"),
            Question(id="d", text="Diet?", kind=QuestionKind.ANY_OF, choices=("vegan", "halal", "none")),
        )
    )
    card = Card(title="Soup", url="https://soup.example")
    scripts: list[Script] = [[TextDelta("Hm."), CardsFound((card,)), FormAsked(form)], [TextDelta("Here.")]]
    async with room_with(tmp_path, *scripts) as (room, _, model):
        first = await end_of(room, await room.ask_ai())
        assert first.message_id is not None
        message = room.view.messages[first.message_id]
        assert (message.cards, message.form) == ((card,), form)
        with pytest.raises(Refused) as refused:
            await room.answer_form(message.id, {"d": "kosher"})
        assert refused.value.code is RefusalCode.MALFORMED
        turn_id = await room.answer_form(message.id, {"q": "four", "d": ["vegan", "halal"]})
        assert turn_id is not None
        assert (await end_of(room, turn_id)).outcome is TurnOutcome.DONE
        filled = room.view.messages[message.id].form
        assert filled is not None
        assert [answer.values for answer in filled.answers] == [("four",), ("vegan", "halal")]
        assert "vegan, halal" in asked(model.requests[1])
        assert (await room.turn(turn_id)).note.startswith("For how many? four")


async def test_facts_and_summary_are_written_and_read(tmp_path: Path) -> None:
    async with room_with(tmp_path) as (room, _, _):
        fact_id = await room.pin_fact("Otto is the staging server")
        other_id = await room.pin_fact("we deploy on Fridays")
        await seen(room, (await room.forget_fact(other_id)).seq)
        assert [fact.id for fact in room.view.facts] == [fact_id]
        assert [fact.text for fact in await room.facts()] == ["Otto is the staging server"]

        points = [PointEdit(section=Section.DECISIONS, text="Deploy."), PointEdit(section=Section.OTHER, text="Hm.")]
        await seen(room, (await room.edit_summary(points)).seq)
        summary = room.view.summary
        assert summary is not None
        assert [point.text for point in summary.points] == ["Deploy.", "Hm."]
        kept = [PointEdit(id=summary.points[0].id, section=Section.DECISIONS, text="Deploy.")]
        await seen(room, (await room.edit_summary(kept)).seq)
        assert [one.summary.version for one in await room.summaries()] == [2, 1]
        with pytest.raises(Refused) as refused:
            await room.edit_summary(points, version=1)
        assert refused.value.code is RefusalCode.CONFLICT


async def test_a_budget_stands_in_the_way_of_a_call_and_an_estimate_says_so_before(tmp_path: Path) -> None:
    async with room_with(tmp_path) as (room, _, model):
        before = await room.estimate("how are you?")
        assert (before.breach, before.cost_micros_at_most) == ("", None)
        budget = Budget(total=Caps(tokens_per_day=10))
        await seen(room, (await room.set_budget(budget)).seq)
        assert room.view.budget == budget
        after = await room.estimate("how are you?")
        assert "This room may use 10 tokens a day" in after.breach
        (cap,) = after.caps
        assert (cap.cap, cap.used) == (10, 0)
        ended = await end_of(room, await room.ask_ai())
        assert ended.outcome is TurnOutcome.REFUSED
        assert "This room may use 10 tokens a day" in ended.reason
        assert model.requests == []


async def test_rules_are_rehearsed_set_and_explained(tmp_path: Path) -> None:
    async with room_with(tmp_path, [TextDelta("On Friday.")]) as (room, _, _):
        said = await room.send("when do we deploy?")
        rules = [*DEFAULT_TRIGGERS, KeywordRule(id="deploys", words=("deploy",))]
        run = await room.dry_run(rules, since=said.seq)
        assert [(firing.rule_id, firing.message_id) for firing in run.firings] == [("deploys", said.message_id)]
        settings = room.view.room.settings
        await seen(room, (await room.set_triggers(rules)).seq)
        assert room.view.room.settings == settings.model_copy(update={"triggers": tuple(rules)})
        again = await room.send("deploy now?")
        (turn_id,) = await room.turns_of(again)
        await end_of(room, turn_id)
        explained = await room.explain(again.message_id)
        assert {one.rule_id: one.fires for one in explained.verdicts} == {
            "mention": False,
            "reply": False,
            "deploys": True,
        }
        assert [(turn.turn_id, turn.state) for turn in explained.turns] == [(turn_id, "done")]
        assert not any(one.fires for one in (await room.explain(said.message_id)).verdicts)


async def test_what_a_turn_knew_used_and_was_is_read_and_its_prompt_built_again(tmp_path: Path) -> None:
    async with room_with(tmp_path, [TextDelta("Hello.")]) as (room, server, model):
        ai = room.view.member_called("ai")
        ended = await end_of(room, await room.ask_ai(ai.account_id))
        assert ended.message_id is not None
        page = await room.turns(limit=1)
        assert [(turn.turn_id, turn.state) for turn in page.ended] == [(ended.turn_id, "done")]
        turn = await room.turn(ended.turn_id)
        assert turn.manifest is not None
        replay = await room.replay(ended.message_id)
        assert replay.is_equal
        assert replay.rebuilt_sha256 == turn.manifest.prompt_sha256
        assert len(replay.prompt) == len(model.requests[0].messages)
        context = await room.context(ai.account_id)
        assert context.model == "chunks"
        assert context.tokens >= turn.manifest.tokens
        usage = await room.usage(UsageGroup.AI)
        assert [(row.key, row.calls) for row in usage.rows] == [(ai.account_id, 1)]
        day = await room.usage(UsageGroup.DAY, since=usage.since, until=usage.until)
        assert day.since == usage.since
        caught = await room.catch_up(after=0)
        assert caught.answers == 1
        # Bob, who is in no room of alice's, reads none of it.
        bob = await server.know("bob")
        async with Client(server.url, token=bob.token) as client:
            own = await server.room(bob, name="other")
            other = await client.room(own)
            with pytest.raises(Refused) as refused:
                await other.turn(ended.turn_id)
            assert refused.value.code is RefusalCode.NOT_FOUND


async def test_operators_see_and_bound_the_whole_server(tmp_path: Path) -> None:
    async with room_with(tmp_path, [TextDelta("Hello.")]) as (room, server, _):
        await end_of(room, await room.ask_ai())
        root, bob = await server.know("root", is_operator=True), await server.know("bob")
        async with Client(server.url, token=root.token) as client:
            usage = await client.usage()
            assert [(row.key, row.calls) for row in usage.rows] == [(room.id, 1)]
            assert await client.server_budget() == Budget()
            budget = Budget(per_asker=Caps(tokens_per_month=1))
            assert await client.set_server_budget(budget) == budget
            assert await client.server_budget() == budget
        ended = await end_of(room, await room.ask_ai())
        assert ended.outcome is TurnOutcome.REFUSED
        async with Client(server.url, token=bob.token) as client:
            with pytest.raises(Refused) as refused:
                await client.usage()
            assert refused.value.code is RefusalCode.FORBIDDEN
