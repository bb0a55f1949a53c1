"""A server that is killed at any step of a turn: one end, at most one answer, no effect twice, nothing left reserved.

`AT_REST` are the states that a turn can stay in, named by the last thing that is in the log; `IN_FLIGHT` what is on
its way into the log. Those of tool calls are in `test_tool_transitions`, and the check that none is missing.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zlib import crc32

import pytest

from multiplayer.live.pod import Pod
from multiplayer.protocol.commands import PostMessage, StopTurn
from multiplayer.protocol.events import AnswerRegenerated, Event, SummaryUpdated, event_adapter
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.inner_commands import StartTurn
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.turn_events import ModelChanged, ToolFinished, TurnEnded, TurnStarted
from multiplayer.protocol.turn_fold import is_turn_event
from multiplayer.protocol.turns import WhileBusy
from tests.crash.turn_stage import ANSWER, Stage, check_turns, stage, when, words_then
from tests.support.nlweb_sites import RICE, RICE_CARD, c_answer, silent_after
from tests.support.provider import (
    Behaviour,
    Reply,
    answers,
    call,
    calls,
    silent_before_first_token,
    stalls_after,
    status,
)

WORDS = "These words were read."
STEER = "in seven words"
LINE = call("execute_command", {"command": "echo line >> log.txt"})
LONG = call("execute_command", {"command": "echo line >> log.txt; sleep 100"})
UNKNOWN = "outcome of this call is unknown"
NOT_RUN = "This call was not run"
POINTS = json.dumps({"points": [{"kind": "topic", "text": "They counted.", "sources": [1]}]})
FOLDS = RoomSettings(summarise_after=5)


def appends() -> Behaviour:
    """A call of a tool that appends a line to a file; where the machine allows no terminal, one that writes it."""

    async def play(reply: Reply) -> None:
        has_terminal = "execute_command" in json.dumps(reply.request.body["tools"])
        await calls(LINE if has_terminal else call("write_file", {"path": "log.txt", "content": "line\n"})).play(reply)

    return Behaviour("appends", play)


def thinks_and_stalls() -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.delta({"content": None, "reasoning_content": "Let me think."})
        await reply.until_closed()

    return Behaviour("thinks_and_stalls", play)


async def never_down(on: Stage, pod: Pod) -> None:
    """Nothing happens while no server runs."""


@dataclass(frozen=True)
class AtRest:
    """`after`: the last event of the turn in the log; `phase`: what was last said of it. `down`: done with no server."""

    name: str
    after: str
    reach: Callable[[Stage], Awaitable[None]]
    plays: Sequence[Behaviour] = ()
    phase: str | None = None
    down: Callable[[Stage, Pod], Awaitable[None]] = never_down
    ends: tuple[str, ...] = ("done",)
    says: tuple[str, ...] = (ANSWER,)
    handles: tuple[str, ...] = ()
    settings: RoomSettings | None = None
    more: Callable[[Stage, Sequence[Event]], None] = lambda on, events: None  # noqa: ARG005 - nothing more to check
    lines: int = 0


async def at_once() -> None:
    """Nothing happens before the end."""


async def nobody_asks(on: Stage) -> None:
    pass


# How a turn gets there


def asked(case: str, requests: int = 1) -> Callable[[Stage], Awaitable[None]]:
    """The model was asked and says nothing."""

    async def reach(on: Stage) -> None:
        await on.say(case, "@ai")
        await on.director.until_asked(case, requests)

    return reach


async def _thought(on: Stage) -> None:
    await on.say("thinking", "@ai")
    assert on.alice is not None
    await on.alice.expect_type("ai_thinking", room_id=on.rooms["thinking"])


async def _said(on: Stage) -> None:
    await on.say("words", "@ai")
    await on.until_saved("words", WORDS)


async def _said_and_called(on: Stage) -> None:
    await on.say("words_and_call", "@ai")
    await on.until_logged("words_and_call", "tool_started")
    await on.until_saved("words_and_call", WORDS)
    await _until_line(on, "words_and_call")


async def _tool_runs(on: Stage) -> None:
    await on.say("tool", "@ai")
    await on.until_logged("tool", "tool_started")
    await _until_line(on, "tool")


async def _until_line(on: Stage, case: str) -> None:
    async with asyncio.timeout(20):
        while not on.log_file(case):  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.02)


async def _tool_called(on: Stage) -> None:
    """Two calls in one answer: the second is asked for, and waits for the first."""
    await on.say("called", "@ai")
    await on.until_logged("called", "tool_started")
    await _until_line(on, "called")


async def _steered(on: Stage) -> None:
    await asked("steered")(on)
    await on.act("steered", "steer_turn", turn_id=await on.turn_id("steered"), text=STEER)


async def _steering_taken(on: Stage) -> None:
    await asked("taken")(on)
    await on.act("taken", "steer_turn", turn_id=await on.turn_id("taken"), text=STEER)
    on.gates["taken"].set()
    await on.director.until_asked("taken", 2)


async def _switched(on: Stage) -> None:
    await on.say("switched", "@pair")
    await on.director.until_asked("switched", 2)
    await on.until_logged("switched", "model_changed")


async def _cards(on: Stage) -> None:
    await on.say("cards", "@site")
    await on.until("SELECT count(*) > 0 FROM turns WHERE room_id = $1 AND cards IS NOT NULL", on.rooms["cards"])


async def _waits(on: Stage) -> None:
    await on.say("waiting", "@ai")
    assert on.alice is not None
    await on.alice.expect_type("turn_progress", room_id=on.rooms["waiting"], phase="waiting")


def folding(case: str, requests: int) -> Callable[[Stage], Awaitable[None]]:
    async def reach(on: Stage) -> None:
        for number in range(12):
            await on.say(case, f"{number} is a number,")
        await asked(case, requests)(on)

    return reach


async def _collected(on: Stage) -> None:
    await asked("collected")(on)
    await on.say("collected", "@ai two")
    await on.say("collected", "@ai three")


async def _regenerating(on: Stage) -> None:
    await on.say("again", "@ai")
    await on.until_logged("again", "turn_ended")
    [end] = [event for event in await on.events("again") if isinstance(event, TurnEnded)]
    await on.act("again", "regenerate_answer", message_id=end.message_id)
    await on.director.until_asked("again", 2)


async def _context(on: Stage) -> None:
    """What its summary was made with is being read; the caller has locked it."""
    await on.say("context", "@ai")
    await on.until_reading("prompt_parts")


async def _before_context(on: Stage) -> None:
    await folding("context", 2)(on)
    await on.until_logged("context", "turn_ended")


# What happens while no server runs


async def _ask_beside(on: Stage, pod: Pod, case: str) -> None:
    host = await pod.directory.host(on.rooms[case])
    await host.ask((await on.know(pod)).id, PostMessage(text=f"@ai case:{case}"), origin="cli")


async def _ask_unclaimed(on: Stage, pod: Pod) -> None:
    await _ask_beside(on, pod, "unclaimed")


async def _claim(on: Stage, pod: Pod) -> None:
    """A pod that dies right after its claim, before it took the lease."""
    await _ask_beside(on, pod, "claimed")
    host = await pod.directory.host(on.rooms["claimed"])
    [turn] = host.room.state.turns.values()
    await host.ask(turn.ai_id, StartTurn(turn_id=turn.turn_id, fence=1, pod="dead"), origin="server")


async def _stop(on: Stage, pod: Pod) -> None:
    host = await pod.directory.host(on.rooms["stopped"])
    [turn_id] = host.room.state.turns
    await host.ask((await on.know(pod)).id, StopTurn(turn_id=turn_id), origin="cli")


async def _interrupt(on: Stage, pod: Pod) -> None:
    await _ask_beside(on, pod, "interrupted")


# What must have come of it


def requests(case: str, count: int) -> Callable[[Stage, Sequence[Event]], None]:
    def check(on: Stage, events: Sequence[Event]) -> None:
        assert len(on.director.asked[case]) == count

    return check


def told(case: str, text: str, count: int = 2) -> Callable[[Stage, Sequence[Event]], None]:
    """The model that was asked after the death was told this, once."""

    def check(on: Stage, events: Sequence[Event]) -> None:
        assert len(on.director.asked[case]) == count
        assert on.director.told(case, text, request=count - 1) == 1

    return check


def one(case: str, kind: type[Event], count: int) -> Callable[[Stage, Sequence[Event]], None]:
    def check(on: Stage, events: Sequence[Event]) -> None:
        assert len([event for event in events if isinstance(event, kind)]) == 1
        assert len(on.director.asked[case]) == count

    return check


def _unknown(on: Stage, events: Sequence[Event]) -> None:
    """The model was told once, asked for the same call again, was told the same, and went on."""
    [finished] = [event for event in events if isinstance(event, ToolFinished)]
    assert finished.code == "unknown"
    assert [on.director.told("tool", UNKNOWN, request=number) for number in (1, 2)] == [1, 2]


def _both_calls(on: Stage, events: Sequence[Event]) -> None:
    assert [event.code for event in events if isinstance(event, ToolFinished)] == ["unknown", "not_run"]
    assert on.director.told("called", UNKNOWN) == on.director.told("called", NOT_RUN) == 1


def _told_of_the_line(on: Stage, events: Sequence[Event]) -> None:
    assert len(on.director.asked["finished"]) == 3
    assert on.director.told("finished", "exit status") + on.director.told("finished", "wrote ") == 1


def _one_card(on: Stage, events: Sequence[Event]) -> None:
    message = next(event.message for event in events if event.type == "message_posted" and event.message.turn_id)
    assert message.cards == (RICE_CARD,)


SILENT = silent_before_first_token()
NEEDS_TERMINAL = ("words_and_call", "called", "tool")
"""Only a command can run for long. That a tool ran and nobody knows is `finishing` everywhere."""


def at_rest(gate_of: Callable[[str], asyncio.Event]) -> Sequence[AtRest]:
    return (
        AtRest("unclaimed", "turn_requested", nobody_asks, down=_ask_unclaimed, more=requests("unclaimed", 1)),
        AtRest("claimed", "turn_started", nobody_asks, down=_claim, more=requests("claimed", 1)),
        AtRest("collected", "turn_collected", _collected, [SILENT], ends=("done", "done"), says=(ANSWER, ANSWER)),
        AtRest("context", "turn_started", _before_context, [answers(POINTS), answers("A first answer.")],
               phase="context", settings=FOLDS, ends=("done", "done"), says=("A first answer.", ANSWER),
               more=one("context", SummaryUpdated, 3)),
        AtRest("summary", "turn_started", folding("summary", 1), [SILENT], phase="context", settings=FOLDS,
               more=one("summary", SummaryUpdated, 3)),
        AtRest("folded", "summary_updated", folding("folded", 2), [answers(POINTS), SILENT], phase="model",
               settings=FOLDS, more=one("folded", SummaryUpdated, 3)),
        AtRest("silent", "turn_started", asked("silent"), [SILENT], phase="model", more=requests("silent", 2)),
        AtRest("thinking", "turn_started", _thought, [thinks_and_stalls()], phase="model"),
        AtRest("waiting", "turn_started", _waits, [status(429, retry_after="28")], phase="waiting"),
        AtRest("switched", "model_changed", _switched, [status(400), SILENT], phase="model", handles=("pair",),
               more=one("switched", ModelChanged, 3)),
        AtRest("words", "turn_started", _said, [stalls_after(WORDS)], phase="model", ends=("interrupted",),
               says=(WORDS,), more=requests("words", 1)),
        AtRest("cards", "turn_started", _cards, [silent_after(*c_answer(RICE))], handles=("site",),
               ends=("interrupted",), says=("",), more=_one_card),
        AtRest("words_and_call", "tool_started", _said_and_called, [calls(LONG, text=WORDS)], phase="tool",
               ends=("interrupted",), says=(WORDS,), more=requests("words_and_call", 1), lines=1),
        AtRest("called", "tool_started", _tool_called, [calls(LONG, ("call_2", *LINE[1:]))], phase="tool",
               more=_both_calls, lines=1),
        AtRest("tool", "tool_started", _tool_runs, [calls(LONG), calls(LONG)], phase="tool", more=_unknown, lines=1),
        AtRest("finished", "tool_finished", asked("finished", 2), [appends(), SILENT], phase="model",
               more=_told_of_the_line, lines=1),
        AtRest("steered", "turn_steered", _steered, [SILENT], phase="model", more=told("steered", STEER)),
        AtRest("taken", "steering_taken", _steering_taken, [when(gate_of("taken"), appends()), SILENT],
               phase="model", more=told("taken", STEER, 3), lines=1),
        AtRest("again", "turn_started", _regenerating, [answers("A first answer."), SILENT], phase="model",
               ends=("done", "done"), says=("A first answer.", ANSWER), more=one("again", AnswerRegenerated, 3)),
        AtRest("stopped", "turn_stop_requested", asked("stopped"), [SILENT], down=_stop, ends=("stopped",), says=(),
               more=requests("stopped", 1)),
        AtRest("interrupted", "turn_requested", asked("interrupted"), [SILENT], down=_interrupt,
               settings=RoomSettings(while_busy=WhileBusy.INTERRUPT), ends=("interrupted", "done"),
               more=requests("interrupted", 2)),
    )  # fmt: skip


def texts_in(events: Sequence[Event]) -> list[str]:
    """What the AIs said, in order: answers and further answers."""
    said = []
    for event in events:
        if event.type == "message_posted" and event.message.turn_id is not None:
            said.append(event.message.text)
        if isinstance(event, AnswerRegenerated):
            said.append(event.answer.text)
    return said


def check_case(on: Stage, case: AtRest, events: Sequence[Event]) -> None:
    check_turns(events)
    assert tuple(event.outcome.value for event in events if isinstance(event, TurnEnded)) == case.ends
    assert tuple(texts_in(events)) == case.says
    assert on.log_file(case.name) == ["line"] * case.lines
    case.more(on, events)


def last_of_turn(events: Sequence[Event]) -> str:
    return next(event.type for event in reversed(events) if is_turn_event(event) or isinstance(event, SummaryUpdated))


@pytest.mark.slow
@pytest.mark.timeout(150)
async def test_a_turn_whose_server_is_killed_at_any_state_ends_once_and_repeats_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        cases = at_rest(on.gates.__getitem__)
        if not await on.has_terminal():
            cases = [case for case in cases if case.name not in NEEDS_TERMINAL]
            sys.stdout.write(f"\nleft out, as this machine allows no terminal: {', '.join(NEEDS_TERMINAL)}\n")
        on.director.plays = {case.name: case.plays for case in cases}
        async with on.beside() as pod:
            for case in cases:
                await on.make_room(pod, case.name, handles=case.handles, settings=case.settings)
        await on.install_holds()
        async with on.alice_comes(list(on.rooms.values())):
            for case in cases:
                await case.reach(on)
            await check_reached(on, [case for case in cases if case.down is never_down and case.name != "context"])
            async with on.locked("prompt_parts"):
                await _context(on)
                await check_reached(on, [case for case in cases if case.name == "context"])
                await on.server.kill()
        async with on.beside() as pod:
            for case in cases:
                if case.down is not never_down:
                    await case.down(on, pod)
                    lines = await pod.storage.events_after(on.rooms[case.name], 0, limit=500)
                    assert last_of_turn([event_adapter.validate_json(line.line) for line in lines]) == case.after
        await on.server.start()
        await on.let_leases_run_out()
        await on.until_all_ended()
        wrong = []
        for case in cases:
            events = await on.events(case.name)
            try:
                check_case(on, case, events)
            except AssertionError as error:
                turn = [f"{event.seq} {event.type}" for event in events if is_turn_event(event)]
                wrong.append(f"{case.name}: {error}\n{turn}\n{texts_in(events)}")
        assert not wrong, "\n\n".join(wrong)
        await on.check_money()


async def check_reached(on: Stage, cases: Sequence[AtRest]) -> None:
    """Fail if a turn is not where its case says that it is killed."""
    for case in cases:
        events = await on.events(case.name)
        assert last_of_turn(events) == case.after, case.name
        if case.phase is not None:
            await on.until_phase(case.name, case.phase)
        assert any(isinstance(event, TurnStarted) for event in events)


async def nothing(on: Stage, case: str) -> None:
    pass


async def _first_asked(on: Stage, case: str) -> None:
    await on.say(case, "@pair" if case == "switching" else "@ai")
    await on.director.until_asked(case, 1)


@dataclass(frozen=True)
class InFlight:
    """`kind`: the event whose append the server is killed in; `until`: the turn is ready for it when its gate opens.

    `then`: what is done once its append would be held. `again`: what is done when the server runs again.
    """

    name: str
    kind: str
    plays: Callable[[asyncio.Event], Sequence[Behaviour]] = lambda gate: ()  # noqa: ARG005 - it waits for nothing
    until: Callable[[Stage, str], Awaitable[None]] = _first_asked
    then: Callable[[Stage, str], Coroutine[None, None, None]] = nothing
    again: Callable[[Stage, str], Awaitable[None]] = nothing
    says: tuple[str, ...] = (ANSWER,)
    ends: tuple[str, ...] = ("done",)
    handles: tuple[str, ...] = ()
    settings: RoomSettings | None = None
    more: Callable[[Stage, Sequence[Event]], None] = lambda on, events: None  # noqa: ARG005 - nothing more to check
    lines: int = 0


async def _just_asked(on: Stage, case: str) -> None:
    await on.say(case, "@ai")


async def _words_saved(on: Stage, case: str) -> None:
    await on.say(case, "@ai")
    await on.until_saved(case, WORDS)


async def _second_words_saved(on: Stage, case: str) -> None:
    await on.say(case, "@ai")
    await on.until_logged(case, "turn_ended")
    [end] = [event for event in await on.events(case) if isinstance(event, TurnEnded)]
    await on.act(case, "regenerate_answer", message_id=end.message_id)
    await on.until_saved(case, WORDS)


async def _steered_too(on: Stage, case: str) -> None:
    await _first_asked(on, case)
    await on.act(case, "steer_turn", turn_id=await on.turn_id(case), text=STEER)


async def _much_said(on: Stage, case: str) -> None:
    await folding(case, 1)(on)


def codes(*wanted: str) -> Callable[[Stage, Sequence[Event]], None]:
    def check(on: Stage, events: Sequence[Event]) -> None:
        assert tuple(event.code for event in events if isinstance(event, ToolFinished)) == wanted

    return check


IN_FLIGHT = (
    InFlight("starting", "turn_started", until=nothing, then=_just_asked, more=requests("starting", 1)),
    InFlight("calling", "tool_called", lambda gate: [when(gate, appends())], more=requests("calling", 2)),
    InFlight("taking", "steering_taken", lambda gate: [when(gate, appends())], _steered_too, lines=1,
             more=told("taking", STEER)),
    InFlight("switching", "model_changed", lambda gate: [when(gate, status(400))], handles=("pair",),
             more=requests("switching", 2)),
    InFlight("folding", "summary_updated", lambda gate: [when(gate, answers(POINTS)), answers(POINTS)], _much_said,
             settings=FOLDS, more=one("folding", SummaryUpdated, 3)),
    InFlight("ending", "turn_ended", lambda gate: [words_then(gate, WORDS)], _words_saved, says=(WORDS,),
             ends=("interrupted",), more=requests("ending", 1)),
    InFlight("posting", "message_posted", lambda gate: [words_then(gate, WORDS)], _words_saved, says=(WORDS,),
             ends=("interrupted",), more=requests("posting", 1)),
    InFlight("replacing", "answer_regenerated", lambda gate: [answers("A first answer."), words_then(gate, WORDS)],
             _second_words_saved, says=("A first answer.", WORDS), ends=("done", "interrupted")),
)  # fmt: skip
DONE_BY_ALICE = ("approval_decided", "turn_undone")
AT_ONCE = 2
"""Appends that one server writes at the same time: those of rooms in different shards."""


def is_in_shard(shard: int, room_id: RoomId) -> bool:
    return crc32(room_id.encode()) % AT_ONCE == shard


@pytest.mark.slow
@pytest.mark.timeout(150)
async def test_an_append_of_a_turn_in_which_the_server_is_killed_is_whole_or_not_there(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await make_in_flight(on, IN_FLIGHT)
        for first in range(0, len(IN_FLIGHT), AT_ONCE):
            await kill_in_flight(on, IN_FLIGHT[first : first + AT_ONCE])
            await start_again(on)
        for case in IN_FLIGHT:
            await check_in_flight(on, case)
        await on.check_money()


async def make_in_flight(on: Stage, cases: Sequence[InFlight]) -> None:
    on.director.plays |= {case.name: case.plays(on.gates[case.name]) for case in cases}
    async with on.beside() as pod:
        for number, case in enumerate(cases):
            fits = partial(is_in_shard, number % AT_ONCE)
            await on.make_room(pod, case.name, handles=case.handles, settings=case.settings, fits=fits)
    await on.install_holds()


async def kill_in_flight(
    on: Stage, cases: Sequence[InFlight], *, frozen: Callable[[], Awaitable[None]] = at_once
) -> None:
    """Kill the server while the database is writing what the cases name; nothing of it is in the log then.

    `frozen`: what is done while the server stands still, right before its end.
    """
    async with on.alice_comes([on.rooms[case.name] for case in cases]) as alice:
        for case in cases:
            await case.until(on, case.name)
        async with on.held(*((case.name, case.kind) for case in cases)):
            async with asyncio.TaskGroup() as tasks:
                for case in cases:
                    on.gates[case.name].set()
                    tasks.create_task(case.then(on, case.name))
            await on.until_held(len(cases))
            before = {case.name: await on.events(case.name) for case in cases}
            os.kill(on.server.pid, signal.SIGSTOP)
            try:
                await frozen()
            finally:
                await on.server.kill()
        for case in cases:
            of_turn = [event.type for event in before[case.name] if event.actor_id != alice.id]
            if case.kind in DONE_BY_ALICE:
                assert case.kind not in [event.type for event in before[case.name]]
                continue
            # Of an answer that is given again, what came of the first one is there.
            kinds = of_turn[of_turn.index("turn_ended") + 1 :] if "turn_ended" in of_turn else of_turn
            assert case.kind not in kinds
            assert "turn_started" in kinds or case.kind == "turn_started"


async def start_again(on: Stage) -> None:
    await on.server.start()
    await on.let_leases_run_out()
    await on.until_all_ended()


async def check_in_flight(on: Stage, case: InFlight) -> None:
    events = await on.events(case.name)
    check_turns(events)
    assert tuple(texts_in(events)) == case.says, case.name
    assert tuple(event.outcome.value for event in events if isinstance(event, TurnEnded)) == case.ends, case.name
    assert on.log_file(case.name) == ["line"] * case.lines, case.name
    case.more(on, events)
