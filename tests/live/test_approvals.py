"""Tool calls that wait for people: asked for, decided once, run once, and told to those who may know."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from multiplayer.ai.turn_setup import TurnLimits
from multiplayer.live.clock import Clock
from multiplayer.live.pod import PodLimits
from multiplayer.live.session import SessionLimits
from multiplayer.models.port import Finished, TextDelta, ToolCall, ToolCallsReady
from multiplayer.models.scripted import Call, Say, ScriptedModel, Step
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import RoomId, TurnId
from multiplayer.protocol.tools import CallLimits, ChangeKind, ToolClass
from multiplayer.protocol.turn_events import FilesChanged
from multiplayer.tools.files.tools import file_tools
from multiplayer.tools.limits import Limits
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolRegistry, ToolResult
from multiplayer.tools.terminal.job_tools import LONGEST_S
from tests.live.test_turn_controls import room_of
from tests.support.chunk_model import ChunkModel, Moment
from tests.support.pods import Guest, Line, memory_pod, system_clock

RUN = {"command": "echo hello"}


class Command(Arguments):
    command: str = ""


@dataclass
class Machine:
    """Tools of every class that keep what they were run with; `run` prints, and can be made to hang."""

    ran: list[str] = field(default_factory=list)
    hangs: asyncio.Event | None = None
    wall_s: float = 0.0
    """What the last one might have taken."""

    @property
    def tools(self) -> ToolRegistry:
        return ToolRegistry(
            [
                *file_tools(),
                Tool("run", "Run a command.", Command, ToolClass.TERMINAL, self._run),
                Tool("job", "Run it in the background.", Command, ToolClass.EXTENDED, self._run, limits=self._longer),
                Tool("fetch", "Reach the net.", Command, ToolClass.NETWORK, self._run),
                Tool("look", "Look at a site.", Command, ToolClass.READ, self._look),
            ]
        )

    async def _run(self, arguments: Command, context: ToolCallContext) -> ToolResult:
        self.ran.append(arguments.command)
        self.wall_s = context.limits.wall_s
        await context.emit("hello\n")
        if self.hangs is not None:
            await self.hangs.wait()
        return ToolResult(ok=True, text="hello [exit status 0]", exit_status=0)

    @staticmethod
    def _longer(_arguments: Command, limits: Limits) -> Limits:
        return replace(limits, wall_s=LONGEST_S)

    async def _look(self, _arguments: Command, _context: ToolCallContext) -> ToolResult:
        return ToolResult(ok=True, text="a site's words", taint=Taint.WEB)


@dataclass
class Time:
    """The system's time, which a test may move on."""

    ahead_s: float = 0.0

    def clock(self) -> Clock:
        real = system_clock()
        now: Callable[[], datetime] = lambda: real.now() + timedelta(seconds=self.ahead_s)  # noqa: E731 - a clock's part
        return replace(real, now=now, monotonic_s=lambda: real.monotonic_s() + self.ahead_s)


def calls(*steps: Step) -> ScriptedModel:
    return ScriptedModel([[*steps], [Say("All done.")]])


def call(*calls_: ToolCall) -> list[Moment]:
    return [ToolCallsReady(calls_), Finished("tool_calls")]


async def decided(who: Guest, room_id: RoomId, card: Line, *, is_approved: bool = True) -> Line:
    return await who.ask(
        type="decide_approval",
        room_id=room_id,
        turn_id=card["turn_id"],
        call_id=card["call_id"],
        sha256=card["sha256"],
        is_approved=is_approved,
    )


async def test_a_members_command_waits_until_an_admin_has_read_and_approved_it_and_everyone_sees_it_run(
    tmp_path: Path,
) -> None:
    machine = Machine()
    async with memory_pod(tmp_path, model=calls(Call("run", RUN)), tools=machine.tools) as pod:
        olga, bob = await Guest.enter(pod, "olga"), await Guest.enter(pod, "bob")
        room_id = await room_of(olga, bob)
        await bob.post(room_id, "@ai run it")
        called = await olga.expect_type("tool_called")
        card = await olga.expect_type("approval_requested")
        assert called["arguments"] == '{"command":"echo hello"}' or "echo hello" in str(called["arguments"])
        assert (card["tool_class"], card["decider"], card["needed"]) == ("terminal", "admin", 1)
        assert (await decided(bob, room_id, card))["code"] == "forbidden"
        assert machine.ran == []
        assert (await decided(olga, room_id, card))["type"] == "accepted"
        for guest in (olga, bob):
            assert (await guest.expect_type("tool_output"))["text"] == "hello\n"
            finished = await guest.expect_type("tool_finished")
            assert (finished["is_ok"], finished["exit_status"]) == (True, 0)
            assert (await guest.expect_type("turn_ended"))["outcome"] == "done"
        assert machine.ran == ["echo hello"]
        kinds = [line["type"] for line in bob.heard if "seq" in line]
        assert kinds.index("approval_decided") < kinds.index("tool_started") < kinds.index("tool_finished")


@pytest.mark.parametrize("name", ["run", "job", "fetch"])
async def test_a_card_tells_the_limits_that_the_call_would_run_under(tmp_path: Path, name: str) -> None:
    machine = Machine()
    usual = Limits()
    async with memory_pod(tmp_path, model=calls(Call(name, RUN)), tools=machine.tools) as pod:
        olga, bob = await Guest.enter(pod, "olga"), await Guest.enter(pod, "bob")
        room_id = await room_of(olga, bob)
        await bob.post(room_id, f"@ai {name} it")
        card = await olga.expect_type("approval_requested")
        bounds = {"memory_bytes": usual.resident_bytes, "output_bytes": usual.output_bytes}
        assert (
            card["limits"]
            == {
                "run": {"wall_s": usual.wall_s, **bounds},
                "job": {"wall_s": LONGEST_S, **bounds},
                "fetch": {"wall_s": usual.wall_s},
            }[name]
        )
        turn = (await pod.directory.host(room_id)).room.state.turns[TurnId(str(card["turn_id"]))]
        assert turn.calls[0].approval is not None
        assert turn.calls[0].approval.limits == CallLimits.model_validate(card["limits"])
        assert (await decided(olga, room_id, card))["type"] == "accepted"
        assert (await bob.expect_type("turn_ended"))["outcome"] == "done"
        assert machine.wall_s == card["limits"]["wall_s"]


async def test_a_call_that_is_rejected_does_not_run_and_the_ai_is_told_by_whom(tmp_path: Path) -> None:
    machine = Machine()
    async with memory_pod(tmp_path, model=calls(Call("run", RUN)), tools=machine.tools) as pod:
        olga, bob = await Guest.enter(pod, "olga"), await Guest.enter(pod, "bob")
        room_id = await room_of(olga, bob)
        await bob.post(room_id, "@ai run it")
        card = await olga.expect_type("approval_requested")
        await decided(olga, room_id, card, is_approved=False)
        finished = await bob.expect_type("tool_finished")
        assert (finished["is_ok"], finished["code"]) == (False, "not_approved")
        assert "@olga rejected" in str(finished["text"])
        assert (await bob.expect_type("turn_ended"))["outcome"] == "done"
        assert machine.ran == []
        assert not any(line["type"] == "tool_started" for line in bob.heard)


async def test_a_call_that_nobody_decides_about_expires_and_a_late_yes_starts_nothing(tmp_path: Path) -> None:
    machine, time = Machine(), Time()
    async with memory_pod(tmp_path, model=calls(Call("run", RUN)), tools=machine.tools, clock=time.clock()) as pod:
        olga, bob = await Guest.enter(pod, "olga"), await Guest.enter(pod, "bob")
        room_id = await room_of(olga, bob, approvals={"expires_s": 30})
        await bob.post(room_id, "@ai run it")
        card = await olga.expect_type("approval_requested")
        time.ahead_s = 31.0
        await olga.expect_type("approval_expired")
        assert (await decided(olga, room_id, card))["type"] == "refused"
        assert (await bob.expect_type("tool_finished"))["code"] == "not_approved"
        assert machine.ran == []


async def test_while_people_think_the_turns_own_time_stands_still(tmp_path: Path) -> None:
    machine, time = Machine(), Time()
    limits = TurnLimits(turn_s=60.0)
    async with memory_pod(
        tmp_path, model=calls(Call("run", RUN)), tools=machine.tools, clock=time.clock(), turn_limits=limits
    ) as pod:
        olga, bob = await Guest.enter(pod, "olga"), await Guest.enter(pod, "bob")
        room_id = await room_of(olga, bob)
        await bob.post(room_id, "@ai run it")
        card = await olga.expect_type("approval_requested")
        time.ahead_s = 500.0
        await decided(olga, room_id, card)
        assert (await bob.expect_type("turn_ended"))["outcome"] == "done"
        assert machine.ran == ["echo hello"]


async def test_of_a_hundred_decisions_at_once_one_counts_and_the_call_runs_once(tmp_path: Path) -> None:
    machine = Machine()
    limits = PodLimits(session=SessionLimits(commands_per_s=1_000, commands_burst=1_000))
    async with memory_pod(tmp_path, model=calls(Call("run", RUN)), tools=machine.tools, limits=limits) as pod:
        owners = [await Guest.enter(pod, f"owner{number}") for number in range(10)]
        olga, bob = owners[0], await Guest.enter(pod, "bob")
        room_id = await room_of(olga, bob, *owners[1:])
        for owner in owners[1:]:
            await olga.ask(type="set_role", room_id=room_id, account_id=owner.id, role="admin")
        await bob.post(room_id, "@ai run it")
        card = await olga.expect_type("approval_requested")
        for guest in owners[1:]:
            await guest.expect_type("approval_requested")
        line = {**{name: card[name] for name in ("turn_id", "call_id", "sha256")}, "is_approved": True}
        async with asyncio.TaskGroup() as tasks:
            said = [
                (owner, tasks.create_task(owner.say(type="decide_approval", room_id=room_id, **line)))
                for _ in range(10)
                for owner in owners
            ]
        kinds = [(await owner.expect(_answers(task.result())))["type"] for owner, task in said]
        assert kinds.count("accepted") == 1
        await bob.expect_type("turn_ended")
        assert machine.ran == ["echo hello"]
        assert sum(line["type"] == "tool_started" for line in bob.heard) == 1
        assert sum(line["type"] == "approval_decided" for line in bob.heard) == 1


def _answers(line_id: str) -> Callable[[Line], bool]:
    return lambda line: line.get("re") == line_id


async def test_stopping_a_turn_that_waits_for_approval_ends_it_and_a_yes_comes_to_nothing(tmp_path: Path) -> None:
    machine = Machine()
    async with memory_pod(tmp_path, model=calls(Call("run", RUN)), tools=machine.tools) as pod:
        olga, bob = await Guest.enter(pod, "olga"), await Guest.enter(pod, "bob")
        room_id = await room_of(olga, bob)
        await bob.post(room_id, "@ai run it")
        card = await olga.expect_type("approval_requested")
        await bob.ask(type="stop_turn", room_id=room_id, turn_id=card["turn_id"])
        assert (await bob.expect_type("turn_ended"))["outcome"] == "stopped"
        assert (await decided(olga, room_id, card))["code"] == "not_found"
        assert machine.ran == []


async def test_who_asked_and_was_removed_meanwhile_has_nothing_run_in_their_name(tmp_path: Path) -> None:
    machine = Machine()
    async with memory_pod(tmp_path, model=calls(Call("run", RUN)), tools=machine.tools) as pod:
        olga, bob = await Guest.enter(pod, "olga"), await Guest.enter(pod, "bob")
        room_id = await room_of(olga, bob)
        await bob.post(room_id, "@ai run it")
        card = await olga.expect_type("approval_requested")
        await olga.ask(type="remove_member", room_id=room_id, account_id=bob.id)
        await decided(olga, room_id, card)
        assert (await olga.expect_type("turn_ended"))["outcome"] == "refused"
        assert machine.ran == []


async def test_where_nobody_may_approve_the_call_is_refused_with_that_reason_and_nobody_waits(tmp_path: Path) -> None:
    machine = Machine()
    async with memory_pod(tmp_path, model=calls(Call("run", RUN)), tools=machine.tools) as pod:
        olga, bob = await Guest.enter(pod, "olga"), await Guest.enter(pod, "bob")
        room_id = await room_of(olga, bob, approvals={"approvers": 2})
        await bob.post(room_id, "@ai run it")
        finished = await bob.expect_type("tool_finished")
        assert finished["code"] == "needs_approval"
        assert "it takes 2" in str(finished["text"])
        assert machine.ran == []


@pytest.mark.parametrize(("tool", "is_asked"), [("run", False), ("job", True), ("fetch", True)])
async def test_an_owners_own_commands_run_and_what_reaches_further_is_confirmed(
    tmp_path: Path, tool: str, *, is_asked: bool
) -> None:
    machine = Machine()
    async with memory_pod(tmp_path, model=calls(Call(tool, RUN)), tools=machine.tools) as pod:
        olga = await Guest.enter(pod, "olga")
        room_id = await room_of(olga)
        await olga.post(room_id, "@ai run it")
        if is_asked:
            card = await olga.expect_type("approval_requested")
            assert (card["decider"], machine.ran) == ("asker", [])
            await decided(olga, room_id, card)
        await olga.expect_type("turn_ended")
        assert machine.ran == ["echo hello"]
        assert any(line["type"] == "approval_requested" for line in olga.heard) is is_asked


async def test_untrusted_words_in_a_turn_undo_the_rooms_standing_consent_for_the_net(tmp_path: Path) -> None:
    machine = Machine()
    script = call(ToolCall("c1", "look", "{}")), call(ToolCall("c2", "fetch", "{}"))
    async with memory_pod(tmp_path, model=ChunkModel(*script), tools=machine.tools) as pod:
        olga = await Guest.enter(pod, "olga")
        until = (pod.clock.now() + timedelta(days=1)).isoformat()
        room_id = await room_of(olga, approvals={"standing": [{"tool_class": "network", "until": until}]})
        await olga.post(room_id, "@ai look and fetch")
        card = await olga.expect_type("approval_requested")
        assert card["tool_class"] == "network"
        assert machine.ran == []


async def test_a_guest_is_told_that_a_tool_runs_and_not_what_it_is_told_or_prints(tmp_path: Path) -> None:
    machine = Machine()
    async with memory_pod(tmp_path, model=calls(Call("run", RUN)), tools=machine.tools) as pod:
        olga, gus = await Guest.enter(pod, "olga"), await Guest.enter(pod, "gus")
        room_id = await pod.lobby.create_room(olga.id, "demo", origin="cli")
        await olga.ask(type="invite_member", room_id=room_id, handle="gus", role="guest")
        for guest in (olga, gus):
            await guest.join(room_id)
        await olga.post(room_id, "@ai run it")
        await gus.expect_type("turn_ended")
        assert (await gus.expect_type("tool_called"))["arguments"] == ""
        assert (await gus.expect_type("tool_finished"))["text"] == ""
        assert not any(line["type"] == "tool_output" for line in gus.heard)
        assert (await olga.expect_type("tool_output"))["text"] == "hello\n"
        await olga.expect_type("turn_ended")
        assert gus.seqs(room_id) == sorted(gus.seqs(room_id))
        assert set(gus.seqs(room_id)) == set(olga.seqs(room_id)) - {
            seq for seq in olga.seqs(room_id) if seq < min(gus.seqs(room_id))
        }
        # From the log as well, as whoever comes later reads it.
        late = await Guest.enter(pod, "gus")
        await late.join(room_id, epoch=await pod.storage.epoch(), seq=1)
        assert (await late.expect_type("tool_called"))["arguments"] == ""
        assert not any("echo hello" in str(line) for line in late.heard)


async def test_changed_files_are_told_with_who_asked_and_put_back_when_the_turn_is_undone(tmp_path: Path) -> None:
    write = Call("write_file", {"path": "notes/a.txt", "content": "one\ntwo\n"})
    async with memory_pod(tmp_path, model=calls(write), tools=Machine().tools) as pod:
        olga, bob, carla = [await Guest.enter(pod, name) for name in ("olga", "bob", "carla")]
        room_id = await room_of(olga, bob, carla)
        await bob.post(room_id, "@ai write it")
        changed = await bob.expect_type("files_changed")
        assert changed["asked_by"] == [bob.id]
        event = FilesChanged.model_validate(changed)
        assert [(change.path, change.kind) for change in event.changes] == [("notes/a.txt", ChangeKind.ADDED)]
        await bob.expect_type("turn_ended")
        written = tmp_path / room_id / "notes" / "a.txt"
        assert written.read_text() == "one\ntwo\n"
        turn_id = changed["turn_id"]
        assert (await carla.ask(type="undo_turn", room_id=room_id, turn_id=turn_id))["code"] == "forbidden"
        assert (await bob.ask(type="undo_turn", room_id=room_id, turn_id=turn_id))["type"] == "accepted"
        undone = await carla.expect_type("turn_undone")
        assert undone["is_ok"] is True
        assert not written.parent.exists()
        again = await bob.ask(type="undo_turn", room_id=room_id, turn_id=turn_id)
        assert again["code"] == "no_change"


async def test_an_undo_that_would_take_others_work_changes_nothing_unless_it_leaves_that_alone(tmp_path: Path) -> None:
    model = ChunkModel(
        call(ToolCall("c1", "write_file", '{"path":"a.txt","content":"one"}')),
        call(ToolCall("c2", "write_file", '{"path":"b.txt","content":"one"}')),
        [TextDelta("Written."), Finished("stop")],
    )
    async with memory_pod(tmp_path, model=model, tools=Machine().tools) as pod:
        olga = await Guest.enter(pod, "olga")
        room_id = await room_of(olga)
        await olga.post(room_id, "@ai write both")
        turn_id = (await olga.expect_type("turn_ended"))["turn_id"]
        (tmp_path / room_id / "a.txt").write_text("mine now")
        await olga.ask(type="undo_turn", room_id=room_id, turn_id=turn_id)
        refused = await olga.expect_type("turn_undone")
        assert (refused["is_ok"], refused["conflicts"]) == (False, ["a.txt"])
        assert (tmp_path / room_id / "b.txt").exists()
        start = len(olga.heard)
        await olga.ask(type="undo_turn", room_id=room_id, turn_id=turn_id, keeps_others=True)
        done = await olga.expect_type("turn_undone", start=start)
        assert (done["is_ok"], done["conflicts"]) == (True, ["a.txt"])
        assert (tmp_path / room_id / "a.txt").read_text() == "mine now"
        assert not (tmp_path / room_id / "b.txt").exists()


async def test_what_a_tainted_turn_wrote_taints_whoever_reads_it_later(tmp_path: Path) -> None:
    script: list[Sequence[Moment]] = [
        call(ToolCall("c1", "look", "{}")),
        call(ToolCall("c2", "write_file", '{"path":"a.txt","content":"their words"}')),
        [TextDelta("Noted."), Finished("stop")],
        call(ToolCall("c3", "read_file", '{"path":"a.txt"}')),
    ]
    async with memory_pod(tmp_path, model=ChunkModel(*script), tools=Machine().tools) as pod:
        olga = await Guest.enter(pod, "olga")
        room_id = await room_of(olga)
        await olga.post(room_id, "@ai look and write")
        assert (await olga.expect_type("files_changed"))["taint"] == ["web"]
        await olga.expect_type("turn_ended")
        start = len(olga.heard)
        await olga.post(room_id, "@ai read it")
        finished = await olga.expect_type("tool_finished", start=start, call_id="c3")
        assert finished["taint"] == "file"
