"""Every way in which untrusted words come into a turn, by every class of call and every role of who asks.

What runs, what is asked and what is refused is what `ASKED` says, although the room has consented to all of it for the
day: standing rules hold in no tainted turn.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from multiplayer.live.pod import Pod
from multiplayer.models.port import Finished, Tainted, TextDelta, ToolCall, ToolCallsReady
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.commands import DecideApproval
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import CallId, RoomId, TurnId
from multiplayer.protocol.inner_commands import CallTool, FireRule, RequestApproval, StartTool, StartTurn
from multiplayer.protocol.tools import ToolClass
from multiplayer.protocol.turn_events import ApprovalRequested, ToolStarted
from multiplayer.rooms.tool_policy import STANDING_FOR, Decision, NeedsApproval, Runs
from multiplayer.storage.memory import MemoryStorage
from multiplayer.tools.files.tools import file_tools
from multiplayer.tools.registry import Arguments, BoundCall, Tool, ToolCallContext, ToolRegistry, ToolResult
from multiplayer.tools.workspace import Workspaces
from tests.live.test_approvals import Time
from tests.live.test_room_tools import left_by_a_tainted_turn
from tests.support.chunk_model import ChunkModel, Moment
from tests.support.pods import Guest, Line, memory_pod

ROLES: Final = ("guest", "member", "admin", "owner")
ASKED: Final[Mapping[ToolClass, tuple[str, str, str, str]]] = {
    # in a tainted turn of a          guest      member     admin      owner
    ToolClass.ROOM:                 ("runs",    "runs",    "runs",    "runs"),
    ToolClass.READ:                 ("runs",    "runs",    "runs",    "runs"),  # guests may see the files here
    ToolClass.WRITE:                ("refused", "runs",    "runs",    "runs"),
    ToolClass.SENSITIVE_WRITE:      ("refused", "admin",   "asker",   "asker"),
    ToolClass.TERMINAL:             ("refused", "admin",   "runs",    "runs"),
    ToolClass.EXTENDED:             ("refused", "admin",   "asker",   "asker"),
    ToolClass.NETWORK:              ("refused", "admin",   "asker",   "asker"),
    ToolClass.UNSANDBOXED:          ("refused", "refused", "refused", "refused"),
}  # fmt: skip
CONSENTED: Final[Mapping[ToolClass, tuple[str, str, str, str]]] = {
    **dict.fromkeys(ToolClass, ("refused", "runs", "runs", "runs")),
    **dict.fromkeys((ToolClass.ROOM, ToolClass.READ), ("runs", "runs", "runs", "runs")),
    ToolClass.UNSANDBOXED: ("refused", "refused", "refused", "refused"),
}
"""With standing rules for everything, and no word from outside."""
SAYS: Final[Sequence[Moment]] = (TextDelta("All done."), Finished("stop"))


class Words(Arguments):
    words: str = ""


@dataclass
class Machine:
    """One tool of each class, and some that bring words from outside. `ran`: the class and the words of each run."""

    folder: Path
    ran: list[tuple[str, str]] = field(default_factory=list)

    def tools(self) -> ToolRegistry:
        classes = [Tool(f"do_{kind}", "Do.", Words, kind, partial(self._run, kind)) for kind in ToolClass]
        sources = [
            Tool(f"look_{taint}", "Look.", Words, ToolClass.ROOM, partial(self._look, taint))
            for taint in (Taint.WEB, Taint.MCP)
        ]
        copies = Tool("copy", "Copy a file.", Words, ToolClass.TERMINAL, self._copy)
        return ToolRegistry([*file_tools(), *classes, *sources, copies])

    async def _run(self, kind: ToolClass, arguments: Words, _context: ToolCallContext) -> ToolResult:
        self.ran.append((kind, arguments.words))
        return ToolResult(ok=True, text="done")

    async def _look(self, taint: Taint, _arguments: Words, _context: ToolCallContext) -> ToolResult:
        return ToolResult(ok=True, text="a site's words", taint=taint)

    async def _copy(self, arguments: Words, context: ToolCallContext) -> ToolResult:
        assert context.desk is not None
        source, destination = arguments.words.split()
        here = self.folder / context.desk.room_id
        (here / destination).write_bytes((here / source).read_bytes())
        return ToolResult(ok=True, text="[exit status 0]", exit_status=0)


def call(name: str, call_id: str, **given: str) -> ToolCall:
    return ToolCall(call_id, name, json.dumps(given))


def calls(*wanted: ToolCall) -> list[Moment]:
    return [ToolCallsReady(wanted), Finished("tool_calls")]


ALL: Final = tuple(call(f"do_{kind}", kind, words=f"words of {kind}") for kind in ToolClass)
"""A call of each class, named after it."""


@dataclass(frozen=True)
class Source:
    """`before`: what the AI did in an earlier turn of the owner. `brings`: the answer that brings the words in."""

    name: str
    brings: Sequence[Moment] = ()
    taint: Taint | None = None
    """What the call that brings them in is marked with."""
    before: Sequence[Moment] = ()
    has_file: bool = False
    """A tainted turn has left `theirs.txt`, of which there is nothing in the room's history."""
    is_webhook: bool = False


READ = partial(call, "read_file", "source")
SOURCES: Final = (
    Source("a page of the web", calls(call("look_web", "source")), Taint.WEB),
    Source("an outside server (MCP)", calls(call("look_mcp", "source")), Taint.MCP),
    Source("a site's answer (NLWeb)", [Tainted(Taint.NLWEB), ToolCallsReady(ALL), Finished("tool_calls")]),
    Source("what a webhook brought", is_webhook=True),
    Source("a file of a tainted turn", calls(READ(path="theirs.txt")), Taint.FILE, has_file=True),
    Source("a file written by a tainted turn", calls(READ(path="w.txt")), Taint.FILE,
           before=calls(call("look_web", "look"), call("write_file", "write", path="w.txt", content="their words"))),
    Source("a file copied by a command", calls(READ(path="copy.txt")), Taint.FILE, has_file=True,
           before=calls(call("copy", "copy", words="theirs.txt copy.txt"))),
    Source("a file moved by a tool", calls(READ(path="moved.txt")), Taint.FILE, has_file=True,
           before=calls(call("move_file", "move", source="theirs.txt", destination="moved.txt"))),
    Source("words that stand in the history", before=calls(call("look_web", "look"))),
)  # fmt: skip


@dataclass
class Stage:
    pod: Pod
    machine: Machine
    owner: Guest
    room_id: RoomId

    async def admit(self, role: str) -> Guest:
        """Let in who asks: someone of this role, or the owner."""
        if role == "owner":
            return self.owner
        guest = await Guest.enter(self.pod, f"some-{role}")
        added = await self.owner.ask(type="invite_member", room_id=self.room_id, handle=f"some-{role}", role=role)
        assert added["type"] == "accepted", added
        await guest.join(self.room_id)
        return guest

    async def consent(self) -> None:
        """Let everything run that can be agreed to beforehand, for a day."""
        until = (self.pod.clock.now() + timedelta(days=1)).isoformat()
        standing = [{"tool_class": kind, "until": until} for kind in sorted(STANDING_FOR)]
        settings = {
            "approvals": {"standing": standing},
            "guests_post": True,
            "guests_ask_ai": True,
            "guests_see_workspace": True,
            "triggers": [{"id": "mention", "type": "mention"}, {"id": "hook", "type": "webhook", "cooldown_s": 0}],
        }
        settings["triggers"][1]["prompt"] = "Look."  # type: ignore[index]  # the list above
        changed = await self.owner.ask(type="set_room_settings", room_id=self.room_id, settings=settings)
        assert changed["type"] == "accepted", changed

    async def asked(self, who: Guest) -> TurnId:
        posted = await who.post(self.room_id, "@ai go on")
        assert posted["type"] == "accepted", posted
        requested = await self.owner.expect_type("turn_requested", message_id=posted["event_id"])
        return TurnId(str(requested["turn_id"]))

    async def fired(self) -> TurnId:
        start = len(self.owner.heard)
        host = await self.pod.directory.host(self.room_id)
        await host.ask(self.owner.id, FireRule(rule_id="hook", note="The build is red."), origin="server")
        return TurnId(str((await self.owner.expect_type("turn_requested", start=start))["turn_id"]))

    async def to_the_end(self, turn_id: TurnId, *, is_approved: bool = False) -> list[Line]:
        """Decide about every call that the turn's people are asked about, all in one way; return the turn's events."""
        decided: set[object] = set()

        def is_news(line: Line) -> bool:
            if line.get("turn_id") != turn_id:
                return False
            is_card = line["type"] == "approval_requested" and line["call_id"] not in decided
            return is_card or line["type"] == "turn_ended"

        while (line := await self.owner.expect(is_news))["type"] != "turn_ended":
            decided.add(line["call_id"])
            answer = await self.owner.ask(
                type="decide_approval",
                room_id=self.room_id,
                turn_id=turn_id,
                call_id=line["call_id"],
                sha256=line["sha256"],
                is_approved=is_approved,
            )
            assert answer["type"] == "accepted", answer
        assert line["outcome"] == "done", line
        stored = await self.pod.storage.events_after(self.room_id, 0, limit=10_000)
        return [event for event in (json.loads(one.line) for one in stored) if event.get("turn_id") == turn_id]


def came_to(events: Sequence[Line], call_id: str) -> str:
    """What a call came to: it ran, somebody was asked, or it was refused at once."""
    of_call = {str(event["type"]): event for event in events if event.get("call_id") == call_id}
    if "approval_requested" in of_call:
        return str(of_call["approval_requested"]["decider"])
    if "tool_started" in of_call:
        return "runs"
    return str(of_call["tool_finished"]["code"])


async def stage_on(pod: Pod, machine: Machine, room_id: RoomId | None) -> Stage:
    owner = await Guest.enter(pod, "alice")
    room_id = room_id or await pod.lobby.create_room(owner.id, "demo", origin="cli")
    await owner.join(room_id)
    on = Stage(pod, machine, owner, room_id)
    await on.consent()
    return on


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
async def test_a_tainted_turn_does_what_the_table_says_and_no_more(source: Source, tmp_path: Path) -> None:
    folder, storage = tmp_path / "workspaces", MemoryStorage()
    rooms = [await left_by_a_tainted_turn(folder, storage, "theirs.txt") for _ in ROLES] if source.has_file else []
    brings_all = any(isinstance(moment, ToolCallsReady) and moment.calls == ALL for moment in source.brings)
    turn = [source.brings] if source.brings else []
    scripts: list[Sequence[Moment]] = []
    for _ in ROLES:
        scripts += [source.before, SAYS] if source.before else []
        scripts += [*turn, *([] if brings_all else [calls(*ALL)]), SAYS]
    machine = Machine(folder)
    async with memory_pod(folder, storage=storage, model=ChunkModel(*scripts), tools=machine.tools()) as pod:
        for column, role in enumerate(ROLES):
            on = await stage_on(pod, machine, rooms[column] if rooms else None)
            who = await on.admit(role)
            machine.ran.clear()
            if source.before:
                before = await on.to_the_end(await on.asked(on.owner))
                assert all(event["is_ok"] for event in before if event["type"] == "tool_finished"), before
            turn_id = await (on.fired() if source.is_webhook else on.asked(who))
            events = await on.to_the_end(turn_id)
            marked = [event["taint"] for event in events if event.get("call_id") == "source" and event.get("taint")]
            assert marked == ([source.taint] if source.taint is not None else []), (source.name, role)
            # Nobody is there who means what a webhook asks.
            expected = {kind: row[0 if source.is_webhook else column] for kind, row in ASKED.items()}
            assert {kind: came_to(events, kind) for kind in ToolClass} == expected, (source.name, role)
            assert [kind for kind, _ in machine.ran] == [kind for kind in ToolClass if expected[kind] == "runs"]
            ended = [event for event in events if event["type"] == "tool_finished" and event.get("code")]
            assert {event["code"] for event in ended} <= {"refused", "not_approved"}


async def test_without_words_from_outside_the_same_consent_holds(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    async with memory_pod(tmp_path, model=ChunkModel(*[calls(*ALL), SAYS] * 4), tools=machine.tools()) as pod:
        for column, role in enumerate(ROLES):
            on = await stage_on(pod, machine, None)
            events = await on.to_the_end(await on.asked(await on.admit(role)))
            expected = {kind: row[column] for kind, row in CONSENTED.items()}
            assert {kind: came_to(events, kind) for kind in ToolClass} == expected, role


@pytest.mark.parametrize("role", ["member", "admin", "owner"])
async def test_what_is_approved_in_a_tainted_turn_runs_once_as_the_card_showed_it_and_the_next_time_is_asked_again(
    role: str, tmp_path: Path
) -> None:
    machine = Machine(tmp_path)
    twice = [*ALL, *(ToolCall(f"{one.id} again", one.name, one.arguments) for one in ALL if one.id != "room")]
    script = [calls(call("look_web", "source")), calls(*twice), SAYS]
    async with memory_pod(tmp_path, model=ChunkModel(*script, *script), tools=machine.tools()) as pod:
        on = await stage_on(pod, machine, None)
        who = await on.admit(role)
        for _ in range(2):
            machine.ran.clear()
            events = await on.to_the_end(await on.asked(who), is_approved=True)
            for kind in ToolClass:
                expected = ASKED[kind][ROLES.index(role)]
                ids = [one.id for one in twice if one.id in {kind, f"{kind} again"}]
                assert [came_to(events, call_id) for call_id in ids] == [expected] * len(ids), kind
                runs = [words for ran, words in machine.ran if ran == kind]
                assert runs == ([] if expected == "refused" else [f"words of {kind}"] * len(ids)), kind
            for card in (event for event in events if event["type"] == "approval_requested"):
                [shown] = [e for e in events if e["type"] == "tool_called" and e["call_id"] == card["call_id"]]
                assert json.loads(str(shown["arguments"])) == {"words": f"words of {str(card['call_id']).split()[0]}"}


# How long an approval waits

OUTSIDE = "; this turn holds words from outside the room (a web page)"


@pytest.mark.parametrize(
    ("is_tainted", "expires_s", "waits_s", "says"),
    [
        (False, 600, 600, ""),
        (True, 600, 300, f"{OUTSIDE}, so the time for a yes is 5 minutes instead of 10"),
        (False, 3_600, 3_600, ""),
        (True, 3_600, 300, f"{OUTSIDE}, so the time for a yes is 5 minutes instead of 60"),
        (True, 60, 60, OUTSIDE),
    ],
)
async def test_an_approval_waits_no_longer_than_five_minutes_in_a_tainted_turn_and_says_so_and_why(
    *, is_tainted: bool, expires_s: int, waits_s: int, says: str, tmp_path: Path
) -> None:
    machine, time = Machine(tmp_path), Time()
    looks = [calls(call("look_web", "source"))] if is_tainted else []
    model = ChunkModel(*looks, calls(call("do_network", "net")), SAYS)
    async with memory_pod(tmp_path, model=model, tools=machine.tools(), clock=time.clock()) as pod:
        on = await stage_on(pod, machine, None)
        settings = {"approvals": {"expires_s": expires_s}}
        await on.owner.ask(type="set_room_settings", room_id=on.room_id, settings=settings)
        turn_id = await on.asked(on.owner)
        card = ApprovalRequested.model_validate(await on.owner.expect_type("approval_requested"))
        assert (card.expires_at - card.at) == timedelta(seconds=waits_s)
        assert card.reason == f"whoever asked must confirm this{says}"
        time.ahead_s = waits_s + 1.0
        late = DecideApproval(turn_id=turn_id, call_id=card.call_id, sha256=card.sha256, is_approved=True)
        answer = await on.owner.ask(room_id=on.room_id, **late.model_dump())
        assert answer["code"] in {"conflict", "not_found"}
        finished = await on.owner.expect_type("tool_finished", call_id="net")
        assert (finished["is_ok"], finished["code"]) == (False, "not_approved")
        assert machine.ran == []


# What the approval is bound to


class Wishing:
    """A gate that lets a call pass and keeps what it was asked about."""

    def __init__(self) -> None:
        self.asked: list[BoundCall] = []

    async def decide(self, tool_class: ToolClass) -> Decision:  # noqa: ARG002 - all run
        return Runs()

    async def approve(self, call: BoundCall, needs: NeedsApproval) -> None:
        raise AssertionError(f"nobody is asked about {call}: {needs}")

    async def start(self, call: BoundCall) -> None:
        self.asked.append(call)


async def bound(tmp_path: Path, name: str, arguments: str) -> BoundCall:
    """The call as people would be asked about it."""
    gate = Wishing()
    workspace = Workspaces(tmp_path).open(RoomId("room"), 1)
    try:

        async def emit(_text: str) -> None:
            pass

        context = ToolCallContext(workspace=workspace, gate=gate, emit=emit, call_id="c1")
        result = await Machine(tmp_path).tools().call(name, arguments, context)
        assert result.ok, result
    finally:
        workspace.close()
    return gate.asked[0]


async def test_changed_arguments_another_tool_or_another_call_are_not_what_was_approved(tmp_path: Path) -> None:
    meant = await bound(tmp_path, "do_network", '{"words":"fetch the rice"}')
    assert await bound(tmp_path, "do_network", '{ "words" : "fetch the rice" }') == meant
    others = [
        await bound(tmp_path, "do_network", '{"words":"fetch the rice "}'),
        await bound(tmp_path, "do_network", "{}"),
        await bound(tmp_path, "do_extended", '{"words":"fetch the rice"}'),
    ]
    assert len({one.sha256 for one in (meant, *others)}) == 4
    async with memory_pod(tmp_path / "workspaces") as pod:
        pod.turns.drain("only this test speaks for the AI")
        on = await stage_on(pod, Machine(tmp_path), None)
        turn_id = await on.asked(await on.admit("member"))
        host = await pod.directory.host(on.room_id)
        ai_id = host.room.state.turns[turn_id].ai_id

        async def does(*commands: StartTurn | CallTool | RequestApproval | StartTool) -> None:
            for command in commands:
                await host.ask(ai_id, command, origin="server")

        def start(one: BoundCall, call_id: str = "c1") -> StartTool:
            return StartTool(
                turn_id=turn_id,
                fence=1,
                call_id=CallId(call_id),
                tool_class=one.tool_class,
                sha256=one.sha256,
                taint=(Taint.WEB,),
            )

        asked = {"turn_id": turn_id, "fence": 1}
        await does(StartTurn(turn_id=turn_id, fence=1, pod="test"))
        for call_id in ("c1", "c2"):
            await does(CallTool.model_validate({**asked, "call_id": call_id, "name": "do_network", "arguments": "{}"}))
        await does(
            RequestApproval(
                turn_id=turn_id,
                fence=1,
                call_id=CallId("c1"),
                tool_class=meant.tool_class,
                sha256=meant.sha256,
                taint=(Taint.WEB,),
            )
        )
        await decide(on, turn_id, meant)
        for one, call_id in (*((other, "c1") for other in others), (meant, "c2")):
            with pytest.raises(Refused) as refused:
                await does(start(one, call_id))
            assert refused.value.code is RefusalCode.EXPIRED
        await does(start(meant))
        with pytest.raises(Refused) as refused:
            await does(start(meant))
        assert refused.value.code is RefusalCode.CONFLICT
        started = [json.loads(one.line) for one in await pod.storage.events_after(on.room_id, 0, limit=1_000)]
        [only] = [ToolStarted.model_validate(line) for line in started if line["type"] == "tool_started"]
        assert only.call_id == "c1"


async def decide(on: Stage, turn_id: TurnId, one: BoundCall) -> None:
    """Let the owner approve the call `c1`."""
    yes = DecideApproval(turn_id=turn_id, call_id="c1", sha256=one.sha256, is_approved=True)
    answer = await on.owner.ask(room_id=on.room_id, **yes.model_dump())
    assert answer["type"] == "accepted", answer
