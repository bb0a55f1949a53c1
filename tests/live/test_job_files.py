"""What background jobs write after their call: told as theirs, undone with their turn, marked as what they had seen."""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from multiplayer.compose.toolshed import owner_of
from multiplayer.live.pod import Pod
from multiplayer.live.room_jobs import JobNews
from multiplayer.live.workspace_door import ANY_VERSION
from multiplayer.models.scripted import Call, Say, ScriptedModel, Step
from multiplayer.protocol.audit import AuditEntry
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import AccountKind
from multiplayer.protocol.tools import ToolClass
from multiplayer.rooms.room import Room
from multiplayer.tools.checkpoints.checkpoints import Checkpoint
from multiplayer.tools.files.tools import file_tools
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolRegistry, ToolResult
from multiplayer.tools.terminal.job_tools import job_tools
from multiplayer.tools.terminal.job_view import JobView
from multiplayer.tools.terminal.jobs import Jobs
from multiplayer.tools.workspace import Workspace
from tests.live.test_approvals import decided
from tests.live.test_turn_controls import room_of
from tests.live.test_undoing import files, requested, undo
from tests.support.pods import PATIENCE_S, Guest, Line, memory_pod, system_clock
from tests.support.sandboxes import open_folder
from tests.support.tool_calls import strict_sandbox

pytestmark = pytest.mark.slow
WAITS = "echo 1 > early.txt; until [ -e go ]; do sleep 0.02; done; echo 2 > late.txt"
STAYS = f"{WAITS}; sleep 97"


class Nothing(Arguments):
    pass


async def _look(_arguments: Nothing, _context: ToolCallContext) -> ToolResult:
    return ToolResult(ok=True, text="a site's words", taint=Taint.WEB)


@dataclass
class Yard:
    """alice's room, and bob, whose jobs she approves."""

    pod: Pod
    folder: Path
    alice: Guest
    bob: Guest
    room_id: RoomId
    has_ended: asyncio.Event
    """A job has."""

    async def room(self) -> Room:
        return (await self.pod.directory.host(self.room_id)).room

    async def started(self, *, asked: str = "@ai go on") -> str:
        """Let bob ask and alice approve; return the turn's id once the turn is over."""
        start = len(self.alice.heard)
        await self.bob.post(self.room_id, asked)
        card = await self.alice.expect_type("approval_requested", start=start)
        assert (await decided(self.alice, self.room_id, card))["type"] == "accepted"
        assert (await self.alice.expect_type("turn_ended", start=start))["outcome"] == "done"
        return str(card["turn_id"])

    async def put(self, path: str) -> None:
        await self.pod.workspace.door.write(self.room_id, self.alice.id, path, b"", ANY_VERSION)

    async def puts_until(self, path: str) -> None:
        """Change a file again and again, until this one is there."""
        async with asyncio.timeout(PATIENCE_S):
            await self.put("again")
            while path not in self.files():
                await self.put("again")

    async def told(self, path: str) -> Line:
        """Wait for the change of this file."""
        return await self.alice.expect(
            lambda line: (
                line["type"] == "files_changed"
                and any(change["path"] == path for change in cast("Sequence[dict[str, object]]", line["changes"]))
            )
        )

    def files(self) -> dict[str, str]:
        return files(self.folder, self.room_id)


@asynccontextmanager
async def yard(*turns: Sequence[Step]) -> AsyncIterator[Yard]:
    news = JobNews()
    clock = system_clock()
    has_ended = asyncio.Event()

    async def ended(room_id: RoomId, view: JobView) -> None:
        has_ended.set()
        await news.ended(room_id, view)

    with open_folder() as folder:
        async with (
            strict_sandbox(folder) as (sandbox, _),
            Jobs(sandbox, now=clock.now, on_output=news.tell, on_end=ended) as jobs,
        ):
            look = Tool("look", "Look at a site.", Nothing, ToolClass.ROOM, _look)
            tools = ToolRegistry([*file_tools(), *job_tools(jobs, owner_of), look])
            model = ScriptedModel([turn for steps in turns for turn in ([*steps], [Say("All done.")])])
            async with memory_pod(
                folder / "workspaces", model=model, tools=tools, jobs=jobs, news=news, clock=clock
            ) as pod:
                alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
                yield Yard(pod, folder / "workspaces", alice, bob, await room_of(alice, bob), has_ended)


async def test_what_a_job_writes_after_its_call_is_told_as_its_turns_and_undone_with_it() -> None:
    async with yard([Call("job_start", {"command": WAITS})]) as at:
        turn_id = await at.started()
        await at.put("go")
        late = await at.told("late.txt")
        assert (late["turn_id"], late["asked_by"], late["approved_by"]) == (turn_id, [at.bob.id], [at.alice.id])
        assert (await at.told("go"))["actor_id"] == at.alice.id
        assert at.files() == {"early.txt": "1\n", "late.txt": "2\n", "go": ""}
        undone = await undo(at.alice, at.room_id, turn_id)
        assert (undone["is_ok"], undone.get("conflicts", [])) == (True, [])
        assert at.files() == {"go": ""}


async def test_what_a_job_wrote_is_told_before_the_next_change_of_anybody_else() -> None:
    async with yard([Call("job_start", {"command": STAYS})]) as at:
        turn_id = await at.started()
        await at.put("go")
        await at.puts_until("late.txt")
        await at.put("last")
        assert (await at.told("late.txt"))["turn_id"] == turn_id
        assert not [path for path in at.files() if path not in {"early.txt", "late.txt", "go", "again", "last"}]
        last = await at.told("last")
        assert (last["actor_id"], [change["path"] for change in cast("list[Line]", last["changes"])]) == (
            at.alice.id,
            ["last"],
        )
        undone = await undo(at.alice, at.room_id, turn_id)
        assert undone["is_ok"] is True
        assert set(at.files()) == {"go", "again", "last"}


async def test_what_the_job_of_a_turn_with_untrusted_words_writes_is_marked() -> None:
    async with yard([Call("look", {}), Call("job_start", {"command": WAITS})]) as at:
        await at.started()
        await at.put("go")
        assert (await at.told("late.txt"))["taint"] == ["file", "web"], "early.txt is marked too"
        room = (await at.pod.directory.host(at.room_id)).room
        assert "late.txt" in room.state.notes.tainted_files


async def test_a_job_that_may_have_read_a_marked_file_leaves_marked_ones() -> None:
    marking: list[Step] = [Call("look", {}), Call("write_file", {"path": "bad.txt", "content": "obey"})]
    async with yard(marking, [Call("job_start", {"command": WAITS})]) as at:
        await at.bob.post(at.room_id, "@ai write")
        assert (await at.alice.expect_type("turn_ended"))["outcome"] == "done"
        await at.started()
        await at.put("go")
        assert "file" in cast("list[str]", (await at.told("late.txt"))["taint"])


async def test_what_jobs_wrote_is_told_before_the_server_ends() -> None:
    async with yard([Call("job_start", {"command": STAYS})]) as at:
        turn_id = await at.started()
        await at.put("go")
        await at.puts_until("late.txt")
        storage, room_id = at.pod.storage, at.room_id
    events = await storage.events_after(room_id, 0, limit=1000)
    told = [str(event.line) for event in events if b'"late.txt"' in event.line]
    assert turn_id in told[0]


async def told_by_now(at: Yard, path: str) -> Line:
    """Let the jobs end, and return the change of this file that was told."""
    for job in await at.pod.jobs.listing(at.room_id, at.alice.id):
        await at.pod.jobs.stop(at.room_id, at.alice.id, job.job_id)
    return await at.told(path)


async def test_the_turn_of_a_busy_job_is_undone_though_others_changed_files_meanwhile() -> None:
    async with yard([Call("job_start", {"command": "while :; do date +%s%N >> log.txt; sleep 0.002; done"})]) as at:
        turn_id = await at.started()
        for number in range(4):
            await at.put(f"mine-{number}")
        await told_by_now(at, "log.txt")
        undone = await undo(at.alice, at.room_id, turn_id)
        assert (undone["is_ok"], undone.get("conflicts", [])) == (True, [])
        assert set(at.files()) == {f"mine-{number}" for number in range(4)}


async def test_what_a_job_writes_after_its_turn_was_undone_can_be_undone_too() -> None:
    async with yard([Call("job_start", {"command": STAYS})]) as at:
        turn_id = await at.started()
        assert (await undo(at.alice, at.room_id, turn_id))["is_ok"] is True
        await at.put("go")
        await at.puts_until("late.txt")
        assert (await told_by_now(at, "late.txt"))["turn_id"] == turn_id
        assert (await undo(at.alice, at.room_id, turn_id))["is_ok"] is True
        assert "late.txt" not in at.files()


async def test_a_checkpoint_that_is_lost_keeps_nobody_from_changing_files() -> None:
    async with yard([Call("job_start", {"command": STAYS})]) as at:
        await at.started()
        await at.put("go")
        await at.puts_until("late.txt")
        shutil.rmtree(at.folder.with_name("workspaces-checkpoints") / at.room_id)
        for number in range(3):
            await at.put(f"more-{number}")
        assert {"more-0", "more-1", "more-2"} <= set(at.files())


async def test_what_a_tainted_turns_job_prints_taints_who_reads_it() -> None:
    begins: list[Step] = [Call("look", {}), Call("job_start", {"command": "echo OBEY; sleep 97"})]
    async with yard(begins, [Call("job_list", {})]) as at:
        await at.started()
        start = len(at.alice.heard)
        await at.alice.post(at.room_id, "@ai list")
        finished = await at.alice.expect_type("tool_finished", start=start)
        assert "echo OBEY" in str(finished["text"])
        assert finished["taint"] == "web"


async def test_a_member_stops_no_job_through_an_ai_that_he_may_not_stop_himself() -> None:
    which = {"job_id": "not known yet"}
    async with yard([Call("job_start", {"command": "sleep 97"})], [Call("job_stop", which)]) as at:
        await at.alice.post(at.room_id, "@ai start it")
        card = await at.alice.expect_type("approval_requested")
        assert (await decided(at.alice, at.room_id, card))["type"] == "accepted"
        await at.alice.expect_type("turn_ended")
        [job] = await at.pod.jobs.listing(at.room_id, at.alice.id)
        with pytest.raises(Refused, match="may not stop this job"):
            await at.pod.jobs.stop(at.room_id, at.bob.id, job.job_id)
        which["job_id"] = job.job_id
        start = len(at.alice.heard)
        await at.bob.post(at.room_id, "@ai stop it")
        finished = await at.alice.expect_type("tool_finished", start=start)
        assert "may not stop this job" in str(finished["text"])
        [job] = await at.pod.jobs.listing(at.room_id, at.alice.id)
        assert job.state == "running"


class HeldUp:
    """Takes checkpoints; the second one, after the call, only when it is let."""

    def __init__(self, take: Callable[..., Checkpoint]) -> None:
        self._take = take
        self._taken = 0
        self.reached = threading.Event()
        self.goes_on = threading.Event()

    def __call__(self, room_id: RoomId, workspace: Workspace, *, reads_all: bool) -> Checkpoint:
        self._taken += 1
        if self._taken == 2:
            self.reached.set()
            assert self.goes_on.wait(PATIENCE_S)
        return self._take(room_id, workspace, reads_all=reads_all)


async def test_a_stop_while_a_calls_change_is_looked_at_loses_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    async with yard([Call("write_file", {"path": "x.txt", "content": "1"})]) as at:
        takes = HeldUp(at.pod.workspace.reports._workbench.checkpoints.take)
        monkeypatch.setattr(at.pod.workspace.reports._workbench.checkpoints, "take", takes)
        turn_id = await requested(at.bob, at.room_id, "@ai write")
        assert await asyncio.to_thread(takes.reached.wait, PATIENCE_S)
        assert (await at.bob.ask(type="stop_turn", room_id=at.room_id, turn_id=turn_id))["type"] == "accepted"
        takes.goes_on.set()
        await at.alice.expect_type("turn_ended")
        assert at.files() == {"x.txt": "1"}
        assert (await at.told("x.txt"))["turn_id"] == turn_id


async def removes_the_ai(at: Yard) -> None:
    [ai] = (member for member in (await at.room()).state.members.values() if member.kind is AccountKind.AI)
    await at.alice.ask(type="remove_member", room_id=at.room_id, account_id=ai.account_id)


async def forbids_the_tool(at: Yard) -> None:
    settings = (await at.room()).state.room.settings.model_copy(update={"tools": ("read_file",)})
    await at.alice.ask(type="set_room_settings", room_id=at.room_id, settings=settings.model_dump(mode="json"))


async def disables_the_account(at: Yard) -> None:
    now = at.pod.clock.now()
    audit = AuditEntry(at=now, actor_id=at.alice.id, origin="cli", action="account_disabled", subject=at.bob.id)
    assert await at.pod.storage.disable_account(at.bob.id, disabled=True, audit=audit)


@pytest.mark.parametrize("ends", [removes_the_ai, forbids_the_tool, disables_the_account])
async def test_a_job_ends_with_what_allowed_it(ends: Callable[[Yard], Awaitable[None]]) -> None:
    async with yard([Call("job_start", {"command": "sleep 97"})]) as at:
        await at.started()
        await ends(at)
        async with asyncio.timeout(PATIENCE_S):
            await at.has_ended.wait()
        [job] = await at.pod.jobs.listing(at.room_id, at.alice.id)
        assert job.stop == "asker_gone"
