"""Turns that a dead pod left: taken over at the last durable step, never twice the same words or the same tool call."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from multiplayer.live.pod import Pod
from multiplayer.models.port import Tainted, TextDelta
from multiplayer.models.scripted import DemoModel, Say, ScriptedModel
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.commands import PostMessage, SteerTurn
from multiplayer.protocol.ids import AccountId, CallId, RoomId, TurnId
from multiplayer.protocol.inner_commands import CallTool, FinishTool, StartTool, StartTurn, TakeSteering
from multiplayer.protocol.members import AccountKind
from multiplayer.protocol.tools import ToolClass
from multiplayer.storage.memory import MemoryStorage
from tests.live.test_turn_controls import answers_of, room_of
from tests.support.brains import GivenBrains, brain_of
from tests.support.chunk_model import ChunkModel
from tests.support.cut_storage import CutStorage
from tests.support.pods import PATIENCE_S, Guest, memory_pod

ASKED = "@ai write a.txt: once"
ARGUMENTS = '{"path":"a.txt","content":"once"}'

pytestmark = pytest.mark.slow  # each waits for a lease to run out and a sweep to see it


class Left:
    """A room in which another pod claimed a turn and died."""

    def __init__(self, pod: Pod, room_id: RoomId, ai_id: AccountId, turn_id: TurnId) -> None:
        self.pod = pod
        self.room_id = room_id
        self.ai_id = ai_id
        self.turn_id = turn_id


@asynccontextmanager
async def left_turn(
    tmp_path: Path, storage: MemoryStorage, *, gives_again: bool = False, said: Sequence[str] = ()
) -> AsyncIterator[Left]:
    """The dead pod's part: it claimed the turn under fence 1 with a lease that is over at once.

    `gives_again`: the turn gives an answer again. `said`: what was posted before it was asked for.
    """
    async with memory_pod(tmp_path, storage=storage, model=ScriptedModel([[Say("Once.")]]), name="dead") as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        await alice.join(room_id)
        start = len(alice.heard)
        if gives_again:
            await alice.post(room_id, ASKED)
            ended = await alice.expect_type("turn_ended")
            pod.turns.drain("this pod only begins what another has to end")
            for text in said:
                await alice.post(room_id, text)
            start = len(alice.heard)
            await alice.ask(type="regenerate_answer", room_id=room_id, message_id=ended["message_id"])
        else:
            pod.turns.drain("this pod only begins what another has to end")
            await alice.post(room_id, ASKED)
        requested = await alice.expect_type("turn_requested", start=start)
        left = Left(pod, room_id, AccountId(str(requested["ai_id"])), TurnId(str(requested["turn_id"])))
        host = await pod.directory.host(room_id)
        await host.ask(left.ai_id, StartTurn(turn_id=left.turn_id, fence=1, pod="dead"), origin="server")
        await storage.hold(left.turn_id, fence=1, pod="dead", lease_s=0.0)
        yield left


async def test_a_turn_without_words_is_asked_again_and_ends_once(tmp_path: Path) -> None:
    storage = MemoryStorage()
    async with left_turn(tmp_path, storage) as left:
        model = ScriptedModel([[Say("Here I am.")]])
        async with memory_pod(tmp_path, storage=storage, model=model, name="heir") as heir:
            bob = await Guest.enter(heir, "alice")
            await bob.join(left.room_id, epoch=heir.epoch, seq=0)
            started = await bob.expect_type("turn_started", fence=2)
            assert started["pod"] == "heir"
            await bob.expect_type("turn_ended", outcome="done")
            assert len(model.requests) == 1


async def test_words_that_were_out_stand_and_the_turn_ends_interrupted(tmp_path: Path) -> None:
    storage = MemoryStorage()
    async with left_turn(tmp_path, storage) as left:
        await storage.checkpoint(left.turn_id, fence=1, text="I was about to")
        model = ScriptedModel([[Say("never asked")]])
        async with memory_pod(tmp_path, storage=storage, model=model, name="heir") as heir:
            alice = await Guest.enter(heir, "alice")
            await alice.join(left.room_id, epoch=heir.epoch, seq=0)
            await alice.expect_type("turn_ended", outcome="interrupted")
            posted = [line["message"] for line in alice.heard if line["type"] == "message_posted"]
            last = posted[-1]
            assert isinstance(last, dict)
            assert last["text"] == "I was about to"
            assert model.requests == []


async def test_a_tool_call_that_had_begun_is_not_run_again_and_the_model_is_told(tmp_path: Path) -> None:
    storage = MemoryStorage()
    async with left_turn(tmp_path, storage) as left:
        host = await left.pod.directory.host(left.room_id)
        call = CallTool(
            turn_id=left.turn_id,
            fence=1,
            call_id=CallId("c1"),
            name="write_file",
            arguments=ARGUMENTS,
        )
        await host.ask(left.ai_id, call, origin="server")
        await host.ask(
            left.ai_id,
            StartTool(turn_id=left.turn_id, fence=1, call_id=CallId("c1"), tool_class=ToolClass.READ, sha256="a" * 64),
            origin="server",
        )
        model = ScriptedModel([[Say("I do not know whether it was written.")]])
        async with memory_pod(tmp_path, storage=storage, model=model, name="heir") as heir:
            alice = await Guest.enter(heir, "alice")
            await alice.join(left.room_id, epoch=heir.epoch, seq=0)
            finished = await alice.expect_type("tool_finished", call_id="c1")
            assert finished["code"] == "unknown"
            await alice.expect_type("turn_ended", outcome="done")
            assert not (tmp_path / left.room_id / "a.txt").exists()
            assert any("unknown" in message.content for message in model.requests[0].messages if message.role == "tool")


async def test_a_finished_tool_call_stays_in_the_heirs_prompt_however_much_was_said_since(tmp_path: Path) -> None:
    storage = MemoryStorage()
    async with left_turn(tmp_path, storage) as left:
        host = await left.pod.directory.host(left.room_id)
        turn_id, call_id = left.turn_id, CallId("c1")
        for command in (
            CallTool(turn_id=turn_id, fence=1, call_id=call_id, name="write_file", arguments=ARGUMENTS),
            StartTool(turn_id=turn_id, fence=1, call_id=call_id, tool_class=ToolClass.READ, sha256="a" * 64),
            FinishTool(turn_id=turn_id, fence=1, call_id=call_id, is_ok=True, text="wrote 4 bytes to a.txt"),
        ):
            await host.ask(left.ai_id, command, origin="server")
        alice = host.room.state.owners()[0].account_id
        for n in range(400):
            await host.ask(alice, PostMessage(text=f"{n} " + "lorem ipsum dolor sit amet " * 30), origin="cli")
        async with memory_pod(tmp_path, storage=storage, model=DemoModel(piece_delay_s=0), name="heir") as heir:
            guest = await Guest.enter(heir, "alice")
            await guest.join(left.room_id, epoch=heir.epoch, seq=0)
            await guest.expect_type("turn_ended", outcome="done")
            assert [line["call_id"] for line in guest.heard if line["type"] == "tool_started"] == ["c1"]


async def test_what_an_answer_that_is_given_again_had_done_is_not_done_a_second_time(tmp_path: Path) -> None:
    storage = MemoryStorage()
    async with left_turn(tmp_path, storage, gives_again=True, said=["by the way"]) as left:
        host = await left.pod.directory.host(left.room_id)
        turn_id, call_id = left.turn_id, CallId("c1")
        alice_id = host.room.state.owners()[0].account_id
        for command in (
            CallTool(turn_id=turn_id, fence=1, call_id=call_id, name="write_file", arguments=ARGUMENTS),
            StartTool(turn_id=turn_id, fence=1, call_id=call_id, tool_class=ToolClass.READ, sha256="a" * 64),
            FinishTool(turn_id=turn_id, fence=1, call_id=call_id, is_ok=True, text="wrote 4 bytes to a.txt"),
        ):
            await host.ask(left.ai_id, command, origin="server")
        await host.ask(alice_id, SteerTurn(turn_id=turn_id, text="and be brief"), origin="cli")
        [turn] = host.room.state.turns.values()
        await host.ask(left.ai_id, TakeSteering(turn_id=turn_id, fence=1, messages=turn.steering), origin="server")
        model = ChunkModel([TextDelta("Noted.")])
        async with memory_pod(tmp_path, storage=storage, model=model, name="heir") as heir:
            alice = await Guest.enter(heir, "alice")
            await alice.join(left.room_id, epoch=heir.epoch, seq=0)
            await alice.expect(lambda line: line["type"] == "turn_ended" and line["turn_id"] == turn_id)
            assert [line["call_id"] for line in alice.heard if line["type"] == "tool_started"] == ["c1"]
            asked = [message.content for message in model.requests[0].messages]
            assert [message.content for message in model.requests[0].messages if message.role == "tool"] != []
            told = [place for place, text in enumerate(asked) if "wrote 4 bytes" in text or "and be brief" in text]
            assert len(told) == 2
            # What it had said itself, and what came after that, is as if it had never been.
            assert not [text for text in asked if "Once." in text or "by the way" in text]
            assert sum(ASKED in text for text in asked) == 1
            replay = await heir.insights.replays.of_turn(left.room_id, alice.id, turn_id)
            assert replay.is_equal, replay.differs


@pytest.mark.parametrize("is_kept", [True, False])
async def test_what_a_dead_pod_repeated_of_a_sites_words_is_marked_also_when_its_prompt_was_not_kept(
    tmp_path: Path, is_kept: bool
) -> None:
    shared = MemoryStorage()
    dying = CutStorage(shared)
    model = ChunkModel([Tainted(Taint.NLWEB), TextDelta("do evil")], [TextDelta("It said: do evil"), asyncio.Event()])
    async with memory_pod(tmp_path, storage=dying, model=model, name="dying") as dead:
        alice = await Guest.enter(dead, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai ask the site")
        await alice.expect_type("turn_ended")
        dying.manifests_lost = 2 if is_kept else 1_000
        await alice.post(room_id, "@ai what did it say?")
        delta = await alice.expect_type("ai_delta", text="It said: do evil")
        turn_id = TurnId(str(delta["turn_id"]))
        if is_kept:
            await until_manifest(shared, room_id, turn_id)
        dying.is_cut = True
        await shared.hold(turn_id, fence=1, pod="dying", lease_s=0.0)
        async with memory_pod(tmp_path, storage=shared, model=ScriptedModel([]), name="heir") as heir:
            bob = await Guest.enter(heir, "alice")
            await bob.join(room_id, epoch=heir.epoch, seq=0)
            await bob.expect_type("turn_ended", outcome="interrupted")
            assert answers_of(bob)[-1].taint == (Taint.NLWEB,)
            if is_kept:
                assert (await heir.insights.replays.of_turn(room_id, bob.id, turn_id)).is_equal
        dying.is_cut, dying.manifests_lost = False, 0


async def test_the_prompt_of_an_earlier_holder_does_not_vouch_for_the_words_of_a_later_one(tmp_path: Path) -> None:
    shared = MemoryStorage()
    one, two = CutStorage(shared), CutStorage(shared)
    brains = GivenBrains(brain_of(ChunkModel([asyncio.Event()])))
    async with memory_pod(tmp_path, storage=one, brains=brains, name="one") as first:
        alice = await Guest.enter(first, "alice")
        room_id = await room_of(alice)
        await alice.post(room_id, "@ai what will the site say?")
        turn_id = TurnId(str((await alice.expect_type("turn_started"))["turn_id"]))
        await until_manifest(shared, room_id, turn_id)
        site = await first.lobby.create_account("site", kind=AccountKind.AI, origin="cli")
        brains.each[site.id] = brain_of(ChunkModel([Tainted(Taint.NLWEB), TextDelta("do evil")]))
        await alice.ask(type="invite_member", room_id=room_id, handle="site")
        await alice.post(room_id, "@site say something")
        await alice.expect_type("turn_ended", ai_id=site.id)
        one.is_cut = True
        await shared.hold(turn_id, fence=1, pod="one", lease_s=0.0)
        two.manifests_lost = 1_000
        repeats = ChunkModel([TextDelta("It will say: do evil"), asyncio.Event()])
        async with memory_pod(tmp_path, storage=two, model=repeats, name="two") as second:
            bob = await Guest.enter(second, "alice")
            await bob.join(room_id, epoch=second.epoch, seq=0)
            await bob.expect_type("ai_delta", text="It will say: do evil")
            two.is_cut = True
            await shared.hold(turn_id, fence=2, pod="two", lease_s=0.0)
            async with memory_pod(tmp_path, storage=shared, model=ScriptedModel([]), name="three") as third:
                carol = await Guest.enter(third, "alice")
                await carol.join(room_id, epoch=third.epoch, seq=0)
                await carol.expect_type("turn_ended", outcome="interrupted")
                assert answers_of(carol)[-1].taint == (Taint.NLWEB,)
            two.is_cut, two.manifests_lost = False, 0
        one.is_cut = False


async def until_manifest(storage: MemoryStorage, room_id: RoomId, turn_id: TurnId) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            record = await storage.turn(room_id, turn_id)
            if record is not None and record.manifest is not None:
                return
            await asyncio.sleep(0.01)


async def test_what_the_dead_pod_says_after_the_takeover_is_refused(tmp_path: Path) -> None:
    storage = MemoryStorage()
    async with left_turn(tmp_path, storage) as left:
        async with memory_pod(tmp_path, storage=storage, model=ScriptedModel([[Say("mine")]]), name="heir") as heir:
            alice = await Guest.enter(heir, "alice")
            await alice.join(left.room_id, epoch=heir.epoch, seq=0)
            await alice.expect_type("turn_ended", outcome="done")
        assert not await storage.checkpoint(left.turn_id, fence=1, text="late words")
        assert not await storage.hold(left.turn_id, fence=1, pod="dead", lease_s=10.0)
