"""Deciding about tool calls, undoing turns and taking proposals through the SDK, at a real server."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from multiplayer.client import Client, RefusalCode, Refused, Room
from multiplayer.models.scripted import Call, Say, ScriptedModel, Step
from multiplayer.protocol.commands import SetRoomSettings
from multiplayer.protocol.members import Role
from multiplayer.protocol.tools import ApprovalPolicy, ToolClass
from multiplayer.protocol.turn_events import ApprovalRequested, FilesChanged, ProposalDecided, TurnEnded, TurnUndone
from tests.support.server import RunningServer, running_server

pytestmark = pytest.mark.slow
PATIENCE_S = 20.0
WRITE = Call("write_file", {"path": "a.txt", "content": "one\n"})


@asynccontextmanager
async def rooms(folder: Path, *scripts: Sequence[Step]) -> AsyncIterator[tuple[Room, Room, RunningServer]]:
    """Alice's room and bob in it, where nobody approves their own wishes and members' writes are approved."""
    async with running_server(folder, model=ScriptedModel(scripts)) as server:
        alice, bob = await server.know("alice"), await server.know("bob")
        await server.room(alice, bob)
        async with Client(server.url, token=alice.token) as one, Client(server.url, token=bob.token) as two:
            mine = await one.room("demo")
            policy = ApprovalPolicy(asks_before_writes=True, not_asker=True)
            settings = mine.view.room.settings.model_copy(update={"approvals": policy})
            await mine.command(SetRoomSettings(settings=settings))
            yield mine, await two.room("demo"), server


async def heard(room: Room, kind: type, after: int) -> None:
    await room.wait_for(lambda word: isinstance(word, kind), PATIENCE_S, after=after)


async def test_a_waiting_call_is_in_the_view_also_of_who_comes_later_and_is_approved_once(tmp_path: Path) -> None:
    async with rooms(tmp_path, [WRITE], [Say("Done.")]) as (alice, bob, server):
        assert list(alice.view.waiting_approvals) == []
        sent = await bob.send("@ai write")
        await heard(alice, ApprovalRequested, sent.seq)
        (waiting,) = alice.view.waiting_approvals
        assert (waiting.call.name, waiting.card.tool_class, waiting.card.needed) == ("write_file", ToolClass.WRITE, 1)
        assert [waiting.turn.turn_id] == list(await bob.turns_of(sent))
        late = await server.know("carla")
        await server.add(alice.id, await server.know("alice"), late, Role.ADMIN)
        async with Client(server.url, token=late.token) as client:
            (seen,) = (await client.room("demo")).view.waiting_approvals
        assert seen.card == waiting.card
        with pytest.raises(Refused) as raised:
            await bob.approve(waiting)
        assert raised.value.code is RefusalCode.FORBIDDEN
        turn_id, call_id = waiting.turn.turn_id, waiting.call.call_id
        with pytest.raises(Refused) as raised:
            await alice.decide_approval(turn_id, call_id, "0" * 64, is_approved=True)
        assert raised.value.code is RefusalCode.CONFLICT
        await alice.approve(waiting)
        await heard(alice, TurnEnded, sent.seq)
        assert alice.view.waiting_approvals == ()
        with pytest.raises(Refused):
            await alice.approve(waiting)
        assert (tmp_path / alice.id / "a.txt").read_text() == "one\n"


async def test_a_rejected_call_waits_no_longer_and_nothing_is_written(tmp_path: Path) -> None:
    async with rooms(tmp_path, [WRITE], [Say("Well.")]) as (alice, bob, _):
        sent = await bob.send("@ai write")
        await heard(alice, ApprovalRequested, sent.seq)
        await alice.reject(alice.view.waiting_approvals[0])
        await heard(alice, TurnEnded, sent.seq)
        assert alice.view.waiting_approvals == ()
        assert not (tmp_path / alice.id / "a.txt").exists()


async def test_a_call_of_a_turn_that_is_being_stopped_waits_no_longer(tmp_path: Path) -> None:
    async with rooms(tmp_path, [WRITE]) as (alice, bob, _):
        sent = await bob.send("@ai write")
        await heard(bob, ApprovalRequested, sent.seq)
        accepted = await bob.stop_turn(bob.view.waiting_approvals[0].turn.turn_id)
        assert accepted.seq is not None
        await heard(bob, TurnEnded, sent.seq)
        assert bob.view.waiting_approvals == ()
        assert not (tmp_path / alice.id / "a.txt").exists()


async def test_a_turn_is_undone_and_what_others_changed_since_only_stays_if_that_is_wanted(tmp_path: Path) -> None:
    second = Call("write_file", {"path": "b.txt", "content": "two"})
    async with rooms(tmp_path, [WRITE, second], [Say("Done.")]) as (alice, _, _):
        sent = await alice.send("@ai write")
        await heard(alice, FilesChanged, sent.seq)
        await heard(alice, TurnEnded, sent.seq)
        (turn_id,) = await alice.turns_of(sent)
        await alice.write_file("a.txt", b"mine", "*")
        accepted = await alice.undo_turn(turn_id)
        assert accepted.seq is not None
        undone = await alice.wait_for(lambda word: isinstance(word, TurnUndone), PATIENCE_S, after=accepted.seq)
        assert isinstance(undone, TurnUndone)
        assert (undone.is_ok, undone.conflicts) == (False, ("a.txt",))
        accepted = await alice.undo_turn(turn_id, keeps_others=True)
        assert accepted.seq is not None
        await heard(alice, TurnUndone, accepted.seq)
        assert [path.name for path in (tmp_path / alice.id).iterdir()] == ["a.txt"]
        assert await alice.read_file("a.txt") == b"mine"


async def test_a_proposal_is_taken_or_dropped_once(tmp_path: Path) -> None:
    proposing = [Call("remember", {"text": "we are vegan"}), Call("remember", {"text": "we are ten"})]
    async with rooms(tmp_path, proposing, [Say("I asked.")]) as (alice, bob, _):
        sent = await alice.send("@ai keep that in mind")
        await heard(alice, TurnEnded, sent.seq)
        first, second = alice.view.proposals
        await bob.decide_proposal(first.id, is_accepted=True)
        accepted = await bob.decide_proposal(second.id, is_accepted=False)
        assert accepted.seq is not None
        await heard(alice, ProposalDecided, accepted.seq - 1)
        assert [fact.text for fact in alice.view.facts] == ["we are vegan"]
        assert alice.view.proposals == ()
        with pytest.raises(Refused) as raised:
            await alice.decide_proposal(first.id, is_accepted=False)
        assert raised.value.code is RefusalCode.NOT_FOUND
