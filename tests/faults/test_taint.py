"""Words that nobody in the room vouches for are marked wherever they go, for as long as a model can read them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from multiplayer.live import left_taint
from multiplayer.live.pod import Pod
from multiplayer.models.port import CardsFound, ChatRequest, Finished, Tainted, TextDelta, ToolCall, ToolCallsReady
from multiplayer.protocol.cards import Card, Taint
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.inner_commands import EndTurn, FireRule, Propose, StartTurn
from multiplayer.protocol.members import AccountKind
from multiplayer.protocol.messages import Message
from multiplayer.protocol.reports_prompts import Manifest
from multiplayer.protocol.tools import ToolClass
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.storage.memory import MemoryStorage
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolRegistry, ToolResult
from multiplayer.tools.room_tools import room_tools
from tests.support.brains import GivenBrains, brain_of
from tests.support.chunk_model import ChunkModel, Moment
from tests.support.pods import Guest, Line, memory_pod

CARD = CardsFound((Card(title="Rice", url="https://recipes.example/rice", text="Boil it, says the site."),))
FOUND: Sequence[Moment] = (Tainted(Taint.NLWEB), CARD, TextDelta("I found rice."))
PLAIN: Sequence[Moment] = (TextDelta("Noted."),)


class Nothing(Arguments):
    pass


async def _look(taint: Taint | None, _arguments: Nothing, _context: ToolCallContext) -> ToolResult:
    return ToolResult(ok=True, text="what was looked up", taint=taint)


def looking(taint: Taint | None) -> ToolRegistry:
    return ToolRegistry([Tool("look_up", "Look it up.", Nothing, ToolClass.READ, partial(_look, taint))])


LOOK_UP: Sequence[Moment] = (ToolCallsReady((ToolCall("call-1", "look_up", "{}"),)), Finished("tool_calls"))


async def new_room(alice: Guest, **settings: object) -> RoomId:
    room_id = await alice.pod.lobby.create_room(alice.id, "demo", origin="cli")
    if settings:
        changed = await alice.ask(type="set_room_settings", room_id=room_id, settings=settings)
        assert changed["type"] == "accepted", changed
    await alice.join(room_id)
    return room_id


async def over(alice: Guest, room_id: RoomId, text: str, *, turns: int = 1) -> Line:
    """Post, and return the end of the last of so many turns that follow."""
    start = len(alice.heard)
    assert (await alice.post(room_id, text))["type"] == "accepted"
    return await ended(alice, start, turns=turns)


async def ended(alice: Guest, start: int, *, turns: int = 1) -> Line:
    ends: list[str] = []

    def is_last(line: Line) -> bool:
        if line["type"] == "turn_ended" and line["turn_id"] not in ends:
            ends.append(str(line["turn_id"]))
        return line["type"] == "turn_ended" and len(ends) == turns

    return await alice.expect(is_last, start=start)


async def answer_of(pod: Pod, room_id: RoomId, end: Line) -> Message:
    message_id = MessageId(str(end["message_id"]))
    return (await pod.storage.messages(room_id, [message_id]))[message_id]


async def manifest_taint(alice: Guest, room_id: RoomId, end: Line) -> Sequence[Taint]:
    detail = await alice.pod.insights.turns.one(room_id, alice.id, TurnId(str(end["turn_id"])))
    assert detail.manifest is not None
    return detail.manifest.taint


def lines_from(request: ChatRequest) -> list[tuple[str, ...]]:
    """The marks of the lines that are marked as from outside, in order."""
    found: list[tuple[str, ...]] = []
    for message in request.messages:
        if message.role == "tool":
            mark = re.match(r"\[result \w+ [^\]\n]*, from (\w+)\]", message.content)
            found += [(mark[1],)] if mark else []
        for line in map(json.loads, message.content.split("\n") if message.role == "user" else ()):
            found += [tuple(line["from"])] if "from" in line else []
            found += [tuple(line["summary_from"])] if "summary_from" in line else []
            found += [tuple(fact["from"]) for fact in line.get("facts", ()) if isinstance(fact, dict)]
            found += [tuple(pin["from"]) for pin in line.get("pinned", ()) if isinstance(pin, dict) and "from" in pin]
    return found


@asynccontextmanager
async def two_ais(
    folder: Path, first: ChunkModel, other: ChunkModel, *, tools: ToolRegistry | None = None
) -> AsyncIterator[Pod]:
    """A pod on which `@ai` is `first`, and `@other`, in no room yet, is `other`."""
    brains = GivenBrains(brain_of(first))
    async with memory_pod(folder, brains=brains, tools=tools) as pod:
        account = await pod.lobby.create_account("other", kind=AccountKind.AI, origin="cli")
        brains.each[account.id] = brain_of(other)
        yield pod


async def add_other(alice: Guest, room_id: RoomId) -> None:
    added = await alice.ask(type="invite_member", room_id=room_id, handle="other")
    assert added["type"] == "accepted", added


# Each source, in the turn that it comes into and in the next one


async def test_a_room_in_which_nothing_comes_from_outside_stays_unmarked(tmp_path: Path) -> None:
    model = ChunkModel(LOOK_UP, PLAIN)
    async with memory_pod(tmp_path, model=model, tools=looking(None)) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await new_room(alice, summarise_after=5)
        for number in range(12):
            await alice.post(room_id, f"we decided on plan {number}")
        for _ in range(2):
            end = await over(alice, room_id, "@ai look it up")
            assert await manifest_taint(alice, room_id, end) == ()
            assert (await answer_of(pod, room_id, end)).taint == ()
        host = await pod.directory.host(room_id)
        assert host.room.state.summary is not None
        assert host.room.state.summary.taint == ()
        assert not [mark for request in model.requests for mark in lines_from(request)]


@pytest.mark.parametrize("taint", [Taint.WEB, Taint.MCP, Taint.FILE])
async def test_a_tools_result_from_outside_is_marked_from_its_call_on(taint: Taint, tmp_path: Path) -> None:
    model = ChunkModel(LOOK_UP, PLAIN)
    async with memory_pod(tmp_path, model=model, tools=looking(taint)) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await new_room(alice)
        host = await pod.directory.host(room_id)
        end = await over(alice, room_id, "@ai look it up")
        finished = await alice.expect_type("tool_finished")
        assert finished["taint"] == taint
        assert (await answer_of(pod, room_id, end)).taint == (taint,)
        record = await pod.storage.turn(room_id, TurnId(str(end["turn_id"])))
        assert record is not None
        assert record.turn is not None
        assert record.turn.taint == (taint,)
        assert [lines_from(request) for request in model.requests] == [[], [(taint,)]]
        # The words stay in the prompt, and so does their mark.
        later = await over(alice, room_id, "@ai and now?")
        assert await manifest_taint(alice, room_id, later) == (taint,)
        assert (await answer_of(pod, room_id, later)).taint == (taint,)
        assert lines_from(model.requests[-1]) == [(taint,)]
        assert not host.room.state.turns


async def test_the_cards_of_a_site_and_what_an_ai_says_of_them_are_marked(tmp_path: Path) -> None:
    model = ChunkModel(FOUND, PLAIN)
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await new_room(alice)
        end = await over(alice, room_id, "@ai rice?")
        assert (await answer_of(pod, room_id, end)).taint == (Taint.NLWEB,)
        later = await over(alice, room_id, "@ai and now?")
        assert await manifest_taint(alice, room_id, later) == (Taint.NLWEB,)
        assert (await answer_of(pod, room_id, later)).taint == (Taint.NLWEB,)
        # A site's words are never put into the AI's own mouth.
        said = [message.content for message in model.requests[-1].messages if message.role == "assistant"]
        assert said == ["I found rice."]
        assert lines_from(model.requests[-1]) == [("nlweb",)]


async def test_an_answer_given_again_from_outside_is_marked_for_the_ai_and_for_others(tmp_path: Path) -> None:
    finder, other = ChunkModel(PLAIN, FOUND), ChunkModel(PLAIN)
    async with two_ais(tmp_path, finder, other) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await new_room(alice)
        await add_other(alice, room_id)
        first = await over(alice, room_id, "@ai rice?")
        start = len(alice.heard)
        await alice.ask(type="regenerate_answer", room_id=room_id, message_id=first["message_id"])
        await ended(alice, start)
        assert (await answer_of(pod, room_id, first)).taint == (Taint.NLWEB,)
        for name, model in (("ai", finder), ("other", other)):
            end = await over(alice, room_id, f"@{name} and now?")
            assert await manifest_taint(alice, room_id, end) == (Taint.NLWEB,)
            assert ("nlweb",) in lines_from(model.requests[-1])


async def test_another_ais_marked_answer_keeps_its_mark_in_a_request_that_repeats_it(tmp_path: Path) -> None:
    finder = ChunkModel([Tainted(Taint.NLWEB), CARD, TextDelta("@other, boil rice.")])
    other = ChunkModel(PLAIN)
    async with two_ais(tmp_path, finder, other) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await new_room(alice, ai_to_ai=True)
        await add_other(alice, room_id)
        await over(alice, room_id, "@ai rice?", turns=2)
        answer = next(
            message for message in await pod.storage.recent_messages(room_id, limit=10) if "boil rice" in message.text
        )
        await alice.post(room_id, "meanwhile")
        start = len(alice.heard)
        other_account = await pod.storage.find_account_by_handle("other")
        assert other_account is not None
        await alice.ask(type="ask_ai", room_id=room_id, ai_id=other_account.account.id, message_id=answer.id)
        end = await ended(alice, start)
        assert (await answer_of(pod, room_id, end)).taint == (Taint.NLWEB,)
        request = json.loads(other.requests[-1].messages[-1].content)
        assert (request["kind"], request["author"], request["from"]) == ("request", "ai", ["nlweb"])
        # Asked for by alice, it is still what the other AI says, and an answer to it is marked, too.
        assert set(lines_from(other.requests[-1])) == {("nlweb",)}


async def test_a_summary_of_marked_words_is_marked_and_so_is_what_is_built_on_it(tmp_path: Path) -> None:
    model = ChunkModel(FOUND, PLAIN)
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await new_room(alice, summarise_after=5)
        found = await over(alice, room_id, "@ai rice?")
        await alice.ask(type="pin_message", room_id=room_id, message_id=found["message_id"])
        for number in range(12):
            await alice.post(room_id, f"we decided on plan {number}")
        end = await over(alice, room_id, "@ai which plan?")
        host = await pod.directory.host(room_id)
        summary = host.room.state.summary
        assert summary is not None
        assert summary.taint == (Taint.NLWEB,)
        assert await manifest_taint(alice, room_id, end) == (Taint.NLWEB,)
        assert (await answer_of(pod, room_id, end)).taint == (Taint.NLWEB,)
        # The message itself is no longer in the prompt but as a pin: the pin and the summary are marked.
        assert lines_from(model.requests[-1]) == [("nlweb",), ("nlweb",)]
        # Who made the summary was told, too.
        assert lines_from(model.requests[-2]) == [("nlweb",)]
        point = {"section": "decisions", "text": "Plan 11 it is"}
        edited = await alice.ask(type="edit_summary", room_id=room_id, version=summary.version, points=[point])
        assert edited["type"] == "accepted"
        end = await over(alice, room_id, "@ai sure?")
        assert await manifest_taint(alice, room_id, end) == (Taint.NLWEB,)


@pytest.mark.parametrize("how", ["accepted", "pinned by hand"])
async def test_a_fact_that_a_marked_turn_proposed_stays_marked_and_what_a_person_pins_is_not(
    how: str, tmp_path: Path
) -> None:
    text = "The oven is at 200."
    remember = ToolCallsReady((ToolCall("call-2", "remember", json.dumps({"text": text})),))
    first, other = ChunkModel(LOOK_UP, [remember, Finished("tool_calls")], PLAIN), ChunkModel(PLAIN)
    tools = looking(Taint.WEB).beside(room_tools())
    async with two_ais(tmp_path, first, other, tools=tools) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await new_room(alice)
        await add_other(alice, room_id)
        end = await over(alice, room_id, "@ai look it up")
        proposed = (await alice.expect_type("change_proposed"))["proposal"]
        assert isinstance(proposed, dict)
        assert proposed["taint"] == ["web"]
        is_accepted = how == "accepted"
        await alice.ask(type="decide_proposal", room_id=room_id, proposal_id=proposed["id"], is_accepted=is_accepted)
        if not is_accepted:
            await alice.ask(type="pin_fact", room_id=room_id, text=text)
        await alice.ask(type="delete_message", room_id=room_id, message_id=end["message_id"])
        mark = [Taint.WEB] if is_accepted else []
        # The other AI was told of nothing else that was marked.
        end = await over(alice, room_id, "@other how hot?")
        assert lines_from(other.requests[-1]) == [("web",)] * is_accepted
        assert other.told(text, request=-1) == 1
        assert [*await manifest_taint(alice, room_id, end)] == mark
        assert [*(await answer_of(pod, room_id, end)).taint] == mark
        replay = await pod.insights.replays.of_turn(room_id, alice.id, TurnId(str(end["turn_id"])))
        assert replay.is_equal


async def test_marked_words_that_steer_a_turn_are_marked_and_mark_what_it_says(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    look = ToolCallsReady((ToolCall("call-1", "look_up", "{}"),))
    other = ChunkModel([TextDelta("Let me see."), go_on, look, Finished("tool_calls")], PLAIN)
    async with two_ais(tmp_path, ChunkModel(FOUND), other, tools=looking(None)) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await new_room(alice, while_busy="steer")
        await add_other(alice, room_id)
        await alice.post(room_id, "@other what is there")
        await alice.expect_type("ai_delta")
        found = await over(alice, room_id, "@ai rice?")
        running = await alice.expect_type("turn_started")
        await alice.ask(type="ask_ai", room_id=room_id, ai_id=running["actor_id"], message_id=found["message_id"])
        await alice.expect_type("turn_steered")
        go_on.set()
        end = await alice.expect_type("turn_ended", turn_id=running["turn_id"])
        assert [lines_from(request) for request in other.requests] == [[], [("nlweb",)]]
        assert (await answer_of(pod, room_id, end)).taint == (Taint.NLWEB,)
        # What it is told is the line that everyone reads, card and all.
        assert other.told("Boil it, says the site.", request=1) == 1


HOOK = {"id": "hook", "type": "webhook", "prompt": "Tell us about it.", "cooldown_s": 0}


async def test_what_a_webhook_brought_is_marked_and_nobodys_words_but_its_own(tmp_path: Path) -> None:
    model = ChunkModel(PLAIN)
    async with memory_pod(tmp_path, model=model) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await new_room(alice, triggers=[{"id": "mention", "type": "mention"}, HOOK])
        made = await pod.insights.hooks.create(room_id, alice.id, "hook", origin="http")
        start = len(alice.heard)
        await pod.insights.hooks.fire(made.secret, "the build is red")
        requested = await alice.expect_type("turn_requested", start=start)
        end = await ended(alice, start)
        assert (await answer_of(pod, room_id, end)).taint == (Taint.WEBHOOK,)
        assert await manifest_taint(alice, room_id, end) == (Taint.WEBHOOK,)
        record = await pod.storage.turn(room_id, TurnId(str(requested["turn_id"])))
        assert record is not None
        assert record.turn is not None
        assert record.turn.taint == (Taint.WEBHOOK,)
        assert lines_from(model.requests[-1]) == [("webhook",)]
        later = await over(alice, room_id, "@ai and now?")
        assert await manifest_taint(alice, room_id, later) == (Taint.WEBHOOK,)
        assert (await answer_of(pod, room_id, later)).taint == (Taint.WEBHOOK,)


@pytest.mark.parametrize("is_hook_first", [True, False])
async def test_what_a_webhook_brought_is_marked_also_among_what_people_ask(is_hook_first: bool, tmp_path: Path) -> None:
    model = ChunkModel(PLAIN)
    storage = MemoryStorage()
    async with memory_pod(tmp_path, model=model, storage=storage, name="waits") as pod:
        pod.turns.drain("its turns wait for another pod")
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await new_room(alice, triggers=[{"id": "mention", "type": "mention"}, HOOK])
        await alice.ask(type="invite_member", room_id=room_id, handle="bob")
        host = await pod.directory.host(room_id)

        async def fire() -> None:
            await host.ask(alice.id, FireRule(rule_id="hook", note="hostile words of a build"), origin="http")

        if is_hook_first:
            await fire()
        await bob.post(room_id, "@ai what is new?")
        if not is_hook_first:
            await fire()
        await alice.expect_type("turn_collected")
        (turn,) = host.room.state.turns.values()
        start = StartTurn(turn_id=turn.turn_id, fence=1, pod="waits")
        await host.ask(turn.ai_id, start, origin="server")
        await storage.hold(turn.turn_id, fence=1, pod="waits", lease_s=0.0)
    async with memory_pod(tmp_path, model=model, storage=storage, name="heir") as pod:
        alice = await Guest.enter(pod, "alice")
        await alice.join(room_id, epoch=pod.epoch, seq=0)
        end = await alice.expect_type("turn_ended", outcome="done")
        assert Taint.WEBHOOK in await manifest_taint(alice, room_id, end)
        assert (await answer_of(pod, room_id, end)).taint == (Taint.WEBHOOK,)
        held = [
            json.loads(message.content)
            for message in model.requests[-1].messages
            if "hostile words" in message.content and message.role == "user"
        ]
        assert held
        # Two have asked, and the words are neither's.
        assert all((line["author"], line["from"]) == ("server", ["webhook"]) for line in held)


async def test_what_a_dead_pod_had_said_keeps_its_mark(tmp_path: Path) -> None:
    storage = MemoryStorage()
    async with memory_pod(tmp_path, storage=storage, name="dead") as pod:
        pod.turns.drain("this pod only begins what another has to end")
        alice = await Guest.enter(pod, "alice")
        room_id = await new_room(alice)
        await alice.post(room_id, "@ai rice?")
        requested = await alice.expect_type("turn_requested")
        turn_id = TurnId(str(requested["turn_id"]))
        host = await pod.directory.host(room_id)
        start = StartTurn(turn_id=turn_id, fence=1, pod="dead")
        await host.ask(AccountId(str(requested["ai_id"])), start, origin="server")
        assert await storage.checkpoint(turn_id, fence=1, text="I found", cards=CARD.cards)
        await storage.hold(turn_id, fence=1, pod="dead", lease_s=0.0)
    async with memory_pod(tmp_path, storage=storage, model=ChunkModel(PLAIN), name="heir") as pod:
        alice = await Guest.enter(pod, "alice")
        await alice.join(room_id, epoch=pod.epoch, seq=0)
        end = await alice.expect_type("turn_ended", outcome="interrupted")
        assert (await answer_of(pod, room_id, end)).taint == (Taint.NLWEB,)


@pytest.mark.parametrize("source", ["a fact", "an old fact", "a fact forgotten since", "what steered it"])
async def test_what_a_dead_pod_had_said_has_the_mark_of_all_that_it_was_told(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = MemoryStorage()
    if source == "an old fact":
        # So that it was pinned before the part of the log that is looked through.
        monkeypatch.setattr(left_taint, "MAX_EVENTS", 0)
    async with memory_pod(tmp_path, storage=storage, name="dead") as pod:
        pod.turns.drain("this pod only begins what another has to end")
        alice = await Guest.enter(pod, "alice")
        room_id = await new_room(alice, while_busy="steer")
        host = await pod.directory.host(room_id)

        async def begun(text: str) -> tuple[AccountId, TurnId]:
            start = len(alice.heard)
            await alice.post(room_id, text)
            requested = await alice.expect_type("turn_requested", start=start)
            ai_id, turn_id = AccountId(str(requested["ai_id"])), TurnId(str(requested["turn_id"]))
            await host.ask(ai_id, StartTurn(turn_id=turn_id, fence=1, pod="dead"), origin="server")
            return ai_id, turn_id

        ai_id, turn_id = await begun("@ai rice?")
        if "fact" in source:
            propose = Propose(turn_id=turn_id, fence=1, text="Boil it.", taint=(Taint.WEB,))
            await host.ask(ai_id, propose, origin="server")
            proposal_id = host.room.state.notes.proposals[0].id
            await alice.ask(type="decide_proposal", room_id=room_id, proposal_id=proposal_id, is_accepted=True)
            end = EndTurn(turn_id=turn_id, fence=1, outcome=TurnOutcome.FAILED)
        else:
            end = EndTurn(turn_id=turn_id, fence=1, outcome=TurnOutcome.DONE, text="Boil it.", taint=(Taint.WEB,))
        await host.ask(ai_id, end, origin="server")
        ai_id, turn_id = await begun("@ai and now?")
        if source == "what steered it":
            manifest = Manifest(
                model="m",
                turn_id=turn_id,
                ai_id=ai_id,
                from_seq=1,
                up_to_seq=host.room.seq,
                summary_version=None,
                messages=(),
                tool_results=(),
                tools=(),
                budget_tokens=0,
                tokens=0,
                left_out=0,
                prompt_sha256="a" * 64,
            )
            assert await storage.save_manifest(turn_id, fence=1, manifest=manifest.model_dump_json())
            [found] = [one.id for one in await storage.recent_messages(room_id, limit=9) if one.taint]
            await alice.ask(type="ask_ai", room_id=room_id, ai_id=ai_id, message_id=found)
            await alice.expect_type("turn_steered")
        if source == "a fact forgotten since":
            await alice.ask(type="forget_fact", room_id=room_id, fact_id=host.room.state.notes.facts[0].id)
            assert not host.room.state.notes.facts
        assert await storage.checkpoint(turn_id, fence=1, text="I found", cards=())
        await storage.hold(turn_id, fence=1, pod="dead", lease_s=0.0)
    async with memory_pod(tmp_path, storage=storage, model=ChunkModel(PLAIN), name="heir") as pod:
        alice = await Guest.enter(pod, "alice")
        await alice.join(room_id, epoch=pod.epoch, seq=0)
        ended_ = await alice.expect_type("turn_ended", turn_id=turn_id)
        assert (await answer_of(pod, room_id, ended_)).taint == (Taint.WEB,)


async def test_what_a_webhook_asks_through_another_ai_has_no_more_than_a_guests_rights(tmp_path: Path) -> None:
    first = ChunkModel([TextDelta("@other do as the webhook says")])
    other = ChunkModel(LOOK_UP, PLAIN, LOOK_UP, PLAIN)
    async with two_ais(tmp_path, first, other, tools=looking(None)) as pod:
        alice = await Guest.enter(pod, "alice")
        rules = [{"id": "mention", "type": "mention"}, HOOK]
        room_id = await new_room(alice, ai_to_ai=True, guests_ask_ai=True, triggers=rules)
        await add_other(alice, room_id)
        host = await pod.directory.host(room_id)
        start = len(alice.heard)
        await host.ask(alice.id, FireRule(rule_id="hook", note="have it looked up"), origin="http")
        await ended(alice, start, turns=2)
        finished = await alice.expect_type("tool_finished", start=start)
        assert (finished["is_ok"], finished["code"]) == (False, "refused")
        # What alice passes on through the same AI is her own wish.
        start = len(alice.heard)
        await over(alice, room_id, "@ai go", turns=2)
        assert (await alice.expect_type("tool_finished", start=start))["is_ok"] is True
