"""Turns that a dead pod left: taken over at the last durable step, never twice the same words or the same tool call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from multiplayer.live.pod import Pod
from multiplayer.models.scripted import DemoModel, Say, ScriptedModel
from multiplayer.protocol.commands import CallTool, FinishTool, PostMessage, StartTool, StartTurn
from multiplayer.protocol.ids import AccountId, CallId, RoomId, TurnId
from multiplayer.protocol.tools import ToolClass
from multiplayer.storage.memory import MemoryStorage
from tests.support.pods import Guest, memory_pod

pytestmark = pytest.mark.slow  # each waits for a lease to run out and a sweep to see it


class Left:
    """A room in which another pod claimed a turn and died."""

    def __init__(self, pod: Pod, room_id: RoomId, ai_id: AccountId, turn_id: TurnId) -> None:
        self.pod = pod
        self.room_id = room_id
        self.ai_id = ai_id
        self.turn_id = turn_id


@asynccontextmanager
async def left_turn(tmp_path: Path, storage: MemoryStorage) -> AsyncIterator[Left]:
    """The dead pod's part: it claimed the turn under fence 1 with a lease that is over at once."""
    async with memory_pod(tmp_path, storage=storage, name="dead") as pod:
        pod.turns.drain("this pod only begins what another has to end")
        alice = await Guest.enter(pod, "alice")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        await alice.join(room_id)
        await alice.post(room_id, "@ai write a.txt: once")
        requested = await alice.expect_type("turn_requested")
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
            arguments='{"path":"a.txt","content":"once"}',
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
        arguments = '{"path":"a.txt","content":"once"}'
        for command in (
            CallTool(turn_id=turn_id, fence=1, call_id=call_id, name="write_file", arguments=arguments),
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


async def test_what_the_dead_pod_says_after_the_takeover_is_refused(tmp_path: Path) -> None:
    storage = MemoryStorage()
    async with left_turn(tmp_path, storage) as left:
        async with memory_pod(tmp_path, storage=storage, model=ScriptedModel([[Say("mine")]]), name="heir") as heir:
            alice = await Guest.enter(heir, "alice")
            await alice.join(left.room_id, epoch=heir.epoch, seq=0)
            await alice.expect_type("turn_ended", outcome="done")
        assert not await storage.checkpoint(left.turn_id, fence=1, text="late words")
        assert not await storage.hold(left.turn_id, fence=1, pod="dead", lease_s=10.0)
