"""Two servers on one database: who holds a turn's lease speaks, and whoever lost it is heard no more."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from multiplayer.protocol.commands import PostMessage
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import CallId
from multiplayer.protocol.inner_commands import CallTool, ChangeModel, EndTurn, StartTurn
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.tools import ApprovalPolicy
from multiplayer.protocol.turn_events import ApprovalDecided, ApprovalRequested, ToolFinished, TurnEnded, TurnStarted
from multiplayer.protocol.turns import TurnOutcome
from tests.crash.turn_stage import ANSWER, IN_TIME_S, Stage, check_turns, person_at, two_stages, when, words_then
from tests.support.people import Line, WebSocketPerson, until
from tests.support.provider import (
    Behaviour,
    Reply,
    answers,
    call,
    calls,
    silent_before_first_token,
    stalls_after,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

WORDS = "These words were read."
LINE = call("execute_command", {"command": "echo line >> log.txt"})
LONG = call("execute_command", {"command": "echo line >> log.txt; sleep 100"})
TAKEN_OVER_S = 25.0
"""A lease of 10 s, a sweep each second, and a busy machine."""
RACES = 50
ASKS_ALL = RoomSettings(approvals=ApprovalPolicy(admins_confirm=True))

Pair = tuple[Stage, Stage]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    async with two_stages(tmp_path_factory.mktemp("two")) as pair:
        yield pair


def outcome(events: list[Event]) -> tuple[str, list[str]]:
    """How the only turn of a room ended, and what was said in it."""
    [end] = [event.outcome.value for event in events if isinstance(event, TurnEnded)]
    return end, [e.message.text for e in events if e.type == "message_posted" and e.message.turn_id is not None]


def pods_of(events: list[Event]) -> list[str]:
    return [event.pod for event in events if isinstance(event, TurnStarted)]


async def make_rooms(on: Stage, *cases: str) -> None:
    async with on.beside() as pod:
        for case in cases:
            await on.make_room(pod, case)


async def test_two_that_race_for_the_same_turns_start_each_of_them_once(servers: Pair) -> None:
    first, _ = servers
    cases = [f"race_{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(RACES)]
    await make_rooms(first, *cases)
    pids = [on.server.pid for on in servers]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        async with first.beside() as pod:
            alice = await first.know(pod)
            for case in cases:
                host = await pod.directory.host(first.rooms[case])
                await host.ask(alice.id, PostMessage(text=f"@ai case:{case}"), origin="cli")
        # Long enough that both take them for turns that nobody wants.
        await first.until("SELECT max(touched_at) < clock_timestamp() - interval '1.1 s' FROM turns")
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    await first.until_all_ended()
    for case in cases:
        events = await first.events(case)
        check_turns(events)
        assert [event.fence for event in events if isinstance(event, TurnStarted)] == [1], case
        assert outcome(events) == ("done", [ANSWER])
        assert len(first.director.asked[case]) == 1
    assert sum([await conflicts(on) for on in servers]) > 0, "they never met"
    await first.check_money()


async def conflicts(on: Stage) -> float:
    """How often this server found that another one had been faster."""
    async with httpx.AsyncClient(trust_env=False) as http:
        text = (await http.get(f"{on.server.url}/metrics")).text
    return next(
        float(line.split()[-1]) for line in text.splitlines() if line.startswith("multiplayer_append_conflicts_total")
    )


async def test_one_that_was_frozen_beyond_its_lease_is_heard_no_more(servers: Pair) -> None:
    first, second = servers
    director, heirs = first.director, first.gates["heirs"]
    over, still_held = ["frozen_silent", "frozen_words"], ["frozen_call"]
    if await first.has_terminal():
        still_held.append("frozen_tool")
    else:
        sys.stdout.write("\nleft out, as this machine allows no terminal: frozen_tool\n")
    cases = [*over, *still_held]
    director.plays |= {
        "frozen_silent": [silent_before_first_token()],
        "frozen_words": [words_then(first.gates["frozen_words"], WORDS, " Nobody hears these.")],
        "frozen_call": [when(first.gates["frozen_call"], calls(LINE)), when(heirs, answers(ANSWER))],
        "frozen_tool": [calls(LONG), when(heirs, answers(ANSWER))],
    }
    await make_rooms(first, *cases)
    async with first.alice_comes([first.rooms[case] for case in cases]) as alice:
        for case in cases:
            await first.say(case, "@ai")
        await first.until_saved("frozen_words", WORDS)
        if "frozen_tool" in cases:
            await first.until_logged("frozen_tool", "tool_started")
            # The log says that it starts: the command itself is a moment later.
            await until(lambda: first.log_file("frozen_tool") == ["line"])
        await director.until_asked("frozen_silent", 1)
        await director.until_asked("frozen_call", 1)
        os.kill(first.server.pid, signal.SIGSTOP)
        try:
            for case in cases:
                first.gates[case].set()
            async with asyncio.timeout(TAKEN_OVER_S):
                for case in over:
                    await second.until_logged(case, "turn_ended")
                for case in still_held:
                    await director.until_asked(case, 2)
            await check_fence(second, "frozen_call")
        finally:
            os.kill(first.server.pid, signal.SIGCONT)
        # It learns that it is not the holder any more, and gives its provider up. Of two turns the other one is still at.
        async with asyncio.timeout(IN_TIME_S):
            await director.asked["frozen_silent"][0].closed.wait()
        for case in cases:
            await alice.expect_type("turn_started", room_id=first.rooms[case], fence=2, within_s=IN_TIME_S)
        # What it does after all that came to it meanwhile.
        await first.say("frozen_silent", "@ai again,")
        await first.until(
            "SELECT count(*) = 2 FROM turns WHERE room_id = $1 AND ended_at > now() - interval '1 min'",
            first.rooms["frozen_silent"],
        )
        heirs.set()
        await first.until_all_ended()
        logs = {case: await first.events(case) for case in cases}
        for case, events in logs.items():
            check_turns(events)
            holder, heir = pods_of(events)[:2]
            assert holder != heir, case
            await alice.expect_type("turn_ended", room_id=first.rooms[case], within_s=IN_TIME_S)
            seqs = [line["seq"] for line in alice.events(first.rooms[case])]
            assert seqs == list(range(int(str(seqs[0])), len(events) + 1)), case
    assert [event.type for event in logs["frozen_call"] if event.type.startswith("tool_")] == []
    assert [event.outcome.value for event in logs["frozen_silent"] if isinstance(event, TurnEnded)] == ["done", "done"]
    assert outcome(logs["frozen_words"]) == ("interrupted", [WORDS])
    assert all(outcome(logs[case]) == ("done", [ANSWER]) for case in still_held)
    assert [first.log_file("frozen_call"), second.log_file("frozen_call")] == [[], []]
    assert [len(director.asked[case]) for case in cases] == [3, 1, *(2 for _ in still_held)]
    if "frozen_tool" in cases:
        assert [event.code for event in logs["frozen_tool"] if isinstance(event, ToolFinished)] == ["unknown"]
        assert [first.log_file("frozen_tool"), second.log_file("frozen_tool")] == [["line"], []]
    await first.check_money()


async def test_a_call_is_approved_through_one_server_and_runs_once_on_the_other(servers: Pair) -> None:
    first, second = servers
    cases = ["there", *(f"both_{letter}" for letter in "abcdefgh")]
    first.director.plays |= {case: [guarded()] for case in cases}
    async with first.beside() as pod:
        for case in cases:
            await first.make_room(pod, case, settings=ASKS_ALL)
        known = await first.know(pod)
    async with (
        first.alice_comes([first.rooms[case] for case in cases]) as here,
        person_at(second.server, known) as there,
    ):
        for case in cases:
            assert (await there.join(first.rooms[case]))["type"] == "joined"
            await first.say(case, "@ai")
            await first.until_logged(case, "approval_requested")
        [holder], *others = [pods_of(await first.events(case)) for case in cases]
        assert others == [[holder]] * 8, "who is asked runs it"
        cards = {case: await first.card(case) for case in cases}
        assert (await decide(there, cards["there"], is_approved=True))["type"] == "accepted"
        async with asyncio.TaskGroup() as tasks:
            said = {
                case: [
                    tasks.create_task(decide(person, cards[case], is_approved=is_approved))
                    # A yes and a no, each through both.
                    for person, is_approved in ((here, True), (there, False), (there, True), (here, False))
                ]
                for case in cases[1:]
            }
        await first.until_all_ended()
    answered = {case: [task.result() for task in asked] for case, asked in said.items()}
    for case in cases:
        events = await first.events(case)
        check_turns(events)
        assert outcome(events) == ("done", [ANSWER])
        [decided] = [event for event in events if isinstance(event, ApprovalDecided)]
        [finished] = [event for event in events if isinstance(event, ToolFinished)]
        assert sum(event.type == "tool_started" for event in events) == decided.is_approved
        assert finished.code == (None if decided.is_approved else "not_approved")
        assert times_run(first, case) == decided.is_approved, case
        assert times_run(second, case) == 0, case
        if case in answered:
            codes = sorted(str(line.get("code", "accepted")) for line in answered[case])
            # Who comes when the turn is over is told so.
            assert codes.count("accepted") == 1, codes
            assert set(codes) <= {"accepted", "conflict", "not_found"}, codes


def guarded() -> Behaviour:
    """A command, or where there is no terminal a file that git obeys: what the room wants to be asked about."""

    async def play(reply: Reply) -> None:
        has_terminal = "execute_command" in json.dumps(reply.request.body["tools"])
        config = call("write_file", {"path": ".git/config", "content": "line\n"})
        await calls(LINE if has_terminal else config).play(reply)

    return Behaviour("guarded", play)


def times_run(on: Stage, case: str) -> int:
    config = on.server.data_dir / "workspaces" / on.rooms[case] / ".git" / "config"
    return len(on.log_file(case)) + config.exists()


async def decide(person: WebSocketPerson, card: ApprovalRequested, *, is_approved: bool) -> Line:
    fields = {"turn_id": card.turn_id, "call_id": card.call_id, "sha256": card.sha256, "is_approved": is_approved}
    return await person.ask(card.room_id, "decide_approval", key=None, **fields)


async def check_fence(on: Stage, case: str) -> None:
    """Fail unless everything that the holder before this one could still say is refused."""
    async with on.beside() as pod:
        host = await pod.directory.host(on.rooms[case])
        [turn] = host.room.state.turns.values()
        late = (
            StartTurn(turn_id=turn.turn_id, fence=1, pod="late"),
            CallTool(turn_id=turn.turn_id, fence=1, call_id=CallId("late"), name="list_files", arguments="{}"),
            ChangeModel(turn_id=turn.turn_id, fence=1, model="late", previous="", reason=""),
            EndTurn(turn_id=turn.turn_id, fence=1, outcome=TurnOutcome.DONE, text="late words"),
        )
        for command in late:
            with pytest.raises(Refused) as refused:
                await host.ask(turn.ai_id, command, origin="server")
            assert refused.value.code is RefusalCode.CONFLICT
        assert not await pod.storage.hold(turn.turn_id, fence=1, pod="late", lease_s=10)
        assert not await pod.storage.checkpoint(turn.turn_id, fence=1, text="late words")
        assert not await pod.storage.save_manifest(turn.turn_id, fence=1, manifest="{}")


async def test_one_that_is_killed_is_followed_by_the_other_within_its_lease(servers: Pair) -> None:
    first, second = servers
    cases = ("killed_silent", "killed_words", "killed_waiting")
    first.director.plays |= {
        "killed_silent": [silent_before_first_token()],
        "killed_words": [stalls_after(WORDS)],
        "killed_waiting": [silent_before_first_token()],
    }
    await make_rooms(first, *cases)
    async with first.alice_comes([first.rooms[case] for case in cases]):
        for case in cases:
            await first.say(case, "@ai")
        await first.director.until_asked("killed_waiting", 1)
        await first.say("killed_waiting", "@ai this too:")
        await first.until_saved("killed_words", WORDS)
        await first.director.until_asked("killed_silent", 1)
        await first.server.kill()
    killed_s = time.monotonic()
    async with asyncio.timeout(TAKEN_OVER_S):
        await second.until_all_ended()
    assert time.monotonic() - killed_s > 5, "a lease is not taken from who may be alive"
    for case in cases[:2]:
        events = await second.events(case)
        check_turns(events)
        holder, heir = pods_of(events)
        assert holder != heir
    assert outcome(await second.events("killed_silent")) == ("done", [ANSWER])
    assert outcome(await second.events("killed_words")) == ("interrupted", [WORDS])
    waiting = await second.events("killed_waiting")
    check_turns(waiting)
    assert [event.outcome.value for event in waiting if isinstance(event, TurnEnded)] == ["done", "done"]
    await second.check_money()
