"""A server that is killed while a tool call waits for people, runs, or is undone: nothing runs twice, or unapproved."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import get_args

import pytest
from typing_extensions import override

from multiplayer.live.pod import Pod
from multiplayer.models.port import Finished, TextDelta, ToolCall
from multiplayer.protocol.commands import DecideApproval, UndoTurn
from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.inner_commands import (
    CallTool,
    ChangeModel,
    EndTurn,
    ExpireApproval,
    FinishTool,
    NoteChanges,
    Propose,
    RequestApproval,
    StartTool,
    StartTurn,
    TakeSteering,
    TurnCommand,
    UpdateSummary,
)
from multiplayer.protocol.signals import TurnProgress
from multiplayer.protocol.turn_events import (
    ApprovalDecided,
    ApprovalRequested,
    ChangeProposed,
    FilesChanged,
    ToolStarted,
    TurnUndone,
    UndoRequested,
)
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Append, Appended, StorageUnavailable
from tests.crash.test_turn_transitions import (
    AT_ONCE,
    IN_FLIGHT,
    NOT_RUN,
    UNKNOWN,
    AtRest,
    InFlight,
    appends,
    at_rest,
    check_case,
    check_in_flight,
    codes,
    kill_in_flight,
    make_in_flight,
    start_again,
)
from tests.crash.turn_stage import Stage, stage, when
from tests.live.test_approvals import Machine, Time
from tests.live.test_approvals import call as asks_for
from tests.live.test_turn_controls import room_of
from tests.support.chunk_model import ChunkModel
from tests.support.pods import Guest, memory_pod
from tests.support.provider import answers, call, calls

GUARDED = call("write_file", {"path": ".git/config", "content": "changed"})
"""What an owner is asked about before it runs, also where the machine allows no terminal."""
FIRST = "A first answer."

FOLLOWS = {
    StartTurn: "turn_started",
    CallTool: "tool_called",
    RequestApproval: "approval_requested",
    ExpireApproval: "approval_expired",
    StartTool: "tool_started",
    FinishTool: "tool_finished",
    NoteChanges: "files_changed",
    Propose: "change_proposed",
    TakeSteering: "steering_taken",
    ChangeModel: "model_changed",
    UpdateSummary: "summary_updated",
    EndTurn: "turn_ended",
}
"""What goes into the log when the holder of a turn submits something."""
IN_ONE_PROCESS = "approval_expired"
"""No card expires sooner than 30 s after it was shown: the pod that dies then has a clock of ours."""


# How a call gets there


async def _waits_for_people(on: Stage, case: str) -> None:
    await on.say(case, "@ai")
    await on.until_logged(case, "approval_requested")


def waiting(case: str) -> Callable[[Stage], Awaitable[None]]:
    async def reach(on: Stage) -> None:
        await _waits_for_people(on, case)

    return reach


async def _changed(on: Stage, case: str) -> None:
    """The turn has changed a file, and is over."""
    await on.say(case, "@ai")
    await on.until_logged(case, "turn_ended")
    assert on.log_file(case) == ["line"]


async def _change_at_rest(on: Stage) -> None:
    await _changed(on, "undo_wanted")


async def _approve(on: Stage, case: str) -> None:
    card = await on.card(case)
    fields = {"turn_id": card.turn_id, "call_id": card.call_id, "sha256": card.sha256, "is_approved": True}
    await on.act(case, "decide_approval", **fields)


async def _approve_unanswered(on: Stage, case: str) -> None:
    card = await on.card(case)
    fields = {"turn_id": card.turn_id, "call_id": card.call_id, "sha256": card.sha256, "is_approved": True}
    await on.tell(case, "decide_approval", **fields)


async def _undo(on: Stage, case: str) -> None:
    await on.act(case, "undo_turn", turn_id=await on.turn_id(case))


# What happens while the server stands still


async def _approve_beside(on: Stage, pod: Pod) -> None:
    card = await on.card("approved")
    decide = DecideApproval(turn_id=card.turn_id, call_id=card.call_id, sha256=card.sha256, is_approved=True)
    host = await pod.directory.host(on.rooms["approved"])
    await host.ask((await on.know(pod)).id, decide, origin="cli")


async def _undo_beside(on: Stage, pod: Pod) -> None:
    host = await pod.directory.host(on.rooms["undo_wanted"])
    await host.ask((await on.know(pod)).id, UndoTurn(turn_id=await on.turn_id("undo_wanted")), origin="cli")


# What happens when one runs again


async def _approve_too_late(on: Stage, case: str) -> None:
    """A yes for what the dead one had asked."""
    assert on.alice is not None
    card = await on.card(case)
    fields = {"turn_id": card.turn_id, "call_id": card.call_id, "sha256": card.sha256, "is_approved": True}
    refused = await on.alice.ask(on.rooms[case], "decide_approval", key=None, **fields)
    assert refused["code"] == "not_found", refused


async def _until_undone(on: Stage, case: str) -> None:
    await on.until_logged(case, "turn_undone")


# What must have come of it


def _never_began(case: str) -> Callable[[Stage, Sequence[Event]], None]:
    """Neither the new holder nor the old one has run it, and the model was told so."""

    def check(on: Stage, events: Sequence[Event]) -> None:
        codes("not_run")(on, events)
        assert not [event for event in events if isinstance(event, ToolStarted)]
        assert not (on.server.data_dir / "workspaces" / on.rooms[case] / ".git" / "config").exists()
        assert on.director.told(case, NOT_RUN) == 1

    return check


def _never_asked(on: Stage, events: Sequence[Event]) -> None:
    _never_began("requesting")(on, events)
    assert not [event for event in events if isinstance(event, ApprovalRequested)]


def _never_decided(on: Stage, events: Sequence[Event]) -> None:
    _never_began("deciding")(on, events)
    assert not [event for event in events if isinstance(event, ApprovalDecided)]


def _told_what_changed(on: Stage, events: Sequence[Event]) -> None:
    codes("unknown")(on, events)
    [changed] = [event for event in events if isinstance(event, FilesChanged)]
    assert [change.path for change in changed.changes] == ["log.txt"]


def _ran_and_nobody_knows(on: Stage, events: Sequence[Event]) -> None:
    codes("unknown")(on, events)
    assert on.director.told("changing", UNKNOWN) == 1


def _proposed_nothing(on: Stage, events: Sequence[Event]) -> None:
    codes("unknown")(on, events)
    assert not [event for event in events if isinstance(event, ChangeProposed)]


def _undone_once(on: Stage, events: Sequence[Event]) -> None:
    assert len([event for event in events if isinstance(event, UndoRequested)]) == 1
    [undone] = [event for event in events if isinstance(event, TurnUndone)]
    assert (undone.is_ok, undone.conflicts) == (True, ())


RESTS = (
    AtRest("waiting_for_people", "approval_requested", waiting("waiting_for_people"), [calls(GUARDED)],
           phase="approval", more=_never_began("waiting_for_people")),
    AtRest("approved", "approval_decided", waiting("approved"), [calls(GUARDED)], down=_approve_beside,
           more=_never_began("approved")),
    AtRest("undo_wanted", "undo_requested", _change_at_rest, [appends(), answers(FIRST)], down=_undo_beside,
           says=(FIRST,), more=_undone_once),
)  # fmt: skip
FLIGHTS = (
    InFlight("running", "tool_started", lambda gate: [when(gate, appends())], more=codes("not_run")),
    InFlight("starting_approved", "tool_started", lambda _: [calls(GUARDED)], _waits_for_people, _approve,
             more=_never_began("starting_approved")),
    InFlight("requesting", "approval_requested", lambda gate: [when(gate, calls(GUARDED))], more=_never_asked),
    InFlight("deciding", "approval_decided", lambda _: [calls(GUARDED)], _waits_for_people, _approve_unanswered,
             _approve_too_late, more=_never_decided),
    InFlight("changing", "files_changed", lambda gate: [when(gate, appends())], more=_ran_and_nobody_knows, lines=1),
    InFlight("finishing", "tool_finished", lambda gate: [when(gate, appends())], more=_told_what_changed, lines=1),
    InFlight("proposing", "change_proposed",
             lambda gate: [when(gate, calls(call("remember", {"text": "The sky is blue."})))], more=_proposed_nothing),
    InFlight("undoing", "turn_undone", lambda _: [appends(), answers(FIRST)], _changed, _undo, _until_undone,
             says=(FIRST,), more=_undone_once),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_call_whose_server_is_killed_runs_at_most_once_and_never_unapproved(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await make_in_flight(on, FLIGHTS)
        async with on.beside() as pod:
            for rest in RESTS:
                on.director.plays[rest.name] = rest.plays
                await on.make_room(pod, rest.name)
        resting = [on.rooms[rest.name] for rest in RESTS]
        async with on.alice_comes(resting):
            for rest in RESTS:
                await rest.reach(on)
                if rest.phase is not None:
                    await on.until_phase(rest.name, rest.phase)

        async def frozen() -> None:
            async with on.beside() as pod:
                await _approve_beside(on, pod)
                await _undo_beside(on, pod)
            for rest in RESTS:
                assert (await on.events(rest.name))[-1].type == rest.after

        for first in range(0, len(FLIGHTS), AT_ONCE):
            cases = FLIGHTS[first : first + AT_ONCE]
            if first == 0:
                await kill_in_flight(on, cases, frozen=frozen)
            else:
                await kill_in_flight(on, cases)
            await start_again(on)
            async with on.alice_comes([*resting, *(on.rooms[case.name] for case in cases)]):
                if first == 0:
                    await _approve_too_late(on, "waiting_for_people")
                    await _approve_too_late(on, "approved")
                    await _until_undone(on, "undo_wanted")
                for case in cases:
                    await case.again(on, case.name)
        for rest in RESTS:
            check_case(on, rest, await on.events(rest.name))
        for case in FLIGHTS:
            await check_in_flight(on, case)
        await on.check_money()


# A card that expires


class Frail(MemoryStorage):
    """Whose pod `dead` dies while it writes that an approval has expired."""

    def __init__(self) -> None:
        super().__init__()
        self.dies, self.is_over = asyncio.Event(), asyncio.Event()

    @override
    async def append(self, append: Append) -> Appended:
        if not self.is_over.is_set() and any(b'"approval_expired"' in event.line for event in append.events):
            self.dies.set()
            await self.is_over.wait()
            raise StorageUnavailable("the pod is dead")
        return await super().append(append)

    @override
    async def hold(self, turn_id: TurnId, *, fence: int, pod: str, lease_s: float) -> bool:
        if pod == "dead" and self.dies.is_set() and lease_s:
            raise StorageUnavailable("the pod is dead")
        return await super().hold(turn_id, fence=fence, pod=pod, lease_s=lease_s)


@pytest.mark.slow
async def test_a_pod_that_dies_while_it_writes_that_an_approval_expired_leaves_a_call_that_did_not_run(
    tmp_path: Path,
) -> None:
    storage, machine, time = Frail(), Machine(), Time()
    wants = ChunkModel(asks_for(ToolCall("c1", "run", '{"command":"echo hello"}')))
    says = ChunkModel([TextDelta("It did not run."), Finished("stop")])
    given = {"storage": storage, "tools": machine.tools, "clock": time.clock()}
    async with memory_pod(tmp_path, model=wants, name="dead", **given) as dead:  # type: ignore[arg-type]  # as named
        olga, bob = await Guest.enter(dead, "olga"), await Guest.enter(dead, "bob")
        room_id = await room_of(olga, bob)
        await bob.post(room_id, "@ai run it")
        card = await olga.expect_type("approval_requested")
        time.ahead_s = 601.0
        async with asyncio.timeout(10):
            await storage.dies.wait()
        await storage.hold(TurnId(str(card["turn_id"])), fence=1, pod="dead", lease_s=0.0)
        async with memory_pod(tmp_path, model=says, name="heir", **given) as heir:  # type: ignore[arg-type]  # as named
            there = await Guest.enter(heir, "olga")
            await there.join(room_id, epoch=heir.epoch, seq=0)
            finished = await there.expect_type("tool_finished")
            assert (finished["is_ok"], finished["code"]) == (False, "not_run")
            assert (await there.expect_type("turn_ended"))["outcome"] == "done"
            storage.is_over.set()
    assert machine.ran == []
    assert not any(b'"approval_expired"' in event.line for event in await storage.events_after(room_id, 0, limit=100))


# That nothing is missing


def test_every_event_of_a_turn_and_every_phase_has_a_case() -> None:
    of_turns = {
        str(event.model_fields["type"].default)
        for event in get_args(Event)
        if "turn_id" in json.dumps(event.model_json_schema())
    }
    rests = (*at_rest(lambda _: asyncio.Event()), *RESTS)
    in_flight = {IN_ONE_PROCESS, *(case.kind for case in (*IN_FLIGHT, *FLIGHTS))}
    assert of_turns | set(FOLLOWS.values()) <= {case.after for case in rests} | in_flight
    assert set(FOLLOWS) == set(get_args(TurnCommand))
    assert set(FOLLOWS.values()) <= in_flight, "each command of a turn's holder is killed on its way into the log"
    assert set(get_args(TurnProgress.model_fields["phase"].annotation)) == {case.phase for case in rests if case.phase}
